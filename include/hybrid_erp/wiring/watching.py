"""What the tasks of `watch` do, in terms of the package. They return counts, never a payload."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from hybrid_erp.adapters.store.audit import PostgresAudit
from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.delivered import PostgresDeliveries
from hybrid_erp.adapters.store.outages import PostgresOutages
from hybrid_erp.model.delivery import ConnectorClass, Role
from hybrid_erp.model.errors import ErpUnavailableError, WrongSystemError
from hybrid_erp.operations.look_again import look_again
from hybrid_erp.operations.sweep_drafts import sweep_drafts
from hybrid_erp.ports import ErpConnector
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import connector
from hybrid_erp.wiring.delivery import store_connection

log: Final = logging.getLogger(__name__)


def keep_store() -> dict[str, int]:
    """Take overdue gaps to the desk, seal the audit trail, make the next months' partitions, and count what waits for people."""
    with store_connection("delivery") as connection:
        gaps = PostgresDeadLetters(connection).take_gaps(settings().version_gap_seconds, by="watch")
        seals = PostgresAudit(connection).seal()
        for seal in seals:
            log.info("audit seal region=%s no=%s rows=%s head=%s", seal.region, seal.seal_no, seal.row_count, seal.seal_hash.hex())
        row = connection.execute("SELECT make_month_partitions(3)").fetchone()
        dead = connection.execute("SELECT count(*) FROM outbox WHERE state = 'dead_lettered'").fetchone()
    assert row is not None
    assert dead is not None
    return {"seals": len(seals), "partitions": int(row[0]), "gaps": gaps, "dead_letters": int(dead[0])}


def tell_outages() -> dict[str, int]:
    """Tell which companies do not answer, and since when; for how many seconds each has not."""
    with store_connection("delivery") as connection:
        outages = PostgresOutages(connection)
        if forgotten := outages.forget_unwanted():
            log.info("%d outages are forgotten: nothing has been sent to those companies for an hour.", forgotten)
        known = outages.known()
    for outage in known:
        log.warning("%s", outage)
    if not known:
        log.info("Every company answers.")
    return {f"{outage.erp} {outage.legal_entity} {outage.role}": round(outage.seconds) for outage in known}


def look_again_everywhere() -> dict[str, int]:
    """Look again, at every company, for dead letters that may be in its ERP all the same; how many were found."""
    found: dict[str, int] = {}
    with store_connection("delivery") as connection:
        letters = PostgresDeadLetters(connection)

        def look(erp: str, legal_entity: str, company: ErpConnector) -> None:
            reopened = look_again(erp, legal_entity, company, letters, by="watch")
            for posting_id in reopened:
                log.info("posting %s is at %s after all; the delivery compares and settles it", posting_id, erp)
            found[f"{erp} {legal_entity}"] = len(reopened)

        _at_each_company(look, PostgresOutages(connection), lambda erp, company, _: bool(letters.in_doubt(erp, company)))
    return found


def sweep_drafts_everywhere() -> dict[str, int]:
    """Delete late drafts at every company whose ERP has drafts; how many were deleted."""
    deleted: dict[str, int] = {}
    with store_connection("delivery") as connection:
        deliveries = PostgresDeliveries(connection)

        def sweep(erp: str, legal_entity: str, company: ErpConnector) -> None:
            swept = sweep_drafts(erp, legal_entity, company, deliveries)
            for draft in swept.deleted:
                log.info("%s at %s: %s, a late draft of posting %s, is deleted.", legal_entity, erp, draft.native_id, draft.posting_id)
            for draft in swept.unknown:
                told = "%s at %s: the draft %s bears our mark, but this store does not know posting %s. It blocks the close of its period."
                log.warning(told, legal_entity, erp, draft.native_id, draft.posting_id)
            if swept.waiting:
                log.info("%s at %s: %d drafts belong to postings that are not settled.", legal_entity, erp, swept.waiting)
            deleted[f"{erp} {legal_entity}"] = len(swept.deleted)

        _at_each_company(sweep, PostgresOutages(connection), lambda erp, legal_entity, company: _has_drafts(company))
    return deleted


def _has_drafts(company: ErpConnector) -> bool:
    return any(capability.connector_class is ConnectorClass.DRAFT for capability in company.capabilities.values())


def _at_each_company(
    work: Callable[[str, str, ErpConnector], None], outages: PostgresOutages, wanted: Callable[[str, str, ErpConnector], bool]
) -> None:
    """Do something at each company where it is wanted; one that does not answer is told and stops no other."""
    for erp, legal_entity, company in _companies(outages):
        with closing(company):
            if not wanted(erp, legal_entity, company):
                continue
            try:
                work(erp, legal_entity, company)
            except (ErpUnavailableError, WrongSystemError) as error:
                log.warning("%s at %s: %s It is looked at again next time.", legal_entity, erp, error.message)


def _companies(outages: PostgresOutages) -> Iterator[tuple[str, str, ErpConnector]]:
    """Every configured company but those that rest after an outage; nothing is opened yet."""
    for erp, configured in settings().erps.items():
        resting = {outage.legal_entity for outage in outages.known(erp, Role.CONTROL) if outage.rests}
        for legal_entity in configured.companies:
            if legal_entity in resting:
                log.info("%s at %s rests after an outage; it is looked at again next time.", legal_entity, erp)
                continue
            yield erp, legal_entity, connector(settings(), erp, legal_entity)
