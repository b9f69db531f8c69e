"""What people and programs ask the store: postings, traces, ownership, counts. Needs the rights of `hybrid_erp_reader` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

POSTING: LiteralString = """
    SELECT p.posting_id, p.source, p.event_id, p.event_type, p.number, p.version, p.correlation_id, p.traceparent, p.accepted_at,
           p.accepted_by, encode(k.content_hash, 'hex') AS content_hash, p.erased_at AS payload_erased_at
    FROM posting_key k JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id
    WHERE k.posting_id = %s
"""
PLACES: LiteralString = """
    SELECT o.legal_entity, o.region, o.kind, o.role, o.destination, o.period, o.routing_key, o.lane, o.state, o.reason,
           CASE WHEN o.state NOT IN ('posted', 'cancelled', 'dead_lettered') AND o.due_at > clock_timestamp()
                THEN o.due_at END AS not_before,
           (SELECT array_agg(concat_ws(' version ', n.document_type || ' ' || n.number, n.version) ORDER BY 1) FROM dependency n
            WHERE n.posting_id = o.posting_id AND o.state = 'waiting' AND CASE n.until WHEN 'posted'
                THEN NOT EXISTS (SELECT FROM crosswalk c WHERE c.document_type = n.document_type AND c.number = n.number
                                 AND c.legal_entity = coalesce(nullif(n.legal_entity, ''), o.legal_entity))
                ELSE NOT EXISTS (SELECT FROM document a WHERE a.document_type = n.document_type AND a.number = n.number
                                 AND a.version = coalesce(n.version, a.version)) END
           ) AS waiting_for,
           (SELECT e.posting_id FROM outbox e WHERE e.lane = o.lane AND e.seq < o.seq AND e.state NOT IN ('posted', 'cancelled')
            ORDER BY e.seq LIMIT 1) AS behind
    FROM outbox o WHERE o.posting_id = %s ORDER BY o.legal_entity, o.role DESC, o.destination
"""
DELIVERIES: LiteralString = """
    SELECT d.legal_entity, d.erp, d.role, d.state, d.attempt, d.epoch, d.native_id, d.native_number, d.legal_number, d.accounting_on,
           d.failure, d.message, d.maybe_there, d.settled_at, d.lease_until
    FROM posting_key k JOIN delivery d ON d.accepted_on = k.accepted_on AND d.posting_id = k.posting_id
    WHERE k.posting_id = %s ORDER BY d.legal_entity, d.erp
"""
TRACE: LiteralString = """
    SELECT a.recorded_at, a.region, a.actor, a.action, a.posting_id, a.legal_entity, a.erp, a.details
    FROM audit a WHERE a.posting_id IN (SELECT posting_id FROM posting WHERE correlation_id = %(correlation_id)s
                           AND (%(source)s::text IS NULL OR source = %(source)s))
    ORDER BY a.recorded_at, a.audit_id LIMIT %(limit)s
"""
OWNERSHIP: LiteralString = """
    SELECT w.region, w.kind, w.phase, w.epoch, w.pin_version, p.from_period, p.owner, p.candidate, w.open_share / 10000.0 AS share
    FROM ownership w JOIN ownership_period p USING (ownership_id) WHERE w.kind <> 'reference'
    ORDER BY w.region, w.kind, p.from_period
"""
PINS: LiteralString = "SELECT region, routing_key, erp, reason, bridge_account, set_by, set_at FROM pin ORDER BY region, routing_key"
COUNTS: LiteralString = """
    SELECT o.region, o.kind, o.role, o.state, count(*) AS postings FROM outbox o GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
DEAD: LiteralString = """
    SELECT o.posting_id, o.region, o.kind, o.legal_entity, o.document_type, o.reason, d.erp, d.failure, d.maybe_there
    FROM outbox o LEFT JOIN LATERAL (SELECT erp, failure, maybe_there FROM delivery d WHERE d.accepted_on = o.accepted_on
        AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity AND d.state = 'dead_lettered'
        AND o.destination IN ('', d.erp) LIMIT 1) d ON true
    WHERE o.state = 'dead_lettered' ORDER BY o.seq LIMIT %s
"""
OWNERS: LiteralString = """
    SELECT DISTINCT p.owner FROM ownership w JOIN ownership_period p USING (ownership_id) WHERE w.region = ANY(%s)
    UNION SELECT erp FROM pin WHERE region = ANY(%s)
"""

Row = dict[str, Any]
#: Of one correlation id; more than a person reads.
MAX_STEPS: Final = 5000


@dataclass(frozen=True, slots=True)
class PostgresReader:
    """Reads; each method is one or a few statements."""

    pool: ConnectionPool[Connection[tuple[Any, ...]]]

    def posting(self, posting_id: UUID) -> Row | None:
        """A posting, where it is in each legal entity concerned, and each delivery with its receipt; None if there is none."""
        found = self._rows(POSTING, (posting_id,))
        if not found:
            return None
        return found[0] | {"places": self._rows(PLACES, (posting_id,)), "deliveries": self._rows(DELIVERIES, (posting_id,))}

    def trace(self, correlation_id: str, source: str | None = None) -> Sequence[Row]:
        """Every step of every posting of one correlation id, or of those among them that one source sent, in order."""
        return self._rows(TRACE, {"correlation_id": correlation_id, "source": source, "limit": MAX_STEPS})

    def ownership(self) -> Row:
        """Who owns what, from which period on, and the pins."""
        return {"ownership": self._rows(OWNERSHIP, ()), "pins": self._rows(PINS, ())}

    def is_believed(self) -> bool:
        """Whether this is the store that was last believed: another one claims nothing."""
        (row,) = self._rows("SELECT identity = store_identity() AS is_believed FROM store_trust", ())
        return bool(row["is_believed"])

    def counts(self) -> Sequence[Row]:
        """How many postings are in which state, by region and kind."""
        return self._rows(COUNTS, ())

    def dead_letters(self, limit: int = 1000) -> Sequence[Row]:
        """What waits for a person."""
        return self._rows(DEAD, (limit,))

    def owners_of(self, regions: Sequence[str]) -> Sequence[str]:
        """The ERPs that own something of these regions: whom to wake."""
        return [row["owner"] for row in self._rows(OWNERS, (list(regions), list(regions)))]

    def _rows(self, statement: LiteralString, terms: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, terms).fetchall()
