"""A region that moves: a real store, both ERPs in memory, and the steps of its cutovers as their DAG takes them."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from hybrid_erp.adapters.store.claims import PostgresClaims
from hybrid_erp.adapters.store.cutovers import PostgresCutovers
from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.cutover import ApproverRole, Cutover, CutoverRequest, Direction, Limits, Mode, Step
from hybrid_erp.model.cutover_plan import Approvers, CutoverPlan
from hybrid_erp.model.delivery import InDoubt, Role
from hybrid_erp.model.lock_out import is_locked
from hybrid_erp.model.ownership import OWNED_KINDS
from hybrid_erp.operations.cutover.canary import canary_ids
from hybrid_erp.operations.cutover.drain import drain
from hybrid_erp.operations.cutover.final_delta import final_delta
from hybrid_erp.operations.cutover.freeze import freeze
from hybrid_erp.operations.cutover.lock_out import lock_out
from hybrid_erp.operations.cutover.move import Found, Move
from hybrid_erp.operations.cutover.release import release
from hybrid_erp.operations.cutover.smoke_test import smoke_test
from hybrid_erp.operations.cutover.switch import switch
from hybrid_erp.operations.cutover.verify import verify
from sandbox.postgres import Cluster
from sandbox.store_setup import login_of
from tests.builders import a_journal_entry
from tests.fake_lock_out import everybodys_rights
from tests.operations.cutover.companies import BOOKED_ON, Ask, Companies, Company
from tests.operations.cutover.moments import Connections, Watcher, nobody, watched
from tests.operations.cutover.recording import Recording
from tests.operations.cutover.work import CANARY, WorkOnFakes
from tests.protocol_model.trace import Record
from tests.store.cutovers import ENTITIES, EVIDENCE, EVIDENCE_HASH, LIMITS, VERSIONS, dual_run
from tests.stores import CLOUD, LEGACY, SETTINGS, TEMPLATE, Store, believe

PLAN: Final = CutoverPlan(
    approvers=Approvers(migration_lead=("lee",), controllers=dict.fromkeys(ENTITIES, ("carla",))),
    canary=CANARY,
    lease_seconds=60,
    drain_seconds_max=30,
    delta_seconds_max=30,
)
TAKEN: Final[Mapping[Step, Callable[[Move], Found]]] = {
    Step.FREEZE: freeze,
    Step.DRAIN: drain,
    Step.LOCK_OUT: lock_out,
    Step.FINAL_DELTA: final_delta,
    Step.VERIFY: verify,
    Step.SWITCH: switch,
    Step.SMOKE_TEST: smoke_test,
    Step.RELEASE: lambda move: release(move, reason="the run has ended"),
}
#: What a run of a cutover does, in its order. The first stands for request, evidence and everybody's yes.
STEPS: Final = (Step.APPROVAL, *TAKEN)

# Leases end, and what waits for its next attempt is due.
TIME_PASSES: Final = """
    UPDATE outbox SET due_at = clock_timestamp() WHERE state NOT IN ('posted', 'cancelled', 'dead_lettered');
    UPDATE delivery SET lease_until = clock_timestamp() WHERE state = 'claimed'
"""
FROZEN_STILL: Final = """
    SELECT kind FROM ownership WHERE region = 'emea'
    AND (cutover_id IS NOT NULL OR frozen_until IS NOT NULL OR lock_generation IS NOT NULL OR moving_from_period IS NOT NULL)
