"""A preflight put together from settings, store, ERPs and Airflow."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from hybrid_erp.adapters.store.preflight_facts import PostgresPreflightFacts
from hybrid_erp.model.cutover import CheckResult, CutoverRequest, Verdict, Versions
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.run import run_checks
from hybrid_erp.operations.preflight.subject import Subject
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.companies import LockOutOf, asked_companies
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import lock_out
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.surroundings import AirflowSurroundings

log: Final = logging.getLogger(__name__)


def preflight(request: CutoverRequest, versions: Versions, *, lock_out_of: LockOutOf = lock_out) -> tuple[CheckResult, ...]:
    """Every check's answer, written to the log as well. Nothing is sent to any ERP, and nothing is changed.

    Raises:
        ConfigurationError: The region has no plan in order, or one of its ERPs is disabled.
    """
    configured = settings()
    about = subject(configured, request, versions)
    with store_connection("cutover") as connection, asked_companies(configured, lock_out_of) as companies:
        store = PostgresPreflightFacts(connection)
        facts = Facts(
            moves=store,
            reconciliations=store,
            deliveries=store,
            mirror=store,
            pairs=store,
            store=store,
            companies=companies,
            surroundings=AirflowSurroundings(configured),
        )
        results = run_checks(about, facts)
    for each in results:
        level = {Verdict.PASS: logging.INFO, Verdict.WARN: logging.WARNING, Verdict.FAIL: logging.ERROR}[each.verdict]
        log.log(level, "%s %s: %s %s", each.verdict.upper(), each.name, each.found, each.remedy)
    return results


def subject(configured: Settings, request: CutoverRequest, versions: Versions) -> Subject:
    """What the checks are about. Raises ConfigurationError as `preflight`."""
    owners = (request.old_owner, request.new_owner)
    if disabled := [erp for erp in owners if erp not in configured.erps]:
        raise ConfigurationError(f"{', '.join(disabled)} of region {request.region} is disabled.")
    return Subject(
        request=request,
        plan=configured.plan(request.region),
        versions=versions,
        now=datetime.now(UTC),
        mappings={erp: configured.mappings[erp] for erp in owners},
        firm_entities=tuple(sorted(configured.region_of)),
        quieted={erp: configured.erps[erp].quieted for erp in owners},
        closed_through={code: each.closed_through for code, each in configured.regions[request.region].legal_entities.items()},
    )
