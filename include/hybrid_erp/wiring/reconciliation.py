"""The steps of a region's reconciliation, put together from settings, store and readers. They return counts and names, never a payload."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError

from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.observations_reading import PostgresComparison
from hybrid_erp.adapters.store.reconciliation_facts import PostgresReconciliationFacts
from hybrid_erp.adapters.store.reconciliations import PostgresReconciliations
from hybrid_erp.model.errors import ConfigurationError, NotReconcilableError, ReconciliationNotPassedError
from hybrid_erp.model.reconciliation import EntityResult, Verdict
from hybrid_erp.operations.reconcile.entity import EntityReconciliation
from hybrid_erp.operations.reconcile.follow import Follower
from hybrid_erp.operations.reconcile.look import EntityTerms, Looker
from hybrid_erp.operations.reconcile.region import prepared, require_legal_entities, require_rules_in_force, verdict_of_region
from hybrid_erp.ports import BooksReader
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import books_reader
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.run_note import report_url, write_note

log: Final = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]


class ReconcileConf(BaseModel):
    """What a run of `reconcile_<region>` may be given; Airflow itself accepts unknown keys."""

    model_config = ConfigDict(extra="forbid")

    legal_entities: tuple[str, ...] | None = None
    depth: Literal["changed", "all"] = "changed"


def begin_reconciliation(region: str, conf: Mapping[str, Any], *, run: str, requested_by: str) -> list[str]:
    """Check a request and begin; the legal entities to reconcile. None where nothing is loaded yet: there is nothing to compare.

    Raises:
        NotReconcilableError: The request does not fit, or names a legal entity of another region.
        ConfigurationError: The region is unknown, or has no plan in order, or one of its rules has ended.
    """
    asked, configured = asked_for(conf), settings()
    plan = configured.plan(region)
    require_rules_in_force(region, plan, datetime.now(UTC).date())
    of_region = configured.regions[region]
    for erp in (of_region.legacy, of_region.cloud):
        if erp not in configured.erps:
            raise ConfigurationError(f"{erp} of region {region} is disabled: {_problems_of(configured, erp)}")
    chosen = require_legal_entities(region, asked.legal_entities or (), of_region.legal_entities)
    with store_connection("delivery") as connection:
        facts = PostgresReconciliationFacts(connection)
        if lacking := [each for each in chosen if not facts.is_loaded(each, of_region.cloud)]:
            told = f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not loaded into {of_region.cloud}"
            if asked.legal_entities:
                raise NotReconcilableError(f"{told}: there is nothing to compare. Run `load_{region}` first.")
            log.info("%s: there is nothing to compare.", told)
            chosen = tuple(each for each in chosen if each not in lacking)
        if not chosen:
            return []
        reconciliation_id = PostgresReconciliations(connection).begin(
            {
                "region": region,
                "legacy": of_region.legacy,
                "cloud": of_region.cloud,
                "legal_entities": list(chosen),
                "depth": asked.depth,
                "requested_by": requested_by,
                "run": run,
                "configuration": configured.fingerprint,
                "mappings": {erp: configured.mappings[erp].version for erp in (of_region.legacy, of_region.cloud)},
                "plan": plan.model_dump(mode="json", include={"tolerances", "ignored"}),
            }
        )
    log.info("Reconciliation %s of %s: %s. Report: %s", reconciliation_id, region, ", ".join(chosen), report_url(reconciliation_id))
    return list(chosen)


def asked_for(conf: Mapping[str, Any]) -> ReconcileConf:
    """What a run asks for.

    Raises:
        NotReconcilableError: The request does not fit.
    """
    try:
        return ReconcileConf.model_validate(dict(conf))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)[:5])
        raise NotReconcilableError(f"The run's configuration does not fit: {wrong}. Nothing was compared.") from None


def reconcile_legal_entity(region: str, legal_entity: str, *, run: str) -> dict[str, int]:
    """Reconcile one legal entity and write what was found; one that is written already stays as it is. Counts by class.

    Raises:
        ConfigurationError: An account of one of the charts has no scope.
        NotReconcilableError: The cloud ERP has no open accounting period.
        ErpUnavailableError, WrongSystemError: An ERP cannot be read; what was read stays read.
    """
    with store_connection("delivery") as connection:
        results = PostgresReconciliations(connection)
        reconciliation_id, depth = _of_run(results, region, run)
        if legal_entity in results.finished(reconciliation_id):
            log.info("%s: reconciled already in this run; what was found then stays.", legal_entity)
            return {}
        result = _reconciled(region, legal_entity, connection, thorough=depth == "all")
        results.write(reconciliation_id, result)
    report(result)
    return dict(Counter(each.difference_class.value for each in result.differences))


def conclude_reconciliation(region: str, *, dag_id: str, run: str) -> dict[str, str]:
    """Give the verdict on a region, to the store, the log and the run's note.

    Raises:
        ReconciliationNotPassedError: It did not pass; the log says why.
    """
    with store_connection("delivery") as connection:
        if PostgresReconciliations(connection).of_run(region, run) is None:
            log.info("%s: nothing was reconciled.", region)
            return {"verdict": "nothing to compare"}
    reconciliation_id, verdict = conclude(region, run=run)
    url = report_url(reconciliation_id)
    for reason in verdict.reasons:
        log.warning("%s", reason)
    log.info("Reconciliation of %s: %s. Report: %s", region, "passed" if verdict.passed else "NOT passed", url)
    said = "passed" if verdict.passed else f"not passed, {len(verdict.reasons)} reasons"
    write_note(dag_id, run, f"**{region}: {said}.** [Report]({url})\n\n" + "\n".join(f"* {reason}" for reason in verdict.reasons[:10]))
    if not verdict.passed:
        more = f" (and {len(verdict.reasons) - 3} more)" if len(verdict.reasons) > 3 else ""
        raise ReconciliationNotPassedError(f"{region}: {'; '.join(verdict.reasons[:3])}{more}. Report: {url}")
    return {"reconciliation": str(reconciliation_id), "verdict": "passed"}


def conclude(region: str, *, run: str) -> tuple[UUID, Verdict]:
    """Write the verdict on a region to the store, once every legal entity has its own."""
    with store_connection("delivery") as connection:
        results = PostgresReconciliations(connection)
        reconciliation_id, _ = _of_run(results, region, run)
        terms = results.terms(reconciliation_id)
        assert terms is not None
        found = results.finished(reconciliation_id)
        verdict = verdict_of_region(terms["legal_entities"], found)
        if set(found) >= set(terms["legal_entities"]):  # otherwise a legal entity may still be tried again
            results.finish(reconciliation_id, verdict)
    return reconciliation_id, verdict


def _of_run(results: PostgresReconciliations, region: str, run: str) -> tuple[UUID, str]:
    found = results.of_run(region, run)
    if found is None:
        raise NotReconcilableError(f"The run {run} of {region} has begun no reconciliation.")
    return found


def _reconciled(region: str, legal_entity: str, connection: Connection, *, thorough: bool) -> EntityResult:
    configured = settings()
    of_region = configured.regions[region]
    with (
        closing(books_reader(configured, of_region.legacy, legal_entity)) as legacy,
        closing(books_reader(configured, of_region.cloud, legal_entity)) as cloud,
    ):
        return entity_reconciliation(region, legal_entity, connection, legacy, cloud).run(thorough=thorough)


def entity_reconciliation(
    region: str, legal_entity: str, connection: Connection, legacy: BooksReader, cloud: BooksReader
) -> EntityReconciliation:
    """The reconciliation of one legal entity between these readers of its two ERPs, ready to run.

    Raises:
        ConfigurationError: An account of one of the charts has no scope.
        NotReconcilableError: The cloud ERP has no open accounting period.
        ErpUnavailableError, WrongSystemError: An ERP cannot be read.
    """
    configured, today = settings(), datetime.now(UTC).date()
    of_region, plan = configured.regions[region], configured.plan(region)
    observations, comparison, facts = (
        PostgresObservations(connection),
        PostgresComparison(connection),
        PostgresReconciliationFacts(connection),
    )
    charts = prepared(plan, legal_entity, (of_region.legacy, legacy), (of_region.cloud, cloud), today)
    looker = Looker(
        _terms(configured, region, legal_entity),
        charts,
        Follower(of_region.legacy, "legacy", legal_entity, legacy, observations, comparison, facts),
        Follower(of_region.cloud, "cloud", legal_entity, cloud, observations, comparison, facts),
        facts,
    )
    return EntityReconciliation(looker, today)


def _terms(configured: Settings, region: str, legal_entity: str) -> EntityTerms:
    accounts = configured.chart.accounts
    return EntityTerms(
        legal_entity,
        configured.legal_entity(legal_entity).functional_currency,
        configured.plan(region),
        tuple(sorted(number for number, account in accounts.items() if account.control == "receivables")),
        frozenset(number for number, account in accounts.items() if account.type in ("revenue", "expense")),
        frozenset(number for number, account in accounts.items() if account.type == "expense"),
    )


def _problems_of(configured: Settings, erp: str) -> str:
    return "; ".join(str(problem) for problem in configured.problems if problem.disables == f"ERP {erp}") or "it is not configured."


def report(result: EntityResult) -> None:
    """Say in the log what was found of one legal entity."""
    unequal = sum(1 for row in result.rows if row.difference)
    log.info(
        "%s: %s after %d looks; %d of %d cells differ, %d differences, %d of %d checks hold.",
        result.legal_entity,
        "passed" if result.verdict.passed else "NOT passed",
        result.looks,
        unequal,
        len(result.rows),
        len(result.differences),
        sum(check.holds for check in result.checks),
        len(result.checks),
    )
    for reason in result.verdict.reasons:
        log.warning("%s: %s", result.legal_entity, reason)