"""
#: Long enough for every copy of a copy.
ROUNDS: Final = 6

Facts = tuple[tuple[Companies, list[UUID], list[UUID], int], tuple[Record, ...]]
"""Of a region: its companies, what was sent and typed in, the amounts used, and the trace that led there."""

_stores = itertools.count(1)
_runs = itertools.count(1)


@dataclass(frozen=True)
class Run:
    """One run of a DAG."""

    direction: Direction = Direction.CUTOVER
    mode: Mode = Mode.LIVE
    limits: Limits = LIMITS
    from_period: str = "2025-01"
    name: str = field(default_factory=lambda: f"run-{next(_runs)}")

    @property
    def old(self) -> str:
        return LEGACY if self.direction is Direction.CUTOVER else CLOUD

    @property
    def new(self) -> str:
        return CLOUD if self.direction is Direction.CUTOVER else LEGACY


@dataclass
class Clock:
    """Time that passes when somebody waits."""

    passes: Callable[[], object]
    seconds: float = 0

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.passes()


@dataclass
class Runner:
    """One process that takes steps."""

    connections: Connections
    work: WorkOnFakes
    clock: Clock
    lacking: Callable[[], bool]
    """Whether anything is on its way still."""
    plan: CutoverPlan = PLAN
    closers: Callable[[str, str], frozenset[str]] = lambda erp, legal_entity: frozenset()

    @property
    def cutovers(self) -> PostgresCutovers:
        return PostgresCutovers(self.connections.of("cutover"), "runner")

    def take(self, run: Run, step: Step) -> Found:
        """Take one step of a run, as its DAG does: whatever came before, and however often."""
        if step is Step.APPROVAL:
            return self.ask(run)
        store, move = self.cutovers, self.move(run)
        number = store.begin_step(move.cutover_id, step)
        found = TAKEN[step](move)
        store.end_step(number, outcome="done", found=found)
        return found

    def request(self, run: Run) -> UUID:
        """What the migration lead asks for."""
        asked = CutoverRequest(
            region="emea",
            direction=run.direction,
            mode=run.mode,
            kinds=OWNED_KINDS,
            legal_entities=ENTITIES,
            from_period=run.from_period,
            old_owner=run.old,
            new_owner=run.new,
            run=run.name,
            requested_by="lena",
            reason="it is time",
            ticket="CHG-1",
        )
        return self.cutovers.request(asked, run.limits, VERSIONS)

    def ask(self, run: Run) -> Found:
        """Request, evidence, and the yes of everybody who has not said it."""
        store = self.cutovers
        found = store.of_run("emea", run.name)
        if found is not None and found.frozen_at is not None:
            return {}
        cutover_id = self.request(run)
        store.store_evidence(cutover_id, EVIDENCE, EVIDENCE_HASH)
        said = {(each.role, each.legal_entity) for each in store.approvals(cutover_id)}
        wanted = [(ApproverRole.MIGRATION_LEAD, "", "lee"), *((ApproverRole.CONTROLLER, entity, "carla") for entity in ENTITIES)]
        for role, entity, person in wanted:
            if (role, entity) not in said:
                terms = {"evidence_hash": EVIDENCE_HASH, "by": person, "by_id": person}
                store.approve(cutover_id, role, entity, answered_at=datetime.now(UTC), **terms)
        return {}

    def move(self, run: Run) -> Move:
        """The run's cutover."""
        found = self.cutovers.of_run("emea", run.name)
        assert found is not None, f"{run.name} was not asked for"
        return Move(
            found.cutover_id,
            self.cutovers,
            self.work,
            self.plan,
            closers=self.closers,
            clock=self.clock.now,
            wait=self.clock.wait,
        )

    def go(self, run: Run, *, until: Step = Step.RELEASE) -> None:
        """Every step in its order, up to one and with it."""
        for step in STEPS[: STEPS.index(until) + 1]:
            self.take(run, step)

    def let_everything_arrive(self) -> None:
        """What the deliveries and captures of the dual run do in the end, again and again."""
        for _ in range(ROUNDS):
            if not self.lacking():
                break
            self.clock.passes()
            for erp in (LEGACY, CLOUD):
                for entity in ENTITIES:
                    self.work.follow(erp, entity)
                for role in (Role.CONTROL, Role.CANDIDATE):
                    claims = PostgresClaims(self.connections.of("delivery", use=" claims"), self.work.worker, role)
                    for entity in sorted({queue.legal_entity for queue in claims.due(erp)}):
                        self.work.deliver(erp, entity, role, seconds=30)


