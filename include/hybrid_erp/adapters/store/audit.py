"""Sealing and exporting the audit trail.

Rows are ordered by the transaction that wrote them. A seal ends at the oldest transaction that is still open, so that no row can appear
behind it. One sealer at a time holds a lock; nobody who writes audit rows ever waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from hybrid_erp.model.audit import Seal, next_seal, seal_to_json

SEALER_LOCK: Final = "SELECT pg_advisory_xact_lock(3, 0)"
HORIZON: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
REGIONS: Final = "SELECT DISTINCT region FROM audit ORDER BY region"
SEALS: Final = """
    SELECT region, seal_no, from_xid, to_xid, row_count, rows_hash, previous_hash, seal_hash FROM audit_seal
    WHERE region = %s ORDER BY seal_no
"""
LAST_SEAL: LiteralString = SEALS + " DESC LIMIT 1"
SEALS_AFTER: LiteralString = SEALS.replace("ORDER", "AND seal_no > %s ORDER")
ONE_SEAL: LiteralString = SEALS.replace("ORDER", "AND seal_no = %s ORDER")
SEALED_REGIONS: Final = "SELECT DISTINCT region FROM audit_seal ORDER BY region"
_MOVE: Final = "history_id || ' of ' || to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
OWNERSHIP: LiteralString = f"""
    SELECT coalesce((SELECT jsonb_object_agg(what, erp) FROM (
               SELECT 'owner of ' || w.kind || ' of region ' || w.region || ' from ' || p.from_period AS what, p.owner AS erp
               FROM ownership w JOIN ownership_period p USING (ownership_id)
               UNION ALL SELECT 'pin of ' || routing_key || ' of region ' || region, erp FROM pin) AS owned), '{{}}'),
           coalesce((SELECT {_MOVE} FROM ownership_history ORDER BY history_id DESC LIMIT 1), '')
"""
KNOWS_MOVE: LiteralString = f"SELECT %(move)s = '' OR EXISTS (SELECT FROM ownership_history WHERE {_MOVE} = %(move)s)"
# Whoever keeps heads holds it, so that two never write the same file: class constant 3, as the sealer's.
KEEPER_LOCK: Final = "SELECT pg_try_advisory_xact_lock(3, 1)"
IDENTITY: Final = "SELECT store_identity(), identity = store_identity() FROM store_trust"
# Instants in UTC as text, so that the same row has the same words on every machine.
ROWS: Final = """
    SELECT audit_id, xid, region, actor, action, posting_id::text, legal_entity, erp, correlation_id, details,
           to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at
    FROM audit WHERE region = %s AND xid >= %s AND xid < %s ORDER BY xid, audit_id
"""
INSERT_SEAL: Final = """
    INSERT INTO audit_seal (region, seal_no, from_xid, to_xid, row_count, rows_hash, previous_hash, seal_hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
ALL_ROWS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PostgresAudit:
    """Needs the rights of `hybrid_erp_delivery` to seal, of `hybrid_erp_reader` for all else."""

    connection: Connection[tuple[Any, ...]]

    def seal(self) -> Sequence[Seal]:
        """Seal what has been written and cannot change any more; the new seals, one for each region with new rows."""
        made = []
        with self.connection.transaction():
            self.connection.execute(SEALER_LOCK)
            horizon = int(self._one(HORIZON)[0])
            for (region,) in self.connection.execute(REGIONS).fetchall():
                with self.connection.cursor(row_factory=class_row(Seal)) as cursor:
                    last = cursor.execute(LAST_SEAL, (region,)).fetchone()
                rows = self._rows(region, last.to_xid if last else 0, horizon)
                seal = next_seal(region, last, horizon, rows)
                if seal.row_count:
                    terms = (seal.region, seal.seal_no, seal.from_xid, seal.to_xid, seal.row_count, seal.rows_hash)
                    self.connection.execute(INSERT_SEAL, (*terms, seal.previous_hash, seal.seal_hash))
                    made.append(seal)
        return made

    def export(self) -> Iterator[str]:
        """The whole trail as JSON lines: for each region its seals, then its rows. What `hybrid-erp audit-verify` reads, offline."""
        for (region,) in self.connection.execute(REGIONS).fetchall():
            for seal in self._seals(region):
                yield json.dumps({"seal": seal_to_json(seal)})
            for row in self._rows(region, 0, ALL_ROWS):
                yield json.dumps({"row": row})

    @contextmanager
    def keeping(self) -> Iterator[bool]:
        """Whether nobody else keeps heads now; nobody can until the block ends."""
        with self.connection.transaction():
            yield bool(self._one(KEEPER_LOCK)[0])

    def identity(self) -> tuple[str, bool]:
        """Which store this is, and whether it is believed."""
        identity, is_believed = self._one(IDENTITY)
        return str(identity), bool(is_believed)

    def ownership(self) -> tuple[dict[str, str], str]:
        """Which ERP owns what, and every pin, in words; and the last move of ownership."""
        owned, last_move = self._one(OWNERSHIP)
        return owned, last_move

    def knows_move(self, move: str) -> bool:
        """Whether this move of ownership was made in this store."""
        return bool(self._one(KNOWS_MOVE, {"move": move})[0])

    def sealed_regions(self) -> Sequence[str]:
        """The regions that have seals."""
        return [region for (region,) in self.connection.execute(SEALED_REGIONS)]

    def seals_after(self, region: str, seal_no: int) -> Sequence[Seal]:
        """A region's seals that come after one, in order."""
        with self.connection.cursor(row_factory=class_row(Seal)) as cursor:
            return cursor.execute(SEALS_AFTER, (region, seal_no)).fetchall()

    def seal_of(self, region: str, seal_no: int) -> Seal | None:
        """One seal."""
        with self.connection.cursor(row_factory=class_row(Seal)) as cursor:
            return cursor.execute(ONE_SEAL, (region, seal_no)).fetchone()

    def rows_of(self, seal: Seal) -> Iterator[dict[str, Any]]:
        """The rows that a seal covers, in its order."""
        return self._rows(seal.region, seal.from_xid, seal.to_xid)

    def _one(self, statement: LiteralString, terms: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
        row = self.connection.execute(statement, terms).fetchone()
        assert row is not None
        return row

    def _seals(self, region: str) -> Sequence[Seal]:
        with self.connection.cursor(row_factory=class_row(Seal)) as cursor:
            return cursor.execute(SEALS, (region,)).fetchall()

    def _rows(self, region: str, from_xid: int, to_xid: int) -> Iterator[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            yield from cursor.stream(ROWS, (region, from_xid, to_xid))
