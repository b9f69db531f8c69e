"""What the rest of the product does for a cutover, on a real store and ERPs in memory: the real flow, capture and canaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

from psycopg.errors import UniqueViolation

from hybrid_erp.adapters.store.canaries import PostgresCanaries
from hybrid_erp.adapters.store.captures import PostgresCaptures
from hybrid_erp.adapters.store.claims import PostgresClaims
from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.adapters.store.reconciliations import PostgresReconciliations
from hybrid_erp.adapters.store.settlements import PostgresSettlements
from hybrid_erp.flow.checks import posting_of
from hybrid_erp.flow.claim import Worker
from hybrid_erp.flow.deliver import Delivery
from hybrid_erp.model.cutover import Cutover
from hybrid_erp.model.cutover_plan import Canary as CanaryAccounts
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import HybridErpError
from hybrid_erp.model.reconciliation import Verdict
from hybrid_erp.model.region_plan import CapturePolicy
from hybrid_erp.operations.capture.canonical import Canon
from hybrid_erp.operations.capture.capture import Policies, follow
from hybrid_erp.operations.cutover.canary import canary_events, canary_ids
from hybrid_erp.operations.cutover.needs import Canary
from hybrid_erp.operations.look_again import look_again
from hybrid_erp.ports import BooksReader, LockOut
from tests.operations.cutover.companies import CURRENCIES, Ask, Door
from tests.operations.cutover.moments import Connections
from tests.store.cutovers import VERSIONS
from tests.stores import CLOUD, LEGACY, SETTINGS

CANARY = CanaryAccounts(debit_account="5200", credit_account="1000")
CLAIM_SECONDS = 60.0
ENTITY = """
    INSERT INTO reconciliation_entity (reconciliation_id, legal_entity, currency, instant, settle_position, legacy_cursor, cloud_cursor,
                                       looks, passed, reasons) VALUES (%s, %s, %s, now(), %s, '', '', 1, %s, %s)
"""
DIFFERENCE = """
    INSERT INTO reconciliation_difference (reconciliation_id, legal_entity, difference_no, class, aspect, gross, moved, legacy, cloud,
                                           number, document_type, why, ignored, arrived)
    VALUES (%s, %s, %s, 'unexplained', '', 0, 0, '', '', %s, '', '', '', false)
