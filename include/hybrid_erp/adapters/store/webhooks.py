"""How far each webhook has told, whose turn it is to send, and what could not be told.

A turn is a lease, not a session: it works behind a pooler, and that of a killed sender ends by itself. Each step moves its end on, and
changes nothing once another sender has the turn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.adapters.store.outcomes import OF_POSTINGS, OUTCOMES, to_told, told_after
from hybrid_erp.model.outcomes import Position, Told

#: Longer than a receiver may take to answer.
TURN_SECONDS: Final = 30.0

# A webhook begins with what is told from now on; what was told before is in the feed.
BEGIN: Final = """
    INSERT INTO webhook (source, xid, outcome_no)
    SELECT source, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807 FROM unnest(%s::text[]) AS source
    ON CONFLICT (source) DO NOTHING
"""
DUE: Final = """
    SELECT w.source FROM webhook w WHERE w.source = ANY(%s) AND w.held_until < clock_timestamp()
    AND ((w.due_at <= clock_timestamp() AND (
              EXISTS (SELECT FROM outcome o WHERE o.source = w.source AND (o.xid, o.outcome_no) > (w.xid, w.outcome_no))
              OR EXISTS (SELECT FROM outcome o WHERE o.source = '' AND (o.xid, o.outcome_no) > (w.xid, w.outcome_no))))
         OR EXISTS (SELECT FROM dead_webhook d WHERE d.source = w.source AND d.state = 'waiting'))
    ORDER BY w.source
"""
TAKE: Final = """
    UPDATE webhook SET held_by = %(token)s, held_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE source = %(source)s AND held_until < clock_timestamp()
    RETURNING xid, outcome_no, attempt, due_at <= clock_timestamp() AS due
"""
_MINE: LiteralString = "source = %(source)s AND held_by = %(token)s"
_KEEP: LiteralString = "held_until = clock_timestamp() + make_interval(secs => %(seconds)s)"
KEEP: LiteralString = f"UPDATE webhook SET {_KEEP} WHERE {_MINE}"
END: LiteralString = f"UPDATE webhook SET held_until = '-infinity' WHERE {_MINE}"
_TOLD: LiteralString = f"""
    UPDATE webhook SET xid = %(xid)s, outcome_no = %(outcome_no)s, attempt = 0, due_at = '-infinity', failing_since = NULL, failure = NULL,
        {_KEEP} WHERE {_MINE}
"""
FAILED: LiteralString = f"""
    UPDATE webhook SET attempt = attempt + 1, due_at = clock_timestamp() + make_interval(secs => %(wait_seconds)s),
        failing_since = coalesce(failing_since, clock_timestamp()), failure = %(failure)s, {_KEEP} WHERE {_MINE}
"""
DIED: LiteralString = f"""
    WITH passed AS ({_TOLD} RETURNING source)
    INSERT INTO dead_webhook (source, xid, outcome_no, outcome_id, attempts, failure)
    SELECT source, %(xid)s, %(outcome_no)s, %(outcome_id)s, %(attempts)s, %(failure)s FROM passed
    ON CONFLICT (source, xid, outcome_no) DO UPDATE SET state = 'dead', failure = excluded.failure
"""
WAITING: LiteralString = f"""
    SELECT {OUTCOMES} FROM dead_webhook d JOIN outcome o ON o.source IN (d.source, '') AND o.xid = d.xid AND o.outcome_no = d.outcome_no
    {OF_POSTINGS} WHERE d.source = %s AND d.state = 'waiting' ORDER BY o.xid, o.outcome_no
"""
REPLAYED: Final = """
    UPDATE dead_webhook d SET state = CASE WHEN %(failure)s::text IS NULL THEN 'sent' ELSE 'dead' END, attempts = d.attempts + 1,
        failure = coalesce(%(failure)s, d.failure), sent_at = CASE WHEN %(failure)s::text IS NULL THEN clock_timestamp() END
    FROM webhook w WHERE w.source = d.source AND w.held_by = %(token)s AND d.source = %(source)s AND d.xid = %(xid)s
      AND d.outcome_no = %(outcome_no)s
"""
REPLAY: Final = """
    WITH waiting AS (
        UPDATE dead_webhook SET state = 'waiting', replayed_by = %(by)s
        WHERE source = %(source)s AND state = 'dead' AND (%(outcome_ids)s::uuid[] IS NULL OR outcome_id = ANY(%(outcome_ids)s::uuid[]))
        RETURNING source, xid, outcome_no, outcome_id
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, erp, details)
        SELECT o.region, %(by)s, 'webhook_replayed', o.posting_id, o.legal_entity, o.erp,
               jsonb_build_object('outcome_id', o.outcome_id, 'source', w.source, 'reason', %(reason)s::text)
        FROM waiting w JOIN outcome o ON o.source IN (w.source, '') AND o.xid = w.xid AND o.outcome_no = w.outcome_no
    )
    SELECT outcome_id FROM waiting ORDER BY xid, outcome_no
