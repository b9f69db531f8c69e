"""A region in hypercare, held against its plan."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from hybrid_erp.adapters.store.hypercare import PostgresHypercare
from hybrid_erp.operations.hypercare import Criterion, criteria
from hybrid_erp.settings import Settings


def criteria_of(configured: Settings, connection: Connection[tuple[Any, ...]], region: str) -> tuple[Criterion, ...]:
    """What must be so before the region's way back is closed, with what was found; none if it has no plan for its cutover."""
    known = configured.regions.get(region)
    if known is None or known.plan is None or known.plan.cutover is None:
        return ()
    closed = {code: entity.closed_through for code, entity in known.legal_entities.items()}
    return criteria(known.plan.cutover.hypercare, PostgresHypercare(connection).facts(region, closed))
