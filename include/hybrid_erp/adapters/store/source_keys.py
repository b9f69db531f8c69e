"""Keys of upstream systems: issued, rotated and revoked by a person, through the store's own functions, which audit each act."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg import Connection, errors
from psycopg.rows import class_row

from hybrid_erp.model.errors import SourceKeyError
from hybrid_erp.model.source_key import SourceKey

ISSUE: Final = """
    SELECT issue_source_key(%(key_id)s, %(source)s, %(secret_hash)s, %(not_before)s, %(expires_at)s, %(by)s, %(reason)s)
"""
ROTATE: Final = """
    SELECT rotate_source_key(%(old)s, %(key_id)s, %(secret_hash)s, %(expires_at)s, %(overlap_seconds)s, %(by)s, %(reason)s)
"""
REVOKE: Final = "SELECT revoke_source_key(%(key_id)s, %(by)s, %(reason)s)"
# The state in words of the columns that this role may read.
KEYS: Final = """
    SELECT key_id, source, issued_by, issued_at, replaces, not_before, expires_at, revoked_at, revoked_by, last_used_on,
           CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= clock_timestamp() THEN 'expired'
                WHEN not_before > clock_timestamp() THEN 'not_begun' ELSE 'valid' END AS state
    FROM source_key WHERE %(source)s::text IS NULL OR source = %(source)s ORDER BY source, issued_at
"""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What is known of a key; its secret is not."""

    key_id: str
    source: str
    issued_by: str
    issued_at: datetime
    replaces: str | None
    not_before: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_on: date | None
    state: str


@dataclass(frozen=True, slots=True)
class PostgresSourceKeys:
    """Needs the rights of `hybrid_erp_cutover`; the connection is in autocommit. Each act raises SourceKeyError if it is refused."""

    connection: Connection[tuple[Any, ...]]

    def issue(self, source: str, *, expires_at: datetime, by: str, reason: str, not_before: datetime | None = None) -> SourceKey:
        """A new key of a source; the only moment at which its secret is known."""
        key = SourceKey.new()
        terms = {"source": source, "not_before": not_before, "expires_at": expires_at, "by": by, "reason": reason}
        with _refusals():
            self.connection.execute(ISSUE, {**terms, "key_id": key.key_id, "secret_hash": key.secret_hash})
        return key

    def rotate(self, key_id: str, *, expires_at: datetime, overlap_seconds: int, by: str, reason: str) -> SourceKey:
        """A new key in place of a valid one, which goes on for the overlap."""
        key = SourceKey.new()
        terms = {"old": key_id, "expires_at": expires_at, "overlap_seconds": overlap_seconds, "by": by, "reason": reason}
        with _refusals():
            self.connection.execute(ROTATE, {**terms, "key_id": key.key_id, "secret_hash": key.secret_hash})
        return key

    def revoke(self, key_id: str, *, by: str, reason: str) -> bool:
        """End a key at once; False if it was revoked before."""
        with _refusals():
            row = self.connection.execute(REVOKE, {"key_id": key_id, "by": by, "reason": reason}).fetchone()
        return bool(row and row[0])

    def keys(self, source: str | None = None) -> Sequence[KeyEntry]:
        """Every key, or those of one source."""
        with self.connection.cursor(row_factory=class_row(KeyEntry)) as cursor:
            return cursor.execute(KEYS, {"source": source}).fetchall()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (errors.ObjectNotInPrerequisiteState, errors.NoDataFound) as error:
        raise SourceKeyError(f"{error.diag.message_primary}.") from None
