"""The steps of `reconcile_settled`, put together from settings, store and readers: the regions that do not move."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.observations_reading import PostgresComparison
from hybrid_erp.adapters.store.receipts import PostgresReceipts
from hybrid_erp.adapters.store.reconciliation_facts import PostgresReconciliationFacts
from hybrid_erp.adapters.store.reconciliations import PostgresReconciliations
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ConfigurationError, NotReconcilableError, ReconciliationNotPassedError
from hybrid_erp.operations.reconcile.follow import Follower
from hybrid_erp.operations.reconcile.receipts import ReceiptBook, receipts_of, settled_books_of
from hybrid_erp.operations.reconcile.region import require_legal_entities, verdict_of_region
from hybrid_erp.operations.reconcile.settled import SettledEntity
from hybrid_erp.ports import BooksReader
from hybrid_erp.settings import RegionSettings
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import books_reader, connector
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.reconciliation import Connection, asked_for, report
from hybrid_erp.wiring.run_note import report_url, write_note

log: Final = logging.getLogger(__name__)


def settled_regions() -> dict[str, RegionSettings]:
    """The regions that do not move, by name."""
    configured = settings()
    return {name: region for name, region in sorted(configured.regions.items()) if name not in configured.moving}


def begin_settled(conf: Mapping[str, Any], *, run: str, requested_by: str) -> list[str]:
    """Check a request and begin one reconciliation for each region; the legal entities to compare.

    Raises:
        NotReconcilableError: The request does not fit, or names a legal entity of a region that moves.
    """
    asked, configured = asked_for(conf), settings()
    regions = settled_regions()
    known = {entity: name for name, region in regions.items() for entity in region.legal_entities}
    chosen = require_legal_entities("that does not move", asked.legal_entities or (), known) if known else ()
    of_region: dict[str, list[str]] = defaultdict(list)
    for entity in chosen:
        of_region[known[entity]].append(entity)
    with store_connection("delivery") as connection:
        for name, entities in of_region.items():
            erp = _owner(connection, regions[name])
            PostgresReconciliations(connection).begin(
                {
                    "region": name,
                    "legacy": receipts_of(erp),
                    "cloud": erp,
                    "legal_entities": entities,
                    "depth": asked.depth,
                    "requested_by": requested_by,
                    "run": run,
                    "configuration": configured.fingerprint,
                    "mappings": {erp: configured.mappings[erp].version},
                    "plan": {},
                }
            )
    return list(chosen)


def reconcile_settled(legal_entity: str, *, run: str) -> dict[str, int]:
    """Compare one legal entity and write what was found; one that is written already stays as it is. Counts by class.

    Raises:
        ErpUnavailableError, WrongSystemError: The ERP cannot be read; what was read stays read.
    """
    region = settings().regions[settings().region_of[legal_entity]]
    with store_connection("delivery") as connection:
        results = PostgresReconciliations(connection)
        begun = results.of_run(region.region, run)
        if begun is None:
            raise NotReconcilableError(f"The run {run} of {region.region} has begun no reconciliation.")
        reconciliation_id, depth = begun
        if legal_entity in results.finished(reconciliation_id):
            log.info("%s: compared already in this run; what was found then stays.", legal_entity)
            return {}
        erp = _owner(connection, region)
        with closing(books_reader(settings(), erp, legal_entity)) as reader:
            result = settled_entity(erp, legal_entity, connection, reader).run(thorough=depth == "all")
        results.write(reconciliation_id, result)
    report(result)
    return dict(Counter(each.difference_class.value for each in result.differences))


def settled_entity(erp: str, legal_entity: str, connection: Connection, reader: BooksReader) -> SettledEntity:
    """The comparison of one legal entity with this reader, ready to run."""
    configured = settings()
    firm, facts = configured.firm, PostgresReconciliationFacts(connection)
    with closing(connector(configured, erp, legal_entity)) as company:
        capabilities = company.capabilities
    booking = tuple(each.value for each in DocumentType if firm.books(each))
    receipts = PostgresReceipts(connection, booking)
    book = ReceiptBook(erp, PostgresObservations(connection), receipts, firm.booking_of, capabilities, facts.instant())
    follower = Follower(settled_books_of(erp), "cloud", legal_entity, reader, book, PostgresComparison(connection), facts)
    accounts = configured.chart.accounts
    receivables = tuple(sorted(number for number, account in accounts.items() if account.control == "receivables"))
    currency = configured.legal_entity(legal_entity).functional_currency
    return SettledEntity(follower, book, facts, currency, receivables, datetime.now(UTC).date())


def conclude_settled(*, dag_id: str, run: str) -> dict[str, str]:
    """Give the verdict on each region, to the store, the log and the run's note.

    Raises:
        ReconciliationNotPassedError: One did not pass; the log says why.
    """
    said, failed = {}, []
    with store_connection("delivery") as connection:
        results = PostgresReconciliations(connection)
        for name in settled_regions():
            begun = results.of_run(name, run)
            if begun is None:
                continue
            terms = results.terms(begun[0])
            assert terms is not None
            found = results.finished(begun[0])
            verdict = verdict_of_region(terms["legal_entities"], found)
            if set(found) >= set(terms["legal_entities"]):  # otherwise a legal entity may still be tried again
                results.finish(begun[0], verdict)
            url = report_url(begun[0])
            said[name] = f"{'passed' if verdict.passed else 'NOT passed'} ([report]({url}))"
            failed += [f"{name}: {reason}" for reason in verdict.reasons]
    for reason in failed:
        log.warning("%s", reason)
    lines = [f"* **{name}**: {what}" for name, what in said.items()] + [f"* {reason}" for reason in failed[:10]]
    write_note(dag_id, run, "\n".join(lines) or "Every region moves: nothing is compared here.")
    if failed:
        more = f" (and {len(failed) - 3} more)" if len(failed) > 3 else ""
        raise ReconciliationNotPassedError(f"{'; '.join(failed[:3])}{more}.")
    return said


def _owner(connection: psycopg.Connection[tuple[Any, ...]], region: RegionSettings) -> str:
    """The region's book of record now."""
    owned = PostgresDualRun(connection)
    for erp in (region.legacy, region.cloud):
        if owned.owns_ledger(region.region, erp):
            return erp
    raise ConfigurationError(f"Neither {region.legacy} nor {region.cloud} owns the ledger of {region.region} in the store.")
