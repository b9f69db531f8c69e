"""What a load has come to: how far the cloud ERP is, what it shows, and what the store says in the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from hybrid_erp.adapters.store.loads import PostgresLoads
from hybrid_erp.adapters.store.loads_reading import PostgresLoadReading
from hybrid_erp.model.errors import LoadNotVerifiedError, LoadRefusedError
from hybrid_erp.model.load import LoadState, StoredLoad
from hybrid_erp.operations.load.verify import Expected, verify_load
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import books_reader
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.load_terms import terms_of

log: Final = logging.getLogger(__name__)


def is_delivered(region: str, legal_entities: Sequence[str]) -> bool:
    """Whether the cloud ERP has taken everything; tells how far it is.

    Raises:
        LoadRefusedError: The cloud ERP has refused documents for good; they are named with their reasons.
    """
    cloud = settings().regions[region].cloud
    waiting = 0
    refused: list[str] = []
    with store_connection("reader") as connection:
        reading, loads = PostgresLoadReading(connection), PostgresLoads(connection)
        for legal_entity in legal_entities:
            load = require_load(loads, legal_entity, cloud)
            for progress in reading.progress(load.load_id):
                log.info("%s: %s.", legal_entity, progress.told(cloud))
                waiting += progress.waiting
            refused += [f"{legal_entity}: {line}" for line in reading.refused(load.load_id)]
    for line in refused:
        log.error("%s", line)
    if refused:
        reason = f"{cloud} has refused {len(refused)} documents of the load, first {refused[0]}. Mend the cause, run `replay_dead_letters`."
        raise LoadRefusedError(reason)
    return waiting == 0


def verify(region: str, legal_entity: str, *, requested_by: str) -> dict[str, int]:
    """Ask the cloud ERP for its figures; if all agree, the boundary is drawn at which dual posting begins.

    Raises:
        LoadNotVerifiedError: A figure does not agree; the log names each.
        ErpUnavailableError, WrongSystemError: The cloud ERP cannot be read.
    """
    terms = terms_of(region, legal_entity)
    with store_connection("cutover") as connection:
        loads, reading = PostgresLoads(connection), PostgresLoadReading(connection)
        load = require_load(loads, legal_entity, terms.cloud)
        if load.state is LoadState.VERIFIED:
            log.info("%s: verified before; figures have moved on since.", legal_entity)
            return {}
        expected = Expected(
            items=reading.items(load.load_id),
            loaded=reading.balances(load.load_id, "loaded"),
            before=reading.balances(load.load_id, "cloud"),
            clearing_account=terms.clearing_account,
            control_accounts=frozenset(account for account, each in terms.subledger_of.items() if each == "receivables"),
        )
        with closing(books_reader(settings(), terms.cloud, legal_entity)) as cloud:
            verdict = verify_load(load, cloud, expected)
        for check in verdict.checks:
            log.log(logging.INFO if check.passed else logging.ERROR, "%s: %s.", legal_entity, check)
        if not verdict.passed:
            raise LoadNotVerifiedError(f"{legal_entity} in {terms.cloud}: {verdict.failed[0]} ({len(verdict.failed)} in all).")
        loads.verified(load, verdict, by=requested_by)
    return {"checks": len(verdict.checks)}


def verdict_on_load(region: str, legal_entities: Sequence[str]) -> dict[str, str]:
    """What the store says of each load, whatever the tasks of the run say.

    Raises:
        LoadNotVerifiedError: One of them is not verified.
    """
    cloud = settings().regions[region].cloud
    with store_connection("reader") as connection:
        states = {legal_entity: require_load(PostgresLoads(connection), legal_entity, cloud).state for legal_entity in legal_entities}
    for legal_entity, state in states.items():
        log.info("%s: the load into %s is %s.", legal_entity, cloud, state)
    if missing := [legal_entity for legal_entity, state in states.items() if state is not LoadState.VERIFIED]:
        raise LoadNotVerifiedError(f"The load of {missing[0]} into {cloud} is {states[missing[0]]}, not verified.")
    return {legal_entity: state.value for legal_entity, state in states.items()}


def require_load(loads: PostgresLoads, legal_entity: str, cloud: str) -> StoredLoad:
    """The load of a legal entity.

    Raises:
        LoadRefusedError: There is none.
    """
    load = loads.current(legal_entity, cloud)
    if load is None:
        raise LoadRefusedError(f"There is no load of {legal_entity} into {cloud}: no snapshot was stored.")
    return load
