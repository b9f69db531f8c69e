"""Whether this store is believed, and the acts of the people who say so. Functions of the store alone change it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection, errors
from psycopg.rows import class_row, dict_row

from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.model.trust import LastOfSource, StoreTrust

STATE: LiteralString = """
    SELECT store_identity() AS identity, t.identity AS believed, t.since, t.resumed_by, t.reason, t.is_recovering,
           (SELECT count(*) FROM delivery WHERE state NOT IN ('posted', 'cancelled')) AS open_deliveries,
           (SELECT count(*) FROM outbox WHERE state NOT IN ('posted', 'cancelled')) AS open_postings,
           (SELECT max(recorded_at) FROM audit) AS newest_at
    FROM store_trust t
"""
# The product's own sources, loads and captures, read again by themselves.
LAST_OF_SOURCES: LiteralString = """
    SELECT DISTINCT ON (source) source, event_id, accepted_at FROM posting WHERE source NOT LIKE 'hybrid-erp/%%'
    ORDER BY source, seq DESC
"""
EPOCHS: LiteralString = "SELECT region, max(epoch) AS epoch FROM ownership GROUP BY region"

#: A claim holds its lock for less than this.
TIMEOUTS: Final = "SET LOCAL lock_timeout = '15s'; SET LOCAL statement_timeout = '300s'"


@dataclass(frozen=True, slots=True)
class PostgresTrust:
    """Acts need the rights of `hybrid_erp_cutover`, reading those of any duty; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def state(self) -> StoreTrust:
        """What the store says of itself."""
        with self.connection.cursor(row_factory=class_row(StoreTrust)) as cursor:
            found = cursor.execute(STATE).fetchone()
        assert found is not None
        return found

    def last_of_sources(self) -> Sequence[LastOfSource]:
        """The last event of each source; it reads the whole table, as nobody does every day."""
        with self.connection.cursor(row_factory=class_row(LastOfSource)) as cursor:
            return cursor.execute(LAST_OF_SOURCES, {}).fetchall()

    def epochs(self) -> Mapping[str, int]:
        """The highest epoch of each region."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return {row["region"]: row["epoch"] for row in cursor.execute(EPOCHS)}

    def suspend(self, *, by: str, reason: str) -> None:
        """Claim nothing any more until somebody resumes."""
        self._call("SELECT suspend_store(%s, %s)", by, reason)

    def resume(self, *, by: str, reason: str, facts: Mapping[str, Any]) -> int:
        """Believe this store from now on; how many open deliveries were marked.

        Raises:
            OwnershipConflictError: It is believed already.
        """
        return int(self._call("SELECT resume_store(%s, %s, %s)", by, reason, json.dumps(facts)))

    def close_recovery(self, *, by: str, reason: str) -> None:
        """Let what is accepted from now on be sent without a look first.

        Raises:
            OwnershipConflictError: The store is not believed, or not being recovered.
        """
        self._call("SELECT close_recovery(%s, %s)", by, reason)

    def _call(self, statement: LiteralString, *terms: Any) -> Any:
        try:
            with self.connection.transaction():
                self.connection.execute(TIMEOUTS)
                row = self.connection.execute(statement, terms).fetchone()
        except errors.ObjectNotInPrerequisiteState as error:
            raise OwnershipConflictError(f"{(error.diag.message_primary or 'refused').strip('.').capitalize()}.") from error
        assert row is not None
        return row[0]
