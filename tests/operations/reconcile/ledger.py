"""An ERP's ledger in memory that tells of itself what a reader asks; somebody may alter it without its noticing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from hybrid_erp.model.books import (
    AccountMovement,
    Changes,
    CustomerBalance,
    CustomerFigures,
    DayMovement,
    DocumentTotal,
    Entry,
    NativeAccount,
    NumberSeries,
    OpenReceivable,
    ProjectFigures,
    Reading,
    TimeFigures,
)
from hybrid_erp.model.money import ZERO
from hybrid_erp.operations.reconcile.cells import UNMAPPED

ACCOUNTS = ("1000", "1100", "2100", "2950", "4000", "5200", "6200")


@dataclass
class Ledger:
    """One company of one ERP. Its native account numbers are an `N` before the canonical ones."""

    documents: dict[str, Entry] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Native ids in the order in which they were made or changed."""
    items: list[OpenReceivable] = field(default_factory=list)
    works: list[ProjectFigures] = field(default_factory=list)
    time: list[TimeFigures] = field(default_factory=list)
    numbers: list[NumberSeries] = field(default_factory=list)
    hidden: Decimal = ZERO
    """What the trial balance has on the bank account beyond every document."""
    unmapped: tuple[str, ...] = ()
    closed: bool = False
    calls: int = 0
    told_documents: int = 0

    def post(self, *entries: Entry) -> None:
        """Make or change documents, as people and the product do."""
        for entry in entries:
            self.documents[entry.native_id] = entry
            self.told.append(entry.native_id)

    def alter(self, entry: Entry | str) -> None:
        """Change a document, or delete it, underneath the ERP: it never tells."""
        if isinstance(entry, str):
            del self.documents[entry]
        else:
            self.documents[entry.native_id] = entry

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        self.calls += 1
        yield Reading(datetime.now(UTC), str(len(self.told)), ("movements: SELECT sum(amount) ...", "changes: SELECT ..."))

    def chart(self) -> Sequence[NativeAccount]:
        self.calls += 1
        known = [NativeAccount(f"N{number}", number, "asset", number) for number in ACCOUNTS]
        return known + [NativeAccount(number, number, "asset", None) for number in self.unmapped]

    def movements(self) -> Sequence[AccountMovement]:
        self.calls += 1
        sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
        for entry in self.documents.values():
            for line in entry.booking.lines if entry.posted else ():
                sums[f"{entry.booking.accounting_on:%Y-%m}", line.account][line.functional_amount < 0] += abs(line.functional_amount)
        if self.hidden:
            sums["2026-03", "1000"][0] += self.hidden
        return [AccountMovement(period, *_named(account), both[0], both[1]) for (period, account), both in sorted(sums.items())]

    def customer_balances(self) -> Sequence[CustomerBalance]:
        self.calls += 1
        return [CustomerBalance(item.account, item.customer, item.functional_open_amount) for item in self.items]

    def open_receivables(self, customers: Collection[str] | None = None) -> Sequence[OpenReceivable]:
        self.calls += 1
        return [item for item in self.items if customers is None or item.customer in customers]

    def customers(self) -> Sequence[CustomerFigures]:
        return []

    def open_on(self, day: date) -> bool:
        return not self.closed

    def projects(self) -> Sequence[ProjectFigures]:
        self.calls += 1
        return self.works

    def unbilled_time(self, projects: Collection[str] | None = None) -> Sequence[TimeFigures]:
        self.calls += 1
        return [entry for entry in self.time if projects is None or entry.project in projects]

    def series(self) -> Sequence[NumberSeries]:
        self.calls += 1
        return self.numbers

    def document_totals(self) -> Sequence[DocumentTotal]:
        return []

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        self.calls += 1
        begin = int(after or 0)
        page = self.told[begin : begin + limit]
        entries = tuple(self.documents[native_id] for native_id in dict.fromkeys(page) if native_id in self.documents)
        self.told_documents += len(entries)
        if thorough:
            entries = tuple(self.documents.values())
        return Changes(entries, str(begin + len(page)), begin + len(page) < len(self.told))

    def cursor(self) -> str:
        return str(len(self.told))

    def days(self, account: str, period: str) -> Sequence[DayMovement]:
        self.calls += 1
        sums: dict[date, Decimal] = defaultdict(lambda: ZERO)
        for entry in self.documents.values():
            for line in entry.booking.lines if entry.posted else ():
                if _named(line.account)[0] == account and f"{entry.booking.accounting_on:%Y-%m}" == period:
                    sums[entry.booking.accounting_on] += line.functional_amount
        return [DayMovement(day, amount) for day, amount in sorted(sums.items())]

    def entries_on(self, account: str, day: date) -> Sequence[Entry]:
        self.calls += 1
        return [
            entry
            for entry in self.documents.values()
            if entry.booking.accounting_on == day and any(_named(line.account)[0] == account for line in entry.booking.lines)
        ]

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        self.calls += 1
        return [self.documents[native_id] for native_id in native_ids if native_id in self.documents]

    def close(self) -> None:
        pass


def _named(account: str) -> tuple[str, str | None]:
    """The native number and the canonical one."""
    return (account.removesuffix(UNMAPPED), None) if account.endswith(UNMAPPED) else (f"N{account}", account)
