"""The dual run of a region in the store: opened, its share raised, given up. Needs the rights of `hybrid_erp_cutover`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection, errors
from psycopg.rows import dict_row

from hybrid_erp.model.errors import OwnershipConflictError

SETTLED_SO_FAR: Final = """
    SELECT coalesce(max(settle_position), 0) FROM delivery WHERE legal_entity = %s AND erp = %s AND state = 'posted'
"""
# Whatever may have reached the ERP and was not settled when the load's snapshot began.
UNDER_WAY: Final = """
    SELECT posting_id FROM delivery WHERE legal_entity = %s AND erp = %s AND maybe_there
    AND (state <> 'posted' OR settle_position > %s)
"""
DRAW: Final = """
    INSERT INTO dual_run_boundary (legal_entity, candidate, control, settle_position, control_cursor, candidate_cursor, taken_at)
    VALUES (%(legal_entity)s, %(candidate)s, %(control)s, %(settle_position)s, %(control_cursor)s, %(candidate_cursor)s, %(taken_at)s)
"""
CONTAINED: Final = "INSERT INTO dual_run_contained (legal_entity, candidate, posting_id) SELECT %s, %s, unnest(%s::uuid[])"
SHADOW_REFERENCE: Final = "SELECT shadow_reference(%s, %s, %s, %s)"
START: Final = "SELECT start_dual_run(%s, %s, %s, %s, %s, %s)"
RAISE: Final = "SELECT raise_share(%s, %s, %s, %s, %s)"
FILL: Final = "SELECT fill_share(%s, %s)"
END: Final = "SELECT end_dual_run(%s, %s, %s, %s, %s)"
LEDGER_OWNER: Final = """
    SELECT p.owner FROM ownership w JOIN ownership_period p USING (ownership_id)
    WHERE w.region = %s AND w.kind = 'ledger' AND p.from_period <= to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM')
    ORDER BY p.from_period DESC LIMIT 1
"""
# As the view `lacking_copy`, for a share that is not there yet.
WOULD_COPY: Final = """
    SELECT count(*) FROM ownership w
    JOIN outbox o ON o.region = w.region AND o.kind = w.kind AND o.role = 'control' AND o.state = 'posted'
    JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
                    AND d.state = 'posted' AND d.role = 'control'
    JOIN dual_run_boundary b ON b.legal_entity = o.legal_entity AND b.control = d.erp AND d.settle_position > b.settle_position
    WHERE w.region = %s AND w.kind = ANY(%s) AND share_place(coalesce(o.routing_key, o.posting_id::text)) < %s
      AND NOT EXISTS (SELECT FROM dual_run_contained c WHERE c.legal_entity = o.legal_entity AND c.candidate = b.candidate
                      AND c.posting_id = o.posting_id)
      AND NOT EXISTS (SELECT FROM outbox copy WHERE copy.posting_id = o.posting_id AND copy.legal_entity = o.legal_entity
                      AND copy.destination = b.candidate)
