"""Intake's side of machine callers: which key it is, that it was used, and what a caller was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from hybrid_erp.model.source_key import KnownKey

KEY: Final = """
    SELECT k.source, k.secret_hash, source_key_state(k) AS state,
           k.last_used_on IS DISTINCT FROM (clock_timestamp() AT TIME ZONE 'UTC')::date AS first_of_its_day
    FROM source_key k WHERE k.key_id = %s
"""
# By the day, so that a key in use is not written with each request.
USED: Final = """
    UPDATE source_key SET last_used_on = (clock_timestamp() AT TIME ZONE 'UTC')::date
    WHERE key_id = %s AND last_used_on IS DISTINCT FROM (clock_timestamp() AT TIME ZONE 'UTC')::date
"""
REFUSED: Final = "INSERT INTO audit (region, actor, action, details) VALUES ('_firm', %s, 'caller_refused', %s)"


@dataclass(frozen=True, slots=True)
class PostgresCallers:
    """Needs the rights of `hybrid_erp_intake`. Nothing is remembered, so that a revoked key ends with the request before."""

    pool: ConnectionPool[Connection[tuple[Any, ...]]]

    def key(self, key_id: str) -> KnownKey | None:
        """A key by its id; None if there is none."""
        with self.pool.connection() as connection, connection.cursor(row_factory=class_row(KnownKey)) as cursor:
            return cursor.execute(KEY, (key_id,)).fetchone()

    def used(self, key_id: str) -> None:
        """Note the day."""
        with self.pool.connection() as connection:
            connection.execute(USED, (key_id,))

    def refused(self, name: str, details: Mapping[str, Any]) -> None:
        """Put into the audit trail what a known caller tried and may not."""
        with self.pool.connection() as connection:
            connection.execute(REFUSED, (name, Jsonb(dict(details))))
