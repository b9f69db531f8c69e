"""Dead letters: chosen and made to wait again. Marks stay: where a request may have arrived, the ERP is asked first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import NotReplayableError

MATCHING: Final = """
    SELECT DISTINCT ON (o.seq) o.posting_id FROM outbox o
    LEFT JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
                         AND d.state = 'dead_lettered'
    WHERE o.state = 'dead_lettered' AND (%(region)s::text IS NULL OR o.region = %(region)s)
      AND (%(failure)s::text IS NULL OR d.failure = %(failure)s)
    ORDER BY o.seq LIMIT %(limit)s
"""
REOPEN: Final = """
    WITH reopened AS (
        UPDATE outbox o SET state = 'waiting', due_at = '-infinity', reason = NULL
        WHERE o.posting_id = ANY(%(posting_ids)s) AND o.state = 'dead_lettered' RETURNING o.posting_id, o.region, o.legal_entity
    ), given_up AS (
        DELETE FROM dependency n USING reopened WHERE n.posting_id = reopened.posting_id AND n.version IS NOT NULL
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, details)
        SELECT region, %(by)s, 'replayed', posting_id, legal_entity, jsonb_build_object('reason', %(reason)s::text) FROM reopened
    )
    SELECT DISTINCT posting_id FROM reopened
"""
# A conflict was looked at: the ERP holds it otherwise, and only a person can say what is right.
IN_DOUBT: Final = """
    SELECT o.document_type, array_agg(o.posting_id ORDER BY o.seq) FROM outbox o
    JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
    WHERE o.state = 'dead_lettered' AND d.state = 'dead_lettered' AND d.maybe_there AND d.failure <> 'conflict'
      AND d.erp = %s AND o.legal_entity = %s
    GROUP BY o.document_type
"""
# Who wins against the version that comes after all is decided by the row: its filling moves it to another place.
GAPS: Final = """
    WITH overdue AS MATERIALIZED (
        SELECT o.posting_id, o.legal_entity, o.destination, o.seq, n.version FROM dependency n
        JOIN outbox o ON o.posting_id = n.posting_id AND o.state = 'waiting'
        JOIN posting p ON p.accepted_on = o.accepted_on AND p.posting_id = o.posting_id
        WHERE n.version IS NOT NULL
          AND p.accepted_at < clock_timestamp() - make_interval(secs => coalesce((%(seconds)s::jsonb->>p.source)::integer, 0))
          AND NOT EXISTS (SELECT FROM document d WHERE d.document_type = p.document_type AND d.identified_in = p.identified_in
                          AND d.number = p.number AND d.version = n.version)
    ), dead AS (
        UPDATE outbox o SET state = 'dead_lettered', reason = 'version_gap: version ' || overdue.version || ' is missing' FROM overdue
        WHERE (o.posting_id, o.legal_entity, o.destination) = (overdue.posting_id, overdue.legal_entity, overdue.destination)
          AND o.state = 'waiting' AND o.seq = overdue.seq
        RETURNING o.posting_id, o.region, o.legal_entity, o.role, overdue.version
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, details)
        SELECT region, %(by)s, 'dead_lettered', posting_id, legal_entity,
               jsonb_build_object('failure', 'version_gap', 'role', role, 'missing', version) FROM dead
    )
    SELECT count(DISTINCT posting_id) FROM dead
"""
# One that may be in an ERP all the same is not given up: first the ERP is asked (a replay), or its document is reversed there.
CANCEL: Final = """
    WITH cancelled AS (
        UPDATE outbox o SET state = 'cancelled', reason = %(reason)s
        WHERE o.posting_id = ANY(%(posting_ids)s) AND o.state = 'dead_lettered'
          AND NOT EXISTS (SELECT FROM delivery d WHERE d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id
                          AND d.legal_entity = o.legal_entity AND d.maybe_there AND d.state <> 'posted')
        RETURNING o.posting_id, o.accepted_on, o.region, o.legal_entity, o.role
    ), given_up AS (
        UPDATE delivery d SET state = 'cancelled' FROM cancelled c
        WHERE d.accepted_on = c.accepted_on AND d.posting_id = c.posting_id AND d.legal_entity = c.legal_entity
          AND d.state = 'dead_lettered'
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, details)
        SELECT region, %(by)s, 'cancelled', posting_id, legal_entity, jsonb_build_object('reason', %(reason)s::text, 'role', role)
        FROM cancelled
    )
    SELECT DISTINCT posting_id FROM cancelled
"""


@dataclass(frozen=True, slots=True)
class PostgresDeadLetters:
    """Needs the rights of `hybrid_erp_delivery`."""

    connection: Connection[tuple[Any, ...]]

    def matching(self, *, region: str | None, failure: str | None, limit: int) -> Sequence[UUID]:
        """Dead letters of a region or of a class of failure, oldest first."""
        rows = self.connection.execute(MATCHING, {"region": region, "failure": failure, "limit": limit}).fetchall()
        return [row[0] for row in rows]

    def reopen(self, posting_ids: Sequence[UUID], *, by: str, reason: str) -> Sequence[UUID]:
        """Make all of them wait again, or none.

        Raises:
            NotReplayableError: One of them is no dead letter.
        """
        return self._all_or_none(REOPEN, posting_ids, by, reason, "is no dead letter")

    def in_doubt(self, erp: str, legal_entity: str) -> Mapping[DocumentType, Sequence[UUID]]:
        """Dead letters that may be at this company all the same, by document type."""
        rows = self.connection.execute(IN_DOUBT, (erp, legal_entity)).fetchall()
        return {DocumentType(document_type): posting_ids for document_type, posting_ids in rows}

    def take_gaps(self, seconds: Mapping[str, int], *, by: str) -> int:
        """Take to the desk what has waited too long for the version before it; how many. `seconds`: of each source, how long it may."""
        row = self.connection.execute(GAPS, {"seconds": json.dumps(dict(seconds)), "by": by}).fetchone()
        assert row is not None
        return int(row[0])

    def cancel(self, posting_ids: Sequence[UUID], *, by: str, reason: str) -> Sequence[UUID]:
        """Give all of them up for good, or none; what waited behind them goes on.

        Raises:
            NotReplayableError: One of them is no dead letter, or may be in an ERP all the same.
        """
        otherwise = "is no dead letter, or may be in an ERP: replay it, which asks the ERP"
        return self._all_or_none(CANCEL, posting_ids, by, reason, otherwise)

    def _all_or_none(self, statement: LiteralString, posting_ids: Sequence[UUID], by: str, reason: str, otherwise: str) -> Sequence[UUID]:
        with self.connection.transaction():
            rows = self.connection.execute(statement, {"posting_ids": list(posting_ids), "by": by, "reason": reason}).fetchall()
            changed = [row[0] for row in rows]
            if missing := sorted(str(each) for each in set(posting_ids) - set(changed)):
                raise NotReplayableError(f"{missing[0]} {otherwise} ({len(missing)} of {len(set(posting_ids))}).")
        return changed