"""
ALL: Final = "SELECT source, begun_at, attempt, failing_since, failure, NULLIF(due_at, '-infinity') AS due_at FROM webhook ORDER BY source"
DEAD: Final = """
    SELECT source, outcome_id, state, attempts, failure, died_at FROM dead_webhook WHERE state <> 'sent' ORDER BY source, xid, outcome_no
"""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PostgresWebhooks:
    """Needs the rights of `hybrid_erp_delivery`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]
    turn_seconds: float = TURN_SECONDS

    def due(self, sources: Collection[str]) -> Sequence[str]:
        """The sources among these whose webhook has something to tell now, and that nobody sends for. A new one begins here."""
        self.connection.execute(BEGIN, (sorted(sources),))
        return [row[0] for row in self.connection.execute(DUE, (sorted(sources),)).fetchall()]

    def take_turn(self, source: str, *, regions: Collection[str] | None = None) -> PostgresWebhookTurn | None:
        """The turn to send for a source; None if another sender has it."""
        terms = {"source": source, "token": uuid4(), "seconds": self.turn_seconds}
        row = self.connection.execute(TAKE, terms).fetchone()
        if row is None:
            return None
        xid, outcome_no, attempt, due = row
        return PostgresWebhookTurn(self.connection, terms, regions, Position(xid, outcome_no), attempt, due)

    def replay(self, source: str, outcome_ids: Sequence[UUID] | None, *, by: str, reason: str) -> Sequence[UUID]:
        """Have dead webhooks of a source sent again, all or some; which those are."""
        terms: Row = {"source": source, "by": by, "reason": reason, "outcome_ids": None if outcome_ids is None else list(outcome_ids)}
        return [row[0] for row in self.connection.execute(REPLAY, terms).fetchall()]

    def all(self) -> Sequence[Mapping[str, Any]]:
        """Every webhook that has begun."""
        return self._rows(ALL)

    def dead(self) -> Sequence[Mapping[str, Any]]:
        """What could not be told, and has not been since."""
        return self._rows(DEAD)

    def _rows(self, statement: LiteralString) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement).fetchall()


@dataclass(slots=True)
class PostgresWebhookTurn:
    """The turn to send for one source. Every step answers False once another sender has it."""

    connection: Connection[tuple[Any, ...]]
    terms: Mapping[str, Any]
    regions: Collection[str] | None
    position: Position
    attempt: int
    """How often the next one has been sent in vain."""
    due: bool
    """Whether the next one may be sent now."""

    def next(self, limit: int) -> Sequence[Told]:
        """What comes next, in order."""
        return told_after(self.connection, self.terms["source"], self.position, limit=limit)

    def concerns(self, told: Told) -> bool:
        """Whether it is about its postings, or about a region that it may speak of."""
        return told.original is not None or self.regions is None or told.region in self.regions

    def to_replay(self) -> Sequence[Told]:
        """Dead ones that a person wants to be sent again."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return [to_told(row) for row in cursor.execute(WAITING, (self.terms["source"],)).fetchall()]

    def keep(self) -> bool:
        """Still ours, for as long again."""
        return self._changed(KEEP)

    def sent(self, told: Told) -> bool:
        """It was taken; the next one is the one after it."""
        self.position, self.attempt = told.position, 0
        return self._changed(_TOLD, **told.position._asdict())

    def failed(self, failure: str, *, wait_seconds: float) -> bool:
        """It was not taken; it is sent again after the wait."""
        return self._changed(FAILED, failure=failure[:500], wait_seconds=wait_seconds)

    def died(self, told: Told, failure: str) -> bool:
        """It was not taken too often: a person decides, and the next one is the one after it."""
        terms = {"outcome_id": told.outcome_id, "attempts": self.attempt + 1, "failure": failure[:500], **told.position._asdict()}
        self.position, self.attempt = told.position, 0
        return self._changed(DIED, **terms)

    def replayed(self, told: Told, failure: str | None) -> bool:
        """A dead one was taken, or was not."""
        return self._changed(REPLAYED, failure=failure and failure[:500], **told.position._asdict())

    def end(self) -> None:
        """Give the turn back."""
        self._changed(END)

    def _changed(self, statement: LiteralString, **terms: Any) -> bool:
        return self.connection.execute(statement, {**self.terms, **terms}).rowcount == 1
