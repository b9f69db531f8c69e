"""The crosswalk: what a canonical document is called in each ERP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import Held

ADOPT: Final = """
    WITH adopted AS (
        INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id)
        SELECT %(erp)s, %(legal_entity)s, %(document_type)s, number, native_id
        FROM unnest(%(numbers)s::text[], %(native_ids)s::text[]) AS held (number, native_id)
        ON CONFLICT (erp, legal_entity, document_type, number) DO NOTHING RETURNING number
    ), noted AS (
        INSERT INTO audit (region, actor, action, legal_entity, erp, details)
        SELECT %(region)s, %(by)s, 'adopted', %(legal_entity)s, %(erp)s,
               jsonb_build_object('document_type', %(document_type)s::text, 'numbers', (SELECT jsonb_agg(number) FROM adopted))
        WHERE EXISTS (SELECT FROM adopted)
    )
    SELECT count(*) FROM adopted
"""


@dataclass(frozen=True, slots=True)
class PostgresCrosswalk:
    """Needs the rights of `hybrid_erp_delivery`."""

    connection: Connection[tuple[Any, ...]]
    by: str
    """Who adopts, for the audit trail."""
    region_of: Mapping[str, str]
    """The region of each legal entity, whose audit trail it is."""

    def adopt(self, erp: str, legal_entity: str, document_type: DocumentType, held: Sequence[Held]) -> int:
        """Add what is not known yet; how many were added."""
        terms: dict[str, Any] = {"erp": erp, "legal_entity": legal_entity, "document_type": document_type.value, "by": self.by}
        terms["region"] = self.region_of[legal_entity]
        terms |= {"numbers": [each.number for each in held], "native_ids": [each.native_id for each in held]}
        row = self.connection.execute(ADOPT, terms).fetchone()
        return int(row[0]) if row else 0
