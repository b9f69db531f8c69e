"""Outcomes in an order that never skips.

Rows are ordered by the transaction that wrote them, and told once no transaction below them is open (as the audit trail is sealed): none
can appear behind a position that was told. What was committed asynchronously could still be lost in a crash of PostgreSQL, and its
transaction ids given out again; so whatever is told was made durable first.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from hybrid_erp.model.errors import CursorRefusedError
from hybrid_erp.model.outcomes import BEGINNING, Original, OutcomeType, Page, Position, Told

HORIZON: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, store_identity()"
# A message in PostgreSQL's log gives this transaction something to commit; its commit waits until all before it is on the disk.
MAKE_DURABLE: Final = "SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'hybrid-erp', '')"
_ONES: LiteralString = """
    SELECT * FROM outcome WHERE source = %(source)s AND (xid, outcome_no) > (%(xid)s, %(outcome_no)s) AND xid < %(horizon)s
    AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s) ORDER BY xid, outcome_no LIMIT %(limit)s
"""
_EVERYBODYS: LiteralString = """
    SELECT * FROM outcome WHERE source = '' AND (xid, outcome_no) > (%(xid)s, %(outcome_no)s) AND xid < %(horizon)s
    AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s) AND (%(regions)s::text[] IS NULL OR region = ANY(%(regions)s))
    ORDER BY xid, outcome_no LIMIT %(limit)s
"""
OUTCOMES: LiteralString = "o.*, p.event_id, p.event_type, p.document_type, p.number, p.version, p.correlation_id"
OF_POSTINGS: LiteralString = """
    LEFT JOIN posting_key k ON k.posting_id = o.posting_id
    LEFT JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id
"""
AFTER: LiteralString = f"""
    SELECT {OUTCOMES}
    FROM (({_ONES}) UNION ALL ({_EVERYBODYS}) ORDER BY xid, outcome_no LIMIT %(limit)s) AS o {OF_POSTINGS} ORDER BY o.xid, o.outcome_no
"""
_FORM: Final = "1"


@dataclass(frozen=True, slots=True)
class PostgresOutcomes:
    """The feed. Needs the rights of `hybrid_erp_reader`."""

    pool: ConnectionPool[Connection[tuple[Any, ...]]]

    def page(
        self, source: str, *, after: str | None, limit: int, since: datetime | None = None, regions: Collection[str] | None = None
    ) -> Page:
        """Outcomes of a source that come after a cursor; without one from `since`, or from the first.

        `regions` are those whose changes of owner are told; None: all.

        Raises:
            CursorRefusedError: The cursor is not one of this store and this feed.
        """
        with self.pool.connection() as connection:
            row = connection.execute(HORIZON).fetchone()
            assert row is not None
            horizon, store = int(row[0]), _short(row[1])
            position = BEGINNING if after is None else _position(after, source, store, horizon)
            told = _told_after(connection, source, position, horizon, limit, since if after is None else None, regions)
        last = told[-1].position if told else position
        return Page(tuple(told), _cursor(last, source, store), len(told) == limit)


def told_after(connection: Connection[tuple[Any, ...]], source: str, position: Position, *, limit: int) -> list[Told]:
    """Outcomes of a source that come after a position; durable when they are returned. The connection is in autocommit."""
    with connection.transaction():
        row = connection.execute(HORIZON).fetchone()
        assert row is not None
        return _told_after(connection, source, position, int(row[0]), limit, None, None)


def _told_after(
    connection: Connection[tuple[Any, ...]],
    source: str,
    position: Position,
    horizon: int,
    limit: int,
    since: datetime | None,
    regions: Collection[str] | None,
) -> list[Told]:
    terms: dict[str, Any] = {"source": source, "horizon": horizon, "limit": limit, "since": since, **position._asdict()}
    terms["regions"] = None if regions is None else sorted(regions)
    with connection.cursor(row_factory=dict_row) as cursor:
        told = [to_told(row) for row in cursor.execute(AFTER, terms).fetchall()]
    if told:
        connection.execute(MAKE_DURABLE)
    return told


def to_told(row: dict[str, Any]) -> Told:
    """An outcome, of its row and what its posting is called."""
    names = ("outcome_id", "recorded_at", "region", "posting_id", "legal_entity", "erp", "facts")
    original = Original(**{name: row[name] for name in Original.__slots__}) if row["posting_id"] else None
    return Told(Position(row["xid"], row["outcome_no"]), type=OutcomeType(row["type"]), original=original, **{n: row[n] for n in names})


def _short(store: str) -> str:
    return hashlib.sha256(store.encode()).hexdigest()[:16]


def _cursor(position: Position, source: str, store: str) -> str:
    words = (_FORM, store, *map(str, position), source)
    return base64.urlsafe_b64encode(" ".join(words).encode()).decode().rstrip("=")


def _position(cursor: str, source: str, store: str, horizon: int) -> Position:
    try:
        words = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        form, of_store, xid, outcome_no, of_source = words.split(" ", 4)
        position = Position(int(xid), int(outcome_no))
    except ValueError as error:
        raise CursorRefusedError("The cursor cannot be read; give it as it was answered.") from error
    if form != _FORM or not (0 <= position.xid < 2**63 and 0 <= position.outcome_no < 2**63):
        raise CursorRefusedError("The cursor cannot be read; give it as it was answered.")
    if of_source != source:
        raise CursorRefusedError("The cursor is of the feed of another source.")
    if of_store != store:
        raise CursorRefusedError("The cursor is of another store, or this one was restored or failed over since: outcomes may be missing.")
    if position.xid >= horizon:
        raise CursorRefusedError("The cursor lies ahead of everything that this store has told.")
    return position