"""
SETTLED = "SELECT coalesce(max(settle_position), 0) FROM delivery WHERE legal_entity = %s AND state = 'posted'"


@dataclass
class WorkOnFakes:
    """Keeps its connections, so that a step opens each at most once. Takes no turns: only claims keep two workers apart."""

    connections: Connections
    ask: Ask
    worker: str = "runner"
    wakes: list[Collection[str]] = field(default_factory=list)

    def company(self, erp: str, legal_entity: str) -> Door:
        """One company."""
        return Door(erp, legal_entity, self.ask)

    def deliver(self, erp: str, legal_entity: str, role: Role, *, seconds: float) -> None:
        """Until nothing is due or the time is up."""
        company = self.company(erp, legal_entity)
        claims = PostgresClaims(self.connections.of("delivery", use=" claims"), self.worker, role)
        settlements = PostgresSettlements(self.connections.of("delivery", use=" settlements"), self.worker)
        Worker(erp, legal_entity, claims, Delivery(SETTINGS.firm, company, settlements), CLAIM_SECONDS).run(seconds=seconds)

    def look_again(self, erp: str, legal_entity: str) -> None:
        """Look for dead letters that may be there."""
        letters = PostgresDeadLetters(self.connections.of("delivery", use=" claims"))
        look_again(erp, legal_entity, self.company(erp, legal_entity), letters, by="cutover")

    def capture(self, cutover: Cutover, erp: str, legal_entity: str) -> None:
        """Capture what was typed in."""
        with suppress(UniqueViolation):  # the capture of the dual run stored the same document a moment before
            self.follow(erp, legal_entity)
            return
        self.follow(erp, legal_entity)

    def follow(self, erp: str, legal_entity: str) -> None:
        """As the capture of the dual run does."""
        connection = self.connections.of("capture")
        boundary = PostgresDualRun(connection).boundary(legal_entity, CLOUD)
        assert boundary is not None
        captures = PostgresCaptures(connection, f"capture:{erp}")
        if captures.cursor(erp, legal_entity) is None:
            captures.begin(erp, legal_entity, boundary.control_cursor if erp == boundary.control else boundary.candidate_cursor)
        policies = Policies(CapturePolicy.CAPTURE, {}, is_owner=PostgresDualRun(connection).owns_ledger("emea", erp))
        canon = Canon(erp, SETTINGS.firm, lambda event: posting_of(SETTINGS.firm, event), lambda native_id: None)
        reader = cast("BooksReader", self.company(erp, legal_entity))  # follow() asks for changes and entries alone
        follow(erp, legal_entity, reader, captures, canon, policies)

    @contextmanager
    def lock_out(self, erp: str, legal_entity: str) -> Iterator[LockOut]:
        """The custodian's session."""
        yield self.company(erp, legal_entity)

    def reconcile(self, cutover: Cutover) -> UUID:
        """Compare both ERPs document by document."""
        connection = self.connections.of("delivery", use=" claims")
        store = PostgresReconciliations(connection)
        terms: dict[str, Any] = {"region": cutover.region, "legacy": LEGACY, "cloud": CLOUD, "depth": "changed", "plan": {}}
        terms |= {"legal_entities": list(cutover.legal_entities), "requested_by": "runner", "run": f"{cutover.run} {uuid4()}"}
        reconciliation_id = store.begin(terms | {"configuration": VERSIONS.configuration, "mappings": VERSIONS.mappings})
        reasons: list[str] = []
        for entity in cutover.legal_entities:
            row = connection.execute(SETTLED, (entity,)).fetchone()
            assert row is not None
            legacy, cloud = self.company(LEGACY, entity).holds(), self.company(CLOUD, entity).holds()
            lacking = [str(each) for each in sorted((legacy - cloud) + (cloud - legacy), key=str)]
            told = [f"{len(lacking)} documents of {entity} are in one ERP alone"] if lacking else []
            connection.execute(ENTITY, (reconciliation_id, entity, CURRENCIES[entity], row[0], not lacking, told))
            for number, each in enumerate(lacking, 1):
                connection.execute(DIFFERENCE, (reconciliation_id, entity, number, each))
            reasons += told
        store.finish(reconciliation_id, Verdict(not reasons, tuple(reasons)))
        return reconciliation_id

    def high_water(self, erp: str, legal_entity: str, *, from_period: str) -> str:
        """The company's own totals."""
        return self.company(erp, legal_entity).total(from_period)

    def accept_canaries(self, cutover: Cutover) -> Sequence[UUID]:
        """Take the smoke test's entries in, once."""
        events = [event for entity in cutover.legal_entities for event in canary_events(cutover, entity, CURRENCIES[entity], CANARY)]
        for answer in self.connections.intake().accept([[posting_of(SETTINGS.firm, event) for event in events]], accepted_by="cutover"):
            if isinstance(answer, HybridErpError):
                raise answer
        return canary_ids(cutover)

    def canaries(self, cutover: Cutover) -> Sequence[Canary]:
        """How far they are."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in PostgresCanaries(self.connections.of("reader")).states(canary_ids(cutover), cutover.new_owner):
            found[row["legal_entity"]].append(row)
        return [
            Canary(
                entity,
                tuple(row["posting_id"] for row in found[entity]),
                tuple(row["state"] for row in found[entity]),
                tuple(row["native_id"] for row in found[entity]),
            )
            for entity in cutover.legal_entities
        ]

    def wake(self, erps: Collection[str]) -> None:
        """Nobody sleeps here."""
        self.wakes.append(erps)
