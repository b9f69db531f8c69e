"""A region's moves as they are shown: what it is now, what stands in the way, how each move went. Needs `hybrid_erp_reader` alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.forecast import PostgresForecast
from hybrid_erp.adapters.store.reconciliations_reading import HEAD
from hybrid_erp.model.cutover import Direction

#: Moves and reconciliations that are shown, newest first.
MOVES_MAX: Final = 10
OWNERSHIP: LiteralString = """
    SELECT w.kind, w.phase, w.epoch, p.from_period, p.owner, p.candidate, w.open_share / 10000.0 AS share, w.cutover_id, w.frozen_until
    FROM ownership w JOIN ownership_period p USING (ownership_id) WHERE w.region = %(region)s AND w.kind <> 'reference'
    ORDER BY w.kind, p.from_period
"""
MOVES: LiteralString = """
    SELECT c.cutover_id, c.direction, c.mode, c.kinds, c.legal_entities, c.from_period, c.old_owner, c.new_owner, c.run, c.requested_by,
           c.reason, c.ticket, c.requested_at, c.frozen_at, c.drained_at, c.locked_at, c.verified_at, c.reconciliation_id, c.switched_at,
           c.ended_at, c.outcome, c.evidence_hash, c.package, (c.limits->>'freeze_seconds_max')::double precision AS freeze_seconds_max
    FROM cutover c WHERE c.region = %(region)s ORDER BY c.requested_at DESC, c.cutover_id LIMIT %(moves_max)s
"""
APPROVALS: LiteralString = """
    SELECT a.cutover_id, a.role, a.legal_entity, a.approved_by, a.answered_at, a.evidence_hash = c.evidence_hash AS on_this_evidence
    FROM cutover_approval a JOIN cutover c USING (cutover_id) WHERE a.cutover_id = ANY(%(moves)s)
    ORDER BY a.role DESC, a.legal_entity
"""
STEPS: LiteralString = """
    SELECT cutover_id, step, began_at, ended_at, outcome FROM cutover_step WHERE cutover_id = ANY(%(moves)s) ORDER BY step_id
"""
# Of a move that is under way: what its next steps would refuse.
LACKING: LiteralString = """
    SELECT 'lacks the yes of ' || lacking AS what FROM cutover c, unnest(approvals_lacking(c)) AS lacking
    WHERE c.cutover_id = %(cutover_id)s AND c.switched_at IS NULL
    UNION ALL
    SELECT u.postings || CASE u.role WHEN 'candidate' THEN ' copies ' ELSE ' postings ' END || u.state || ' of ' || u.legal_entity || ' at '
           || u.erp FROM cutover c, unsettled(c) u WHERE c.cutover_id = %(cutover_id)s AND c.switched_at IS NULL
    ORDER BY what
"""
IN_THE_WAY: LiteralString = """
    SELECT count(*) || ' ' || CASE role WHEN 'candidate' THEN 'copies' ELSE 'postings' END || ' of ' || legal_entity || ' '
           || replace(state, '_', ' ') AS what
    FROM outbox WHERE region = %(region)s AND state IN ('dead_lettered', 'in_doubt') GROUP BY role, legal_entity, state
    UNION ALL
    SELECT 'no new ' || kind || ' posting is claimed: ' || held_because FROM ownership WHERE region = %(region)s AND held_at IS NOT NULL
    UNION ALL
    SELECT erp || ' has not confirmed that ' || legal_entity || ' is ' || desired FROM lock_out
    WHERE read_back_at IS NULL AND cutover_id IN (SELECT cutover_id FROM cutover WHERE region = %(region)s)
    GROUP BY erp, legal_entity, desired
    UNION ALL
    SELECT CASE WHEN identity <> store_identity() THEN 'the store was restored, failed over or copied: nothing is sent, and no region moves'
                ELSE 'the store is being recovered: no region moves' END
    FROM store_trust WHERE identity <> store_identity() OR is_recovering
    ORDER BY what
"""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PostgresBoard:
    """What a page of a region is made of."""

    pool: ConnectionPool[Connection[tuple[Any, ...]]]

    def region(self, region: str) -> Row | None:
        """A region, its moves, and what earlier ones took; None if nobody owns it."""
        with self.pool.connection() as connection:
            terms: Row = {"region": region, "moves_max": MOVES_MAX}
            ownership = _rows(connection, OWNERSHIP, terms)
            if not ownership:
                return None
            moves = _rows(connection, MOVES, terms)
            latest = _rows(connection, HEAD + "WHERE region = %(region)s ORDER BY started_at DESC LIMIT %(moves_max)s", terms)
            (now,) = _rows(connection, "SELECT clock_timestamp() AS at", {})
            return {
                "region": region,
                "at": now["at"],
                "ownership": ownership,
                "in_the_way": [row["what"] for row in _rows(connection, IN_THE_WAY, terms)],
                "reconciliations": latest,
                "cutovers": _told(connection, region, moves),
            }


def _told(connection: Connection[tuple[Any, ...]], region: str, moves: Sequence[Row]) -> list[Row]:
    """Each move with its approvals, steps, and what is needed to hold it against earlier ones."""
    ids, times = {"moves": [move["cutover_id"] for move in moves]}, PostgresForecast(connection)
    approvals, steps = (_by_move(_rows(connection, statement, ids)) for statement in (APPROVALS, STEPS))
    return [
        {
            **move,
            "approvals": approvals[move["cutover_id"]],
            "steps": steps[move["cutover_id"]],
            "in_the_way": [row["what"] for row in _rows(connection, LACKING, move)] if move["ended_at"] is None else [],
            "history": times.history(region, Direction(move["direction"]), but=move["cutover_id"]),
            "runs": times.runs(move["cutover_id"]),
        }
        for move in moves
    ]


def _by_move(rows: Sequence[Row]) -> Mapping[UUID, list[Row]]:
    found: dict[UUID, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.pop("cutover_id")].append(row)
    return found


def _rows(connection: Connection[tuple[Any, ...]], statement: LiteralString, terms: Row) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, terms).fetchall()
