"""The posted deliveries of an ERP that have not been set beside what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.model.receipts import Receipted

# Erased data cannot be compared any more; what the load brought stands apart in the mirror, too.
LACKING: LiteralString = """
    SELECT d.posting_id, d.native_id, d.legal_number, d.accounting_on, p.event_type, p.data,
           (SELECT min(o.native_id) FROM observed_document o JOIN observed_company c USING (company_id)
            WHERE c.erp = %(books)s AND c.legal_entity = %(legal_entity)s AND o.match_key = d.posting_id
              AND o.deleted_at IS NULL) AS told_as
    FROM posting_key k JOIN delivery d ON d.accepted_on = k.accepted_on AND d.posting_id = k.posting_id
    JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id
    WHERE d.erp = %(erp)s AND d.legal_entity = %(legal_entity)s AND d.state = 'posted' AND d.native_id IS NOT NULL
      AND d.settled_at < %(settled_before)s AND p.document_type = ANY(%(document_types)s) AND p.erased_at IS NULL
      AND (%(posting_ids)s::uuid[] IS NULL OR k.posting_id = ANY(%(posting_ids)s::uuid[]))
      AND NOT EXISTS (SELECT FROM observed_document o JOIN observed_company c USING (company_id)
                      WHERE c.erp = %(beside)s AND c.legal_entity = %(legal_entity)s AND o.match_key = d.posting_id)
      AND NOT EXISTS (SELECT FROM load_item i JOIN load l USING (load_id)
                      WHERE i.posting_id = d.posting_id AND l.legal_entity = %(legal_entity)s AND l.state <> 'abandoned')
    ORDER BY d.settle_position LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class PostgresReceipts:
    """Reads alone; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]
    document_types: tuple[str, ...]
    """Those that book something."""

    def lacking(
        self,
        erp: str,
        legal_entity: str,
        *,
        beside: str,
        books: str,
        settled_before: datetime,
        posting_ids: Sequence[UUID] | None,
        limit: int,
    ) -> Sequence[Receipted]:
        """Receipts that the mirror `beside` does not hold yet, in the order in which they were settled; of these postings alone.

        `books` is the mirror of what the ERP tells.
        """
        terms = {
            "erp": erp,
            "legal_entity": legal_entity,
            "beside": beside,
            "books": books,
            "settled_before": settled_before,
            "posting_ids": None if posting_ids is None else list(posting_ids),
            "document_types": list(self.document_types),
            "limit": limit if posting_ids is None else len(posting_ids),
        }
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return [_receipted(row) for row in cursor.execute(LACKING, terms).fetchall()]


def _receipted(row: dict[str, Any]) -> Receipted:
    document = DOCUMENTS_BY_TYPE[row["event_type"]].model_validate(row["data"])
    return Receipted(row["posting_id"], document, row["native_id"], row["legal_number"], row["accounting_on"], row["told_as"])
