"""What became of postings at one company of one ERP, for whoever finds their traces there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from hybrid_erp.model.delivery import DeliveredAs, PostingState
from hybrid_erp.model.documents import DocumentType

DELIVERED_AS: Final = """
    SELECT k.posting_id, p.document_type, coalesce(d.state, 'waiting'), d.native_id
    FROM posting_key k JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id
    LEFT JOIN delivery d ON d.accepted_on = k.accepted_on AND d.posting_id = k.posting_id AND d.erp = %(erp)s
                         AND d.legal_entity = %(legal_entity)s
    WHERE k.posting_id = ANY(%(posting_ids)s)
"""


@dataclass(frozen=True, slots=True)
class PostgresDeliveries:
    """Needs the right to read."""

    connection: Connection[tuple[Any, ...]]

    def delivered_as(self, erp: str, legal_entity: str, posting_ids: Sequence[UUID]) -> Mapping[UUID, DeliveredAs]:
        """What became of these postings at this company; without those that the store does not know."""
        terms = {"erp": erp, "legal_entity": legal_entity, "posting_ids": list(posting_ids)}
        rows = self.connection.execute(DELIVERED_AS, terms).fetchall()
        return {row[0]: DeliveredAs(DocumentType(row[1]), PostingState(row[2]), row[3]) for row in rows}
