"""The steps of a region's load, put together from settings, store and both ERPs. They return counts and names, never a payload."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from hybrid_erp.adapters.store.crosswalk import PostgresCrosswalk
from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.adapters.store.loads import PostgresLoads
from hybrid_erp.adapters.store.loads_reading import PostgresLoadReading
from hybrid_erp.adapters.store.waking import channel_of
from hybrid_erp.model.errors import LoadRefusedError
from hybrid_erp.model.load import StoredLoad
from hybrid_erp.operations.adopt import adopt_master_data
from hybrid_erp.operations.load.plan import plan_load, with_later_references
from hybrid_erp.operations.load.report import told
from hybrid_erp.operations.load.terms import LoadTerms
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import books_reader, connector
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.form import Text
from hybrid_erp.wiring.load_proof import require_load
from hybrid_erp.wiring.load_terms import terms_of

log: Final = logging.getLogger(__name__)
#: Documents that one transaction puts into the outbox.
BATCH: Final = 500


class LoadConf(BaseModel):
    """What a run of `load_<region>` may be given; Airflow itself accepts unknown keys."""

    model_config = ConfigDict(extra="forbid")

    legal_entities: tuple[str, ...] | None = None
    load_on: date | None = None
    dry_run: bool = True
    give_up: bool = False
    reason: Text = ""


def request_load(region: str, conf: Mapping[str, Any], *, requested_by: str) -> list[str]:
    """Check a request; the legal entities to load. A request to give loads up is carried out here, and leaves nothing to load.

    Raises:
        LoadRefusedError: The request does not fit; nothing was changed.
        ConfigurationError: The region has no plan in order.
    """
    asked = _asked(conf)
    settings().plan(region)
    chosen = list(asked.legal_entities or settings().regions[region].legal_entities)
    for legal_entity in chosen:
        terms_of(region, legal_entity)
    if not asked.give_up:
        return chosen
    if len(asked.reason.strip()) < 3:
        raise LoadRefusedError("To give a load up needs a reason: it goes to the audit trail. Nothing was changed.")
    with store_connection("cutover") as connection:
        for load in PostgresLoadReading(connection).of_region(region):
            if load.legal_entity in chosen and not asked.dry_run:
                cancelled = PostgresLoads(connection).abandon(load.load_id, by=requested_by, reason=asked.reason)
                log.info("%s: the load is given up; %d documents that waited are cancelled.", load.legal_entity, cancelled)
            elif load.legal_entity in chosen:
                log.info("%s: would give up the load, which is %s.", load.legal_entity, load.state)
    return []


def read_load(region: str, legal_entity: str, conf: Mapping[str, Any], *, requested_by: str) -> dict[str, int]:
    """Read both ERPs and say what would be brought; unless it is a dry run, store that as the work list. A load that is there goes on.

    Raises:
        LoadRefusedError: Something must be mended first; nothing was stored, nothing sent.
        ErpUnavailableError, WrongSystemError: An ERP cannot be read.
    """
    asked, terms = _asked(conf), terms_of(region, legal_entity)
    with store_connection("cutover") as connection:
        loads, reading = PostgresLoads(connection), PostgresLoadReading(connection)
        if kept := loads.current(legal_entity, terms.cloud):
            log.info("%s: the load goes on with the snapshot that was taken for it; it is %s.", legal_entity, kept.state)
            return _progress(reading, kept)
        run = PostgresDualRun(connection)
        _require_legacy_only(run, region)
        if not asked.dry_run:
            _adopt(terms, requested_by)
        with (
            closing(books_reader(settings(), terms.legacy, legal_entity)) as legacy,
            closing(books_reader(settings(), terms.cloud, legal_entity)) as cloud,
        ):
            plan = plan_load(
                terms,
                legacy,
                cloud,
                lambda: reading.known(legal_entity, terms.legacy, terms.cloud),
                ordinal=loads.next_ordinal(legal_entity, terms.cloud),
                settle_position=run.settled_so_far(legal_entity, terms.legacy),
                accounting_on=asked.load_on,
            )
        for line in told(plan):
            log.info("%s", line)
        if plan.blocking:
            more = f" ({len(plan.blocking) - 1} more, see the log)" if len(plan.blocking) > 1 else ""
            raise LoadRefusedError(f"{legal_entity} cannot be loaded into {terms.cloud}: {plan.blocking[0]}{more}")
        if not asked.dry_run:
            run.shadow_reference(region, terms.cloud, by=requested_by, reason="load")
            plan = with_later_references(plan, reading.known(legal_entity, terms.legacy, terms.cloud), terms)
            loads.keep(plan, by=requested_by, configuration=settings().fingerprint)
    return {total.document_type.value: total.count for total in plan.totals}


def send_load(region: str, legal_entity: str, *, requested_by: str) -> int:
    """Put the work list into the outbox, behind live traffic; how many documents were put there by this call.

    Raises:
        LoadRefusedError: There is no load, or it was given up.
    """
    cloud = settings().regions[region].cloud
    sent = 0
    with store_connection("cutover") as connection:
        loads = PostgresLoads(connection)
        load = require_load(loads, legal_entity, cloud)
        moved = BATCH
        while moved == BATCH:
            moved = loads.send(load.load_id, limit=BATCH, by=requested_by)
            sent += moved
            log.info("%s: %s documents wait for %s.", legal_entity, f"{sent:,}", cloud)
        connection.execute("SELECT pg_notify(%s, '')", (channel_of(cloud),))
    return sent


def _asked(conf: Mapping[str, Any]) -> LoadConf:
    try:
        return LoadConf.model_validate(dict(conf))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)[:5])
        raise LoadRefusedError(f"The run's configuration does not fit: {wrong}. Nothing was changed.") from None


def _require_legacy_only(run: PostgresDualRun, region: str) -> None:
    for row in run.phases(region):
        if row["kind"] != "reference" and row["phase"] != "legacy_only":
            raise LoadRefusedError(f"Region {region} is in the phase {row['phase']}; it is loaded before its dual run begins.")


def _adopt(terms: LoadTerms, by: str) -> None:
    """Whatever the cloud ERP holds already enters the crosswalk first: what depends on it must not wait for it."""
    with store_connection("delivery") as connection, closing(connector(settings(), terms.cloud, terms.legal_entity)) as company:
        adopt_master_data(terms.cloud, terms.legal_entity, company, PostgresCrosswalk(connection, by, settings().region_of))


def _progress(reading: PostgresLoadReading, load: StoredLoad) -> dict[str, int]:
    found = reading.progress(load.load_id)
    for progress in found:
        log.info("%s: %s.", load.legal_entity, progress.told(load.cloud))
    return {progress.document_type.value: progress.total for progress in found}
