"""What is asked and done after the store was restored, failed over or copied (DESIGN, invariant 14)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from hybrid_erp.adapters.store.trust import PostgresTrust
from hybrid_erp.model.errors import HybridErpError, StoreContradictedError
from hybrid_erp.model.trust import LastOfSource, StoreTrust, Witness, contradictions
from hybrid_erp.operations.audit_heads import Forgotten
from hybrid_erp.wiring.audit_heads import forgotten_of_kept
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import lock_out
from hybrid_erp.wiring.delivery import store_connection

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Testimony:
    """What the store, the ERPs and the sources' last events say."""

    trust: StoreTrust
    sources: Sequence[LastOfSource]
    witnesses: Sequence[Witness]
    silent: Sequence[str]
    """Companies whose ERP did not answer, with the reason."""
    kept: Forgotten | None
    """What was kept outside the store, and it does not say any more; None: nothing is kept."""

    @property
    def contradictions(self) -> Sequence[str]:
        """Who says something else of ownership than the store: ERPs, and what was kept outside."""
        return [*contradictions(self.witnesses), *(self.kept.ownership if self.kept else ())]


def testimony() -> Testimony:
    """Ask the store, each ERP of a moving region for the last lock-out that it has seen, and the heads that were kept outside."""
    with store_connection("cutover") as connection:
        store = PostgresTrust(connection)
        trust, sources, epochs = store.state(), store.last_of_sources(), store.epochs()
    witnesses, silent = list[Witness](), list[str]()
    for region, erp, legal_entity in _companies():
        try:
            with closing(lock_out(settings(), erp, legal_entity)) as company:
                witnesses.append(Witness(region, erp, legal_entity, company.state().generation, epochs.get(region, 0)))
        except HybridErpError as error:
            silent.append(f"{legal_entity} at {erp}: {error.message}")
    return Testimony(trust, sources, witnesses, silent, forgotten_of_kept())


def suspend(*, by: str, reason: str) -> None:
    """Claim nothing any more until a person resumes."""
    with store_connection("cutover") as connection:
        PostgresTrust(connection).suspend(by=by, reason=reason)


def resume(*, by: str, reason: str) -> int:
    """Believe the store as it is; how many open deliveries were marked as perhaps sent.

    Raises:
        StoreContradictedError: An ERP, or what was kept outside, remembers a move that the store has forgotten; or an ERP is silent.
        OwnershipConflictError: The store is believed already.
    """
    told = testimony()
    if lacking := [*told.contradictions, *(f"not answered: {each}" for each in told.silent)]:
        raise StoreContradictedError("; ".join(lacking) + ".")
    facts: dict[str, Any] = {
        "newest": told.trust.newest_at.isoformat() if told.trust.newest_at else None,
        "lock-outs": {f"{each.erp} {each.legal_entity}": each.generation for each in told.witnesses},
        "kept heads forgotten": list(told.kept.heads) if told.kept else "none are kept",
        "last events": {each.source: each.event_id for each in told.sources},
    }
    with store_connection("cutover") as connection:
        return PostgresTrust(connection).resume(by=by, reason=reason, facts=facts)


def close_recovery(*, by: str, reason: str) -> None:
    """Say that every source has sent again; raises as the store's function."""
    with store_connection("cutover") as connection:
        PostgresTrust(connection).close_recovery(by=by, reason=reason)


def _companies() -> Iterator[tuple[str, str, str]]:
    """Of every region that may move: each company of both its ERPs."""
    for name, region in settings().regions.items():
        if region.plan is not None and region.plan.cutover is not None:
            for erp in (region.legacy, region.cloud):
                for legal_entity in sorted(region.legal_entities):
                    if legal_entity in settings().erps[erp].companies:
                        yield name, erp, legal_entity