"""
PHASES: Final = """
    SELECT w.kind, w.phase, p.owner, p.candidate, w.open_share / 10000.0 AS share FROM ownership w
    JOIN LATERAL (SELECT owner, candidate FROM ownership_period p WHERE p.ownership_id = w.ownership_id
                  AND p.from_period <= to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM') ORDER BY from_period DESC LIMIT 1) p ON true
    WHERE w.region = %s AND w.kind <> 'reference' ORDER BY w.ownership_id
"""
BACKLOG: Final = """
    SELECT o.legal_entity, o.kind, o.state, count(*) AS copies FROM outbox o
    WHERE o.region = %s AND o.role = 'candidate' AND o.state <> 'posted' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Up to where the load of one legal entity reaches (ACCOUNTING C19)."""

    legal_entity: str
    control: str
    candidate: str
    settle_position: int
    control_cursor: str
    candidate_cursor: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class PostgresDualRun:
    """The connection is in autocommit. Everything raises OwnershipConflictError when the region is not in the state that it needs."""

    connection: Connection[tuple[Any, ...]]

    def settled_so_far(self, legal_entity: str, erp: str) -> int:
        """Read before the load's snapshot: every posting settled up to here is in it."""
        return int(self._one(SETTLED_SO_FAR, (legal_entity, erp)))

    def under_way(self, legal_entity: str, erp: str, settled: int) -> Sequence[UUID]:
        """Read inside the load's snapshot: the postings of which only the snapshot can say whether it shows them."""
        return [row[0] for row in self.connection.execute(UNDER_WAY, (legal_entity, erp, settled)).fetchall()]

    def draw_boundary(self, boundary: Boundary, contained: Collection[UUID]) -> None:
        """Store, once, where the load ends and dual posting begins. `contained`: of those under way, the ones that the snapshot showed."""
        with self.connection.transaction():
            terms = {name: getattr(boundary, name) for name in Boundary.__slots__}
            self.connection.execute(DRAW, terms)
            self.connection.execute(CONTAINED, (boundary.legal_entity, boundary.candidate, list(contained)))

    def boundary(self, legal_entity: str, candidate: str) -> Boundary | None:
        """The boundary of a legal entity; None: it is not loaded."""
        statement = "SELECT * FROM dual_run_boundary WHERE legal_entity = %s AND candidate = %s"
        with self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(statement, (legal_entity, candidate)).fetchone()
        return Boundary(**{name: row[name] for name in Boundary.__slots__}) if row else None

    def owns_ledger(self, region: str, erp: str) -> bool:
        """Whether the ERP is the region's book of record in the current accounting period."""
        row = self.connection.execute(LEDGER_OWNER, (region,)).fetchone()
        return row is not None and row[0] == erp

    def shadow_reference(self, region: str, candidate: str, *, by: str, reason: str) -> bool:
        """Send reference documents of the region to the candidate too, from now on; False if that is so already."""
        with _told():
            return bool(self._one(SHADOW_REFERENCE, (region, candidate, by, reason)))

    def start(self, region: str, kinds: Sequence[str], legal_entities: Sequence[str], candidate: str, *, by: str, reason: str) -> None:
        """Open the dual run; nothing is copied before its share is raised."""
        with _told():
            self._one(START, (region, list(kinds), list(legal_entities), candidate, by, reason))

    def raise_share(self, region: str, kinds: Sequence[str], share: int, *, by: str, reason: str) -> int:
        """Copy a larger share of entities, in parts of 10,000; how many copies of earlier postings were written first."""
        with _told():
            self._one(RAISE, (region, list(kinds), share, by, reason))
            return int(self._one(FILL, (region, list(kinds))))

    def end(self, region: str, kinds: Sequence[str], legal_entities: Sequence[str], *, by: str, reason: str) -> int:
        """Give the dual run up; how many waiting copies were cancelled. To begin again the candidate is loaded anew."""
        with _told():
            return int(self._one(END, (region, list(kinds), list(legal_entities), by, reason)))

    def backlog(self, region: str) -> Sequence[dict[str, Any]]:
        """Copies that are not posted, counted by legal entity, kind and state."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(BACKLOG, (region,)).fetchall()

    def lacking(self, region: str, kinds: Sequence[str], share: int) -> int:
        """How many copies a share would write at once."""
        return int(self._one(WOULD_COPY, (region, list(kinds), share)))

    def phases(self, region: str) -> Sequence[dict[str, Any]]:
        """Phase, owner, candidate and open share of each kind, as of the current accounting period."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(PHASES, (region,)).fetchall()

    def _one(self, statement: str, terms: Sequence[Any]) -> Any:
        row = self.connection.execute(statement.encode(), terms).fetchone()
        assert row is not None
        return row[0]


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (errors.ObjectNotInPrerequisiteState, errors.NoDataFound) as error:
        raise OwnershipConflictError(f"{error.diag.message_primary}.") from error
