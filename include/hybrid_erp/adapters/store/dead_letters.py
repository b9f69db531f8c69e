"""Dead letters: chosen and made to wait again. Marks stay: where a request may have arrived, the ERP is asked first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from hybrid_erp.model.errors import NotReplayableError

MATCHING: Final = """
    SELECT DISTINCT ON (o.seq) o.posting_id FROM outbox o
    LEFT JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
    WHERE o.state = 'dead_lettered' AND (%(region)s::text IS NULL OR o.region = %(region)s)
      AND (%(failure)s::text IS NULL OR d.failure = %(failure)s)
    ORDER BY o.seq LIMIT %(limit)s
"""
REOPEN: Final = """
    WITH reopened AS (
        UPDATE outbox o SET state = 'waiting', due_at = '-infinity', reason = NULL
        WHERE o.posting_id = ANY(%(posting_ids)s) AND o.state = 'dead_lettered' RETURNING o.posting_id, o.region, o.legal_entity
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, details)
        SELECT region, %(by)s, 'replayed', posting_id, legal_entity, jsonb_build_object('reason', %(reason)s::text) FROM reopened
    )
    SELECT DISTINCT posting_id FROM reopened
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
        with self.connection.transaction():
            rows = self.connection.execute(REOPEN, {"posting_ids": list(posting_ids), "by": by, "reason": reason}).fetchall()
            reopened = [row[0] for row in rows]
            if missing := sorted(str(each) for each in set(posting_ids) - set(reopened)):
                raise NotReplayableError(f"{missing[0]} is no dead letter ({len(missing)} of {len(set(posting_ids))} are not).")
        return reopened
