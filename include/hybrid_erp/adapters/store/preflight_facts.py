"""What the store knows of a region that is to move. Reads alone, with the rights of `hybrid_erp_cutover`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from psycopg import Connection, errors
from psycopg.rows import dict_row

from hybrid_erp.adapters.store import preflight_facts_sql as sql
from hybrid_erp.adapters.store.reconciliation_facts import PostgresReconciliationFacts
from hybrid_erp.model.cutover import Direction, Mode
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.ownership import Phase, PostingKind
from hybrid_erp.model.preflight import (
    Backlog,
    BookedLine,
    BusiestHour,
    Cell,
    HalfPair,
    Issued,
    IssuedNumber,
    KindState,
    LatestReconciliation,
    LetPass,
    MoveMade,
    RemainingDifference,
    StoreHealth,
    Stuck,
    UnderWay,
)
from hybrid_erp.model.reconciliation import ZERO_FOR_A_FLIP

#: How many past cutovers are looked at.
MADE_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class PostgresPreflightFacts:
    """The connection is in autocommit; each answer is of its own moment."""

    connection: Connection[tuple[Any, ...]]

    def kinds(self, region: str, from_period: str) -> Sequence[KindState]:
        """Each kind of a region."""
        rows = self._rows(sql.KINDS, {"region": region, "from_period": from_period})
        return [KindState(**row | {"kind": PostingKind(row["kind"]), "phase": Phase(row["phase"])}) for row in rows]

    def under_way(self, region: str) -> Sequence[UnderWay]:
        """Cutovers that have not ended."""
        rows = self._rows(sql.UNDER_WAY, {"region": region})
        return [UnderWay(**row | {"direction": Direction(row["direction"])}) for row in rows]

    def made(self, region: str) -> Sequence[MoveMade]:
        """Cutovers that have, the latest first."""
        return [_to_move(row) for row in self._rows(sql.MADE, {"region": region, "limit": MADE_MAX})]

    def issued(self, region: str, owner: str) -> Issued:
        """The legal numbers given since the switch."""
        rows = self._rows(sql.SWITCHED_TO, {"region": region, "owner": owner})
        if not rows:
            return Issued(None, None, ())
        numbers = self._rows(sql.ISSUED, {"owner": owner, **rows[0]})
        return Issued(rows[0]["switched_at"], rows[0]["from_period"], tuple(IssuedNumber(**row) for row in numbers))

    def latest(self, region: str) -> LatestReconciliation | None:
        """The last reconciliation that has ended."""
        rows = self._rows(sql.LATEST, {"region": region})
        if not rows:
            return None
        (row,) = rows
        terms = {"reconciliation_id": row["reconciliation_id"], "zero": sorted(ZERO_FOR_A_FLIP)}
        differences = self._rows(sql.DIFFERENCES, terms)
        row |= {"legal_entities": frozenset(row["legal_entities"]), "reasons": tuple(row["reasons"] or ())}
        return LatestReconciliation(
            **row,
            differences={each["class"]: (each["count"], each["sum"]) for each in differences},
            remaining=tuple(map(_to_remaining, self._rows(sql.REMAINING, terms))),
            let_pass=tuple(LetPass(**each) for each in self._rows(sql.BY_A_RULE, terms)),
        )

    def stuck(self, region: str, kinds: Collection[str], *, marked_before: datetime) -> Sequence[Stuck]:
        """What does not go on by itself."""
        terms = {"region": region, "kinds": list(kinds), "marked_before": marked_before}
        return [Stuck(**row) for row in self._rows(sql.STUCK, terms)]

    def backlog(self, region: str, kinds: Collection[str], new_owner: str) -> Sequence[Backlog]:
        """What waits."""
        terms = {"region": region, "kinds": list(kinds), "new_owner": new_owner}
        return [Backlog(**row) for row in self._rows(sql.BACKLOG, terms)]

    def busiest_hour(self, legal_entities: Collection[str], erp: str, *, since: datetime) -> BusiestHour | None:
        """The hour with the most copies."""
        rows = self._rows(sql.BUSIEST_HOUR, {"legal_entities": list(legal_entities), "erp": erp, "since": since})
        return BusiestHour(rows[0]["began_at"], rows[0]["copies"]) if rows else None

    def booked_lines(self, erp: str, legal_entity: str, *, since_period: str) -> Sequence[BookedLine]:
        """Every sort of line of a company's mirror."""
        terms = {"erp": erp, "legal_entity": legal_entity, "since_period": since_period}
        return [_to_line(row) for row in self._rows(sql.BOOKED_LINES, terms)]

    def half_pairs(self, legal_entities: Collection[str], firm_entities: Collection[str]) -> Sequence[HalfPair]:
        """The pairs that lack a half: asked of every legal entity, because only who has posted a half can miss the other one."""
        facts = PostgresReconciliationFacts(self.connection)
        found = [HalfPair(**row) for each in sorted(firm_entities) for row in facts.half_pairs(each)]
        return [each for each in found if each.legal_entity in legal_entities or each.partner in legal_entities]

    def health(self) -> StoreHealth:
        """What the store's PostgreSQL says of itself."""
        (row,) = self._rows(sql.HEALTH, {})
        return StoreHealth(**row, timeline=self._timeline(), clock_ahead_seconds=self._clock_ahead_seconds())

    def _timeline(self) -> str | None:
        try:
            return str(self._rows(sql.TIMELINE, {})[0]["timeline"])
        except errors.InsufficientPrivilege:
            return None

    def _clock_ahead_seconds(self) -> float:
        """By the middle of the round trip, so that a slow line is no wrong clock."""
        before = datetime.now(UTC)
        instant: datetime = self._rows(sql.CLOCK, {})[0]["instant"]
        after = datetime.now(UTC)
        return (before + (after - before) / 2 - instant).total_seconds()

    def _rows(self, statement: LiteralString, terms: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, terms).fetchall()


def _to_move(row: dict[str, Any]) -> MoveMade:
    kinds = frozenset(PostingKind(kind) for kind in row["kinds"])
    return MoveMade(**row | {"direction": Direction(row["direction"]), "mode": Mode(row["mode"]), "kinds": kinds})


def _to_remaining(row: dict[str, Any]) -> RemainingDifference:
    cells = tuple(Cell(period, account, currency, Decimal(amount)) for period, account, currency, amount in row.pop("cells"))
    return RemainingDifference(**row, cells=cells)


def _to_line(row: dict[str, Any]) -> BookedLine:
    document_type = DocumentType(row["document_type"]) if row["document_type"] else None
    dimensions = tuple((name, value) for name, value in json.loads(row["dimensions"] or "[]"))
    return BookedLine(**row | {"document_type": document_type, "dimensions": dimensions})
