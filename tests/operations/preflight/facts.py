"""A region for which every check passes, and a handle for each thing that a test is about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hybrid_erp.model.books import AccountMovement
from hybrid_erp.model.cutover import CheckResult, CutoverRequest, Direction, Mode, Verdict, Versions
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.lock_out import LockOutState, PostingRight
from hybrid_erp.model.ownership import OWNED_KINDS, Phase, PostingKind
from hybrid_erp.model.preflight import (
    WHOLE,
    Backlog,
    BookedLine,
    BusiestHour,
    HalfPair,
    Issued,
    KindState,
    LatestReconciliation,
    MoveMade,
    Quietness,
    StoreHealth,
    Stuck,
    UnderWay,
)
from hybrid_erp.operations.preflight.needs import Companies, Facts
from hybrid_erp.operations.preflight.subject import Subject
from tests.builders import the_settings

NOW = datetime(2026, 11, 27, 20, 0, tzinfo=UTC)
ENTITIES = ("DE01", "UK01")
LEGACY, CLOUD = "ledgersmb-emea", "tryton-emea"
VERSIONS = Versions("f" * 64, {LEGACY: "1", CLOUD: "1"}, "1", "0.1.0")
SETTINGS = the_settings()
GB = 1024**3
A_RECONCILIATION = UUID("00000000-0000-0000-0000-000000000001")


def ago(**age: float) -> datetime:
    return NOW - timedelta(**age)


def a_subject(
    mode: Mode = Mode.LIVE, direction: Direction = Direction.CUTOVER, now: datetime = NOW, versions: Versions = VERSIONS, **cutover: Any
) -> Subject:
    """EMEA as it is configured; what is given beside changes the plan of its cutover."""
    there = direction is Direction.CUTOVER
    request = CutoverRequest(
        region="emea",
        direction=direction,
        mode=mode,
        kinds=OWNED_KINDS,
        legal_entities=ENTITIES,
        from_period="2026-11",
        old_owner=LEGACY if there else CLOUD,
        new_owner=CLOUD if there else LEGACY,
        run="run-1",
        requested_by="lena",
        reason="it is time",
        ticket="CHG-1",
    )
    plan = SETTINGS.plan("emea")
    assert plan.cutover is not None
    changed = plan.cutover.model_validate(plan.cutover.model_dump() | {"dual_run_days_min": 14} | cutover)
    return Subject(
        request=request,
        plan=plan.model_copy(update={"cutover": changed}),
        versions=versions,
        now=now,
        mappings={erp: SETTINGS.mappings[erp] for erp in (LEGACY, CLOUD)},
        firm_entities=("CA01", *ENTITIES, "US01"),
    )


def asking(subject: Subject, **changes: Any) -> Subject:
    """The same with another request."""
    return replace(subject, request=replace(subject.request, **changes))


def a_kind(kind: PostingKind, **changes: Any) -> KindState:
    return replace(KindState(kind, Phase.DUAL_RUN, LEGACY, CLOUD, WHOLE, None, ago(days=20)), **changes)


def in_hypercare() -> list[KindState]:
    return [a_kind(kind, phase=Phase.HYPERCARE, owner=CLOUD, candidate=LEGACY, dual_run_since=None) for kind in OWNED_KINDS]


def a_reconciliation(**changes: Any) -> LatestReconciliation:
    differences = {"rounding": (2, Decimal("0.02"))}
    found = LatestReconciliation(
        A_RECONCILIATION, ago(minutes=30), True, (), frozenset(ENTITIES), "f" * 64, {LEGACY: "1", CLOUD: "1"}, differences
    )
    return replace(found, **changes)


def a_move(**changes: Any) -> MoveMade:
    kinds = frozenset(OWNED_KINDS)
    made = MoveMade(Direction.CUTOVER, Mode.REHEARSAL, kinds, "rehearsed", ago(days=2), "f" * 64, {LEGACY: "1", CLOUD: "1"}, "0.1.0")
    return replace(made, **changes)


def a_right(login: str, kind: PostingKind) -> PostingRight:
    return PostingRight(login, f"{kind}_post", kind)


def a_lock_out_state(*, without: Collection[str] = (), **changes: Any) -> LockOutState:
    """Our three credentials and a bookkeeper, who post every kind; `without` take no part."""
    logins = [each for each in ("control", "candidate", "run_off", "billie") if each not in without]
    rights = frozenset(a_right(login, kind) for login in logins for kind in OWNED_KINDS)
    ours = {Role.CONTROL: "control", Role.CANDIDATE: "candidate", Role.RUN_OFF: "run_off"}
    return replace(LockOutState(0, rights, frozenset(), ours), **changes)


@dataclass
class FakeStore:
    """Everything that the store says."""

    states: list[KindState] = field(default_factory=lambda: [a_kind(kind) for kind in OWNED_KINDS])
    others: list[UnderWay] = field(default_factory=list)
    moves: list[MoveMade] = field(default_factory=lambda: [a_move()])
    given: Issued = field(default_factory=lambda: Issued(None, None, ()))
    reconciliation: LatestReconciliation | None = field(default_factory=a_reconciliation)
    stuck_ones: list[Stuck] = field(default_factory=list)
    waiting: list[Backlog] = field(default_factory=list)
    best: BusiestHour | None = None
    lines: dict[str, list[BookedLine]] = field(default_factory=dict)
    """By legal entity, of the old owner."""
    halves: list[HalfPair] = field(default_factory=list)
    state: StoreHealth = field(default_factory=lambda: StoreHealth("7/00000001", 1, "standby-1", 0.01, 97, 12, 4 * GB))
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def kinds(self, region: str, from_period: str) -> Sequence[KindState]:
        return self.states

    def under_way(self, region: str) -> Sequence[UnderWay]:
        return self.others

    def made(self, region: str) -> Sequence[MoveMade]:
        return self.moves

    def issued(self, region: str, owner: str) -> Issued:
        self.asked.append((region, owner))
        return self.given

    def latest(self, region: str) -> LatestReconciliation | None:
        return self.reconciliation

    def stuck(self, region: str, kinds: Collection[str], *, marked_before: datetime) -> Sequence[Stuck]:
        self.asked.append((region, *kinds, marked_before))
        return self.stuck_ones

    def backlog(self, region: str, kinds: Collection[str], new_owner: str) -> Sequence[Backlog]:
        return self.waiting

    def busiest_hour(self, legal_entities: Collection[str], erp: str, *, since: datetime) -> BusiestHour | None:
        return self.best

    def booked_lines(self, erp: str, legal_entity: str, *, since_period: str) -> Sequence[BookedLine]:
        self.asked.append((erp, legal_entity, since_period))
        return self.lines.get(legal_entity, [a_line()])

    def half_pairs(self, legal_entities: Collection[str], firm_entities: Collection[str]) -> Sequence[HalfPair]:
        self.asked.append((tuple(legal_entities), tuple(firm_entities)))
        return self.halves

    def health(self) -> StoreHealth:
        return self.state


@dataclass
class FakeCompanies:
    """Everything that the ERPs say."""

    failures: dict[tuple[str, str, Role], Exception] = field(default_factory=dict)
    closed: set[tuple[str, str]] = field(default_factory=set)
    """(ERP, accounting period)"""
    moved: list[AccountMovement] = field(default_factory=lambda: [a_movement()])
    loud: dict[str, Quietness] = field(default_factory=dict)
    states: dict[str, LockOutState] = field(default_factory=dict)
    custodian_fails: dict[str, Exception] = field(default_factory=dict)
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def identity(self, erp: str, legal_entity: str, role: Role) -> ErpIdentity:
        self.asked.append((erp, legal_entity, role))
        if error := self.failures.get((erp, legal_entity, role)):
            raise error
        return ErpIdentity("database", "Company", "EUR", "1")

    def open_on(self, erp: str, legal_entity: str, day: date) -> bool:
        self.asked.append((erp, legal_entity, day))
        return (erp, f"{day:%Y-%m}") not in self.closed

    def movements(self, erp: str, legal_entity: str) -> Sequence[AccountMovement]:
        return self.moved

    def quietness(self, erp: str, legal_entity: str) -> Quietness:
        return self.loud.get(erp, Quietness("nothing is sent by itself"))

    def lock_out_state(self, erp: str, legal_entity: str) -> LockOutState:
        if error := self.custodian_fails.get(erp):
            raise error
        return self.states.get(erp, a_lock_out_state())


@dataclass
class FakeSurroundings:
    """Airflow, and a machine."""

    problems: list[str] | None = field(default_factory=list)
    logins: frozenset[str] | None = frozenset({"lena", "lead", "deputy", "controller", "controller-uk"})
    free_bytes: int = 50 * GB
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def pool_problems(self, erps: Collection[str]) -> Sequence[str] | None:
        self.asked.append(tuple(erps))
        return self.problems

    def known_logins(self) -> frozenset[str] | None:
        return self.logins

    def disk_free_bytes(self) -> int:
        return self.free_bytes


def a_line(account: str = "1100", **changes: Any) -> BookedLine:
    return replace(BookedLine(DocumentType.INVOICE, account, (("project", "P-1"),), None, date(2026, 10, 5)), **changes)


def a_movement(account: str = "1200", canonical: str | None = "1100", period: str = "2026-10", amount: str = "10.00") -> AccountMovement:
    return AccountMovement(period, account, canonical, Decimal(amount), Decimal(0))


def facts(store: FakeStore | None = None, companies: Companies | None = None, surroundings: FakeSurroundings | None = None) -> Facts:
    store = store or FakeStore()
    return Facts(store, store, store, store, store, store, companies or FakeCompanies(), surroundings or FakeSurroundings())


def assert_verdict(result: CheckResult, verdict: Verdict, *words: str) -> None:
    """It answers so, says these words, and tells what to do unless all is well."""
    assert result.verdict is verdict, result
    for each in words:
        assert each in result.found, result.found
    assert result.found.endswith(".")
    assert (result.remedy == "") == (verdict is Verdict.PASS), result
