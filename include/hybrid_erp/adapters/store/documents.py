"""Where documents live: the ERP that owns one now if it holds it, else the one that took it. Needs `hybrid_erp_reader` alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from hybrid_erp.model.delivery import PostingState
from hybrid_erp.model.documents import FIRM, DocumentType
from hybrid_erp.model.read_through import DocumentPlace

# The latest version of the document in each legal entity. In the crosswalk the owner of its accounting period comes first (a pin before
# that), then whichever ERP a control has posted it in: what a region has left behind stays where it was.
PLACES: LiteralString = """
    SELECT latest.document_type, latest.number, latest.version, latest.source, latest.posting_id, o.legal_entity, o.region, o.state,
           o.reason, there.erp, there.native_id, there.native_number, there.legal_number, there.posting_id AS posted_as,
           (SELECT p.erased_at FROM posting_key k JOIN posting p USING (accepted_on, posting_id)
            WHERE k.posting_id = latest.posting_id) AS payload_erased_at
    FROM (SELECT DISTINCT ON (identified_in) document_type, number, version, source, posting_id FROM document
          WHERE document_type = %(document_type)s AND number = %(number)s AND identified_in = ANY(%(identified_in)s)
          ORDER BY identified_in, version DESC) AS latest
    JOIN outbox o ON o.posting_id = latest.posting_id AND o.role = 'control'
    LEFT JOIN ownership w ON w.region = o.region AND w.kind = o.kind
    LEFT JOIN pin ON pin.region = o.region AND pin.routing_key = o.routing_key
    LEFT JOIN LATERAL (
        SELECT c.* FROM crosswalk c
        LEFT JOIN LATERAL (
            SELECT d.role, d.accounting_on FROM posting_key k
            JOIN delivery d ON d.accepted_on = k.accepted_on AND d.posting_id = k.posting_id
            WHERE k.posting_id = c.posting_id AND d.legal_entity = c.legal_entity AND d.erp = c.erp) AS delivered ON true
        LEFT JOIN LATERAL (
            SELECT p.owner FROM ownership_period p WHERE p.ownership_id = w.ownership_id
            AND p.from_period <= coalesce(to_char(delivered.accounting_on, 'YYYY-MM'), o.period,
                                          to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM'))
            ORDER BY p.from_period DESC LIMIT 1) AS owned ON true
        WHERE c.legal_entity = o.legal_entity AND c.document_type = latest.document_type AND c.number = latest.number
          AND (c.erp = coalesce(pin.erp, owned.owner) OR delivered.role IN ('control', 'run_off'))
        ORDER BY c.erp = coalesce(pin.erp, owned.owner) DESC, c.recorded_at DESC LIMIT 1) AS there ON true
    ORDER BY o.legal_entity
"""


@dataclass(frozen=True, slots=True)
class PostgresDocuments:
    """Reads; one statement."""

    pool: ConnectionPool[Connection[tuple[Any, ...]]]

    def places(self, document_type: DocumentType, number: str, *, legal_entities: Collection[str]) -> Sequence[DocumentPlace]:
        """The document in each of these legal entities in which it was accepted."""
        terms = {"document_type": document_type.value, "number": number, "identified_in": [FIRM, *legal_entities]}
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(PLACES, terms).fetchall()
        return [_place(row) for row in rows if row["legal_entity"] in legal_entities]


def _place(row: dict[str, Any]) -> DocumentPlace:
    return DocumentPlace(**row | {"document_type": DocumentType(row["document_type"]), "state": PostingState(row["state"])})