@dataclass
class Region:
    """EMEA: its store, its companies, and everything that it has ever accepted or that people have typed in."""

    cluster: Cluster
    database: str
    companies: Companies
    admin: psycopg.Connection[dict[str, Any]]
    stack: ExitStack = field(repr=False)
    accepted: list[UUID] = field(default_factory=list)
    typed_in: list[UUID] = field(default_factory=list)
    amounts: int = 100
    one_at_a_time: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self.here = self.stack_runner("here")
        self.recording = Recording(self.admin, ENTITIES)

    def dsn(self, duty: str) -> str:
        return self.cluster.dsn(self.database, login_of(duty))

    def runner(self, name: str, ask: Ask, watcher: Watcher = nobody, passes: Callable[[], object] | None = None) -> Runner:
        """A runner whose every moment is watched."""
        connections = Connections(self.dsn, name, watcher)
        work = WorkOnFakes(connections, watched(ask, watcher), worker=name)
        return Runner(connections, work, Clock(passes or self.time_passes), self.lacking)

    def lacking(self) -> bool:
        """Whether anything is not where it belongs."""
        captured = self.sql("SELECT erp, legal_entity, native_id FROM native_document")
        known = {(row["erp"], row["legal_entity"], row["native_id"]) for row in captured}
        typed_in = {(*address, entry.native_id) for address, company in self.companies.of.items() for entry in company.natives}
        return known != typed_in or self.sql("SELECT 1 FROM outbox WHERE state NOT IN ('posted', 'cancelled') LIMIT 1") != []

    def stack_runner(self, name: str) -> Runner:
        """A runner in this process, that lives as long as the region."""
        made = self.runner(name, self.companies_ask)
        self.stack.callback(made.connections.close)
        return made

    def companies_ask(self, erp: str, legal_entity: str, call: str, arguments: tuple[Any, ...]) -> Any:
        """Of the companies as they are now; they may be replaced by those of an earlier state. An ERP does one thing after the other."""
        with self.one_at_a_time:
            return self.companies.ask(erp, legal_entity, call, arguments)

    def company(self, erp: str, legal_entity: str) -> Company:
        return self.companies.of[erp, legal_entity]

    def sql(self, statement: str, *terms: Any) -> list[dict[str, Any]]:
        """As the superuser, behind everybody's back."""
        cursor = self.admin.execute(statement.encode(), terms or None)
        return cursor.fetchall() if cursor.description is not None else []

    def time_passes(self) -> None:
        """Every lease has ended."""
        self.sql(TIME_PASSES)

    # What goes on whatever moves

    def accept(self, *legal_entities: str, by: Runner | None = None, **changes: Any) -> list[UUID]:
        """Upstream sends a posting of each; their ids."""
        events = []
        for legal_entity in legal_entities:
            with self.one_at_a_time:
                self.amounts += 1
                told = f"live-{self.amounts}"
                events.append(a_journal_entry(legal_entity, amount=f"{self.amounts}.00", **{"id": told, "number": told, **changes}))
        postings = [posting_of(SETTINGS.firm, event) for event in events]
        (by or self.here).connections.intake().accept([postings], accepted_by="tests")
        accepted = [posting.posting_id for posting in postings]
        self.accepted += accepted
        return accepted

    def type_in(self, erp: str, legal_entity: str, on: date = BOOKED_ON) -> bool:
        """A bookkeeper posts natively; False: he was refused to his face."""
        with self.one_at_a_time:
            self.amounts += 1
            found = self.company(erp, legal_entity).type_in(f"{self.amounts}.00", on)
            self.typed_in += [] if found is None else [found]
        return found is not None

    def go_on_living(self) -> None:
        """One moment of the firm's life: postings come in, and people try to post in both ERPs."""
        self.accept("DE01")
        self.type_in(LEGACY, "UK01")
        self.type_in(CLOUD, "DE01")

    def begin(self, run: Run) -> None:
        """What a cutover meets: history, a copy that waits, a delivery in doubt, a posting that waits, documents that people typed in."""
        work = self.here.work
        self.accept("DE01", "UK01")
        for entity in ENTITIES:
            work.deliver(run.old, entity, Role.CONTROL, seconds=30)
            work.deliver(run.new, entity, Role.CANDIDATE, seconds=30)
        self.accept("DE01", "UK01")
        self.company(run.old, "UK01").books.outcomes.append(InDoubt("a time-out"))
        for entity in ENTITIES:
            work.deliver(run.old, entity, Role.CONTROL, seconds=30)
        self.type_in(run.old, "DE01")
        self.type_in(run.new, "UK01")
        self.accept("DE01")

    # What must be so in the end

    def cutover(self, run: Run) -> Cutover | None:
        return self.here.cutovers.of_run("emea", run.name)

    def phases(self) -> set[str]:
        return {row["phase"] for row in self.sql("SELECT phase FROM ownership WHERE region = 'emea' AND kind <> 'reference'")}

    def owner(self) -> str:
        """Of every kind and period that moves."""
        statement = """
            SELECT DISTINCT owner FROM ownership w JOIN LATERAL (
                SELECT owner FROM ownership_period p WHERE p.ownership_id = w.ownership_id ORDER BY from_period DESC LIMIT 1) p ON true
            WHERE region = 'emea' AND kind <> 'reference'"""
        (row,) = self.sql(statement)
        return str(row["owner"])

    def canaries(self) -> list[UUID]:
        """The smoke tests' entries that were taken in."""
        switched = self.sql("SELECT cutover_id FROM cutover WHERE switched_at IS NOT NULL")
        moved = [self.here.cutovers.find(row["cutover_id"]) for row in switched]
        known = {row["posting_id"] for row in self.sql("SELECT posting_id FROM posting_key")}
        return [each for cutover in moved if cutover is not None for each in canary_ids(cutover) if each in known]

    def require_open(self, owner: str, *, locked: str | None) -> None:
        """The region is whole, and no trace of a move is left in it but the lock-out of the ERP that it has left."""
        phase = "dual_run" if owner == LEGACY else "hypercare"
        assert (self.owner(), self.phases()) == (owner, {phase})
        assert self.sql(FROZEN_STILL) == []
        assert self.sql("SELECT cutover_id FROM cutover WHERE ended_at IS NULL") == []
        for (erp, entity), company in self.companies.of.items():
            if erp == locked:
                assert is_locked(company.state(), OWNED_KINDS, ()), f"{entity} at {erp} lets somebody post"
            else:
                assert company.rights.rights == everybodys_rights(), f"{entity} at {erp} is not open"
        wanted = {row["erp"] for row in self.sql("SELECT DISTINCT erp FROM lock_out WHERE desired = 'locked'")}
        assert wanted == ({locked} if locked else set())

    def require_whole(self) -> None:
        """Everything that was ever accepted or typed in is in both ERPs, once, and nothing else is."""
        self.here.let_everything_arrive()
        open_still = self.sql("SELECT posting_id, destination, role, state, reason FROM outbox WHERE state <> 'posted'")
        assert open_still == []
        expected = Counter(self.accepted + self.typed_in + self.canaries())
        assert max(expected.values(), default=1) == 1
        for erp in (LEGACY, CLOUD):
            held: Counter[UUID] = Counter()
            for entity in ENTITIES:
                held += self.company(erp, entity).holds()
            assert held == expected, f"{erp}: too often {held - expected}, lost {expected - held}"
        for entity in ENTITIES:
            assert self.company(LEGACY, entity).total("2025-01") == self.company(CLOUD, entity).total("2025-01")
        twice = self.sql("SELECT posting_id FROM delivery WHERE state = 'posted' GROUP BY posting_id HAVING count(*) <> 2")
        assert twice == []

    def require_allowed(self) -> None:
        """Each step that the code has taken since the beginning is one that the protocol allows."""
        found = self.recording.disallowed()
        assert found is None, f"step {found.number}, {found.record.action}: {found.why}"

    def facts(self) -> Facts:
        """What is outside the store, to go back to."""
        return deepcopy((self.companies, self.accepted, self.typed_in, self.amounts)), self.recording.so_far()

    def go_back(self, facts: Facts) -> None:
        """As it was."""
        outside, trace = facts
        self.companies, self.accepted, self.typed_in, self.amounts = deepcopy(outside)
        self.recording.go_back(trace)


def a_region(cluster: Cluster, stack: ExitStack) -> Region:
    """EMEA in dual run on a store of its own, with nothing in it."""
    database = f"region_{next(_stores)}"
    cluster.create_database(database, template=TEMPLATE)
    believe(cluster, database)
    dual_run(Store(cluster, database, stack))
    admin = stack.enter_context(psycopg.connect(cluster.dsn(database), autocommit=True, row_factory=dict_row))
    companies = {(erp, entity): Company(erp, entity) for erp in (LEGACY, CLOUD) for entity in ENTITIES}
    for (_, entity), company in companies.items():
        company.books.legal_entity = entity
    return Region(cluster, database, Companies(companies), admin, stack)
