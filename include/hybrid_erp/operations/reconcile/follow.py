"""Brings the mirror of one company level with its ERP: what changed, and what changed without the ERP telling.

Unchanged documents are never read again. Where the ERP's own totals are not those of the mirror, the day is found and its documents read.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from hybrid_erp.model.books import YEAR_END, Entry, NativeAccount
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.posting_facts import Boundary
from hybrid_erp.operations.reconcile.cells import cell_account, line_account, unmapped_name
from hybrid_erp.operations.reconcile.figures import ErpFigures
from hybrid_erp.operations.reconcile.needs import Comparison, Observations, ReconciliationFacts
from hybrid_erp.operations.reconcile.trial_balance import Side, cells_of
from hybrid_erp.ports import BooksReader

log: Final = logging.getLogger(__name__)

PAGE: Final = 1_000
#: Of one look: more cells than these are not located one by one; what they hide stays unexplained, and says so.
CELLS_LOCATED: Final = 20
DAYS_LOCATED: Final = 31


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows one company of one ERP."""

    erp: str
    side: Side
    legal_entity: str
    reader: BooksReader
    observations: Observations
    comparison: Comparison
    facts: ReconciliationFacts

    def look(self, boundary: Boundary, *, thorough: bool = False) -> ErpFigures:
        """Read the ERP's own figures and, of the same state, every document that changed since the last look.

        Raises:
            ErpUnavailableError, WrongSystemError: As the reader.
        """
        calls = self.reader.calls
        with self.reader.snapshot() as reading:
            movements = tuple(self.reader.movements())
            customers, series = tuple(self.reader.customer_balances()), tuple(self.reader.series())
            projects = tuple(self.reader.projects())
            read = self._read_changes(boundary, thorough=thorough)
        self._tie_captured()
        asked = self.reader.calls - calls
        return ErpFigures(self.erp, self.side, self.legal_entity, reading, movements, customers, series, projects, asked, read)

    def follow(self, boundary: Boundary) -> None:
        """Read what changed since the last look, and no figures."""
        self._read_changes(boundary, thorough=False)
        self._tie_captured()

    def _tie_captured(self) -> None:
        for native_id, posting_id in self.facts.captured(self.erp, self.legal_entity).items():
            self.observations.tie(self.erp, self.legal_entity, native_id, posting_id)

    def _read_changes(self, boundary: Boundary, *, thorough: bool) -> int:
        start = boundary.legacy_cursor if self.side == "legacy" else boundary.cloud_cursor
        cursor, more, read = self.observations.cursor(self.erp, self.legal_entity) or start, True, 0
        while more:
            changes = self.reader.changes(cursor, limit=PAGE, thorough=thorough)
            self.observe(changes.entries, boundary, cursor=changes.cursor, deleted=changes.deleted)
            cursor, more, read = changes.cursor, changes.more, read + len(changes.entries)
        return read

    def observe(self, entries: tuple[Entry, ...], boundary: Boundary, *, cursor: str | None = None, deleted: tuple[str, ...] = ()) -> None:
        """Write down documents; those of the time before the boundary, and the loaded figures themselves, apart from the others.

        Year-end entries are left out: the ERPs' totals are those before them.
        """
        entries = tuple(entry for entry in entries if entry.period_run != YEAR_END)
        loaded = self.facts.loaded(self.legal_entity, [entry.posting_id for entry in entries if entry.posting_id])
        before = [entry for entry in entries if entry.posting_id in loaded or (self.side == "legacy" and entry.native_id in boundary.seen)]
        if before:
            self.observations.observe(self.erp, self.legal_entity, before, baseline=True)
        known = {entry.native_id for entry in before}
        rest = [entry for entry in entries if entry.native_id not in known]
        self.observations.observe(self.erp, self.legal_entity, rest, cursor=cursor, deleted=deleted)

    def before(self, boundary: Boundary) -> dict[tuple[str, str], Decimal]:
        """What the ERP's totals hold of the time before the boundary: as it was found then, and in the cloud ERP what was loaded."""
        given = boundary.legacy_before if self.side == "legacy" else boundary.cloud_before
        sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO, cells_of(given, self.erp))
        # Of the legacy ERP the documents of that time are in those totals already; the loaded figures came after the cloud ERP's.
        for moved in self.comparison.movements(self.erp, self.legal_entity, baseline=True) if self.side == "cloud" else ():
            sums[(moved.period, cell_account(moved.account, self.erp))] += moved.functional_amount
        return dict(sums)

    def missed(self, figures: ErpFigures, boundary: Boundary) -> dict[tuple[str, str], Decimal]:
        """The cells in which the ERP's own total is not the mirror's, with the ERP's total less the mirror's."""
        gaps: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO, cells_of(figures.movements, self.erp))
        for cell, amount in self.before(boundary).items():
            gaps[cell] -= amount
        for moved in self.comparison.movements(self.erp, self.legal_entity):
            gaps[(moved.period, cell_account(moved.account, self.erp))] -= moved.functional_amount
        return {cell: gap for cell, gap in gaps.items() if gap}

    def locate(self, figures: ErpFigures, boundary: Boundary, chart: tuple[NativeAccount, ...]) -> int:
        """Find the documents that the mirror missed, by the days on which it differs from the ERP; how many days were looked into."""
        gaps = self.missed(figures, boundary)
        native: dict[str, list[str]] = defaultdict(list)
        for each in chart:
            native[each.canonical or unmapped_name(each.number, self.erp)].append(each.number)
        looked_into: set[tuple[str, date]] = set()
        for period, account in sorted(gaps)[:CELLS_LOCATED]:
            for day in self._days(period, account, native[account])[:DAYS_LOCATED]:
                for number in native[account]:
                    if (number, day) not in looked_into:
                        looked_into.add((number, day))
                        self._read_day(number, account, day, boundary)
        if gaps:
            log.info("%s %s: %d cells differ from the mirror; %d days were read.", self.erp, self.legal_entity, len(gaps), len(looked_into))
        return len(looked_into)

    @property
    def _books(self) -> tuple[bool, ...]:
        """Which books of the mirror its ERP's totals are held against document by document: in the cloud ERP the baseline's, too."""
        return (False, True) if self.side == "cloud" else (False,)

    def _days(self, period: str, account: str, numbers: list[str]) -> list[date]:
        gaps: dict[date, Decimal] = defaultdict(lambda: ZERO)
        for number in numbers:
            for moved in self.reader.days(number, period):
                gaps[moved.day] += moved.amount
        for baseline in self._books:
            for moved in self.comparison.days(self.erp, self.legal_entity, line_account(account, self.erp), period, baseline=baseline):
                gaps[moved.day] -= moved.amount
        return sorted(day for day, gap in gaps.items() if gap)

    def _read_day(self, number: str, account: str, day: date, boundary: Boundary) -> None:
        there = tuple(self.reader.entries_on(number, day))
        self.observe(there, boundary)
        own = line_account(account, self.erp)
        known = [
            native_id
            for baseline in self._books
            for native_id in self.comparison.native_ids_on(self.erp, self.legal_entity, own, day, baseline=baseline)
        ]
        if lacking := sorted(set(known) - {entry.native_id for entry in there}):
            elsewhere = tuple(self.reader.entries(lacking))
            self.observe(elsewhere, boundary)
            self.observations.forget(self.erp, self.legal_entity, sorted(set(lacking) - {entry.native_id for entry in elsewhere}))
