"""Sealing and exporting the audit trail.

Rows are ordered by the transaction that wrote them. A seal ends at the oldest transaction that is still open, so that no row can appear
behind it. One sealer at a time holds a lock; nobody who writes audit rows ever waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from hybrid_erp.model.audit import Seal, next_seal

SEALER_LOCK: Final = "SELECT pg_advisory_xact_lock(3, 0)"
HORIZON: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
REGIONS: Final = "SELECT DISTINCT region FROM audit ORDER BY region"
SEALS: Final = """
    SELECT region, seal_no, from_xid, to_xid, row_count, rows_hash, previous_hash, seal_hash FROM audit_seal
    WHERE region = %s ORDER BY seal_no
"""
LAST_SEAL: LiteralString = SEALS + " DESC LIMIT 1"
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
    """Needs the rights of `hybrid_erp_delivery` to seal, of `hybrid_erp_reader` to export."""

    connection: Connection[tuple[Any, ...]]

    def seal(self) -> Sequence[Seal]:
        """Seal what has been written and cannot change any more; the new seals, one for each region with new rows."""
        made = []
        with self.connection.transaction():
            self.connection.execute(SEALER_LOCK)
            row = self.connection.execute(HORIZON).fetchone()
            assert row is not None
            horizon = int(row[0])
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
                yield json.dumps({"seal": to_json(seal)})
            for row in self._rows(region, 0, ALL_ROWS):
                yield json.dumps({"row": row})

    def _seals(self, region: str) -> Sequence[Seal]:
        with self.connection.cursor(row_factory=class_row(Seal)) as cursor:
            return cursor.execute(SEALS, (region,)).fetchall()

    def _rows(self, region: str, from_xid: int, to_xid: int) -> Iterator[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            yield from cursor.stream(ROWS, (region, from_xid, to_xid))


def to_json(seal: Seal) -> dict[str, Any]:
    """A seal in JSON, hashes in hexadecimal."""
    fields = {name: getattr(seal, name) for name in Seal.__slots__}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def from_json(content: dict[str, Any]) -> Seal:
    """A seal from JSON."""
    numbers = (int(content[name]) for name in ("seal_no", "from_xid", "to_xid", "row_count"))
    hashes = (bytes.fromhex(content[name]) for name in ("rows_hash", "previous_hash", "seal_hash"))
    seal_no, from_xid, to_xid, row_count = numbers
    rows_hash, previous_hash, seal_hash = hashes
    return Seal(str(content["region"]), seal_no, from_xid, to_xid, row_count, rows_hash, previous_hash, seal_hash)
