"""What the rest of the product does for a cutover, put together from settings, store, connectors, readers and lock-outs."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import errors

from hybrid_erp.adapters.store.canaries import PostgresCanaries
from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.adapters.store.waking import NOTIFY, channel_of
from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.cutover import Cutover
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import HybridErpError
from hybrid_erp.model.money import ZERO
from hybrid_erp.operations.cutover.canary import canary_events, canary_ids
from hybrid_erp.operations.cutover.needs import Canary
from hybrid_erp.operations.look_again import look_again
from hybrid_erp.ports import LockOut
from hybrid_erp.wiring.capture import capture_company
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connections import conninfo
from hybrid_erp.wiring.connectors import books_reader, connector, lock_out
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.facade import store_pool
from hybrid_erp.wiring.reconciliation import begin_reconciliation, conclude, reconcile_legal_entity
from hybrid_erp.wiring.tasks import deliver_company

log: Final = logging.getLogger(__name__)

#: Legal entities that are reconciled at once.
AT_ONCE: Final = 4


class CutoverWork:
    """Opens what it needs for each call; nothing is kept between two."""

    def deliver(self, erp: str, legal_entity: str, role: Role, *, seconds: float) -> None:
        """Deliver what is due to a company, in its turn. Where another worker has the turn, that one delivers it."""
        deliver_company(erp, legal_entity, seconds=seconds, role=role)

    def look_again(self, erp: str, legal_entity: str) -> None:
        """Look for dead letters that may be at a company all the same; what is found goes back to its delivery."""
        with store_connection("delivery") as connection, closing(connector(settings(), erp, legal_entity, only=Role.CANDIDATE)) as company:
            look_again(erp, legal_entity, company, PostgresDeadLetters(connection), by="cutover")

    def capture(self, cutover: Cutover, erp: str, legal_entity: str) -> None:
        """Capture what was posted natively at a company up to now."""
        region = settings().regions[cutover.region]
        with store_connection("capture") as connection:
            boundary = PostgresDualRun(connection).boundary(legal_entity, region.cloud)
            if boundary is None:
                raise HybridErpError(f"{legal_entity} is not loaded into {region.cloud}.")
            cursor = boundary.control_cursor if erp == boundary.control else boundary.candidate_cursor
            with suppress(errors.UniqueViolation):  # the capture of the dual run stored the same document a moment before
                capture_company(region, erp, legal_entity, connection, from_cursor=cursor)
                return
            capture_company(region, erp, legal_entity, connection, from_cursor=cursor)

    @contextmanager
    def lock_out(self, erp: str, legal_entity: str) -> Iterator[LockOut]:
        """The lock-out of a company."""
        with closing(lock_out(settings(), erp, legal_entity)) as company:
            yield company

    def reconcile(self, cutover: Cutover) -> UUID:
        """Reconcile the whole region now, whatever comes of it."""
        run = f"cutover {cutover.cutover_id} {uuid4()}"
        entities = begin_reconciliation(cutover.region, {}, run=run, requested_by=cutover.requested_by)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for done in [pool.submit(reconcile_legal_entity, cutover.region, entity, run=run) for entity in entities]:
                done.result()
        reconciliation_id, verdict = conclude(cutover.region, run=run)
        for reason in verdict.reasons:
            log.warning("%s", reason)
        return reconciliation_id

    def high_water(self, erp: str, legal_entity: str, *, from_period: str) -> str:
        """The company's own totals from a period on."""
        with closing(books_reader(settings(), erp, legal_entity)) as reader:
            moved = [each for each in reader.movements() if each.period >= from_period]
        debit, credit = sum((each.debit for each in moved), ZERO), sum((each.credit for each in moved), ZERO)
        lines = sum(each.lines or 0 for each in moved)
        return f"debit {debit:,}, credit {credit:,} in {len(moved)} accounts and {lines} lines"

    def accept_canaries(self, cutover: Cutover) -> Sequence[UUID]:
        """Take the smoke test's entries in, once; their postings."""
        configured = settings()
        plan = configured.plan(cutover.region).cutover
        assert plan is not None
        currencies = {entity: configured.legal_entity(entity).functional_currency for entity in cutover.legal_entities}
        events = [event for entity in cutover.legal_entities for event in canary_events(cutover, entity, currencies[entity], plan.canary)]
        with store_pool("intake", size=1, conninfo=conninfo) as pool:
            intake = PostgresIntake(pool)
            for answer in intake.accept([[posting_of(configured.firm, event) for event in events]], accepted_by="cutover"):
                if isinstance(answer, HybridErpError):
                    raise answer
        return canary_ids(cutover)

    def canaries(self, cutover: Cutover) -> Sequence[Canary]:
        """How far the smoke test's entries are, for each legal entity; one without any has not begun."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        with store_connection("reader") as connection:
            for row in PostgresCanaries(connection).states(canary_ids(cutover), cutover.new_owner):
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
        """Tell the deliveries that claims are open; a bell that is lost costs time alone."""
        with store_connection("delivery") as connection:
            for erp in erps:
                connection.execute(NOTIFY, (channel_of(erp),))
