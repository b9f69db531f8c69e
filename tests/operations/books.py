"""Books that live in memory: what a reader tells is what a test says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

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
from hybrid_erp.model.documents import DocumentType

TODAY = date(2026, 11, 20)


@dataclass
class FakeBooks:
    """One company's books."""

    movement: list[AccountMovement] = field(default_factory=list)
    receivables: list[OpenReceivable] = field(default_factory=list)
    parties: list[CustomerFigures] = field(default_factory=list)
    works: list[ProjectFigures] = field(default_factory=list)
    time: list[TimeFigures] = field(default_factory=list)
    documents: list[Entry] = field(default_factory=list)
    closed_days: frozenset[date] = frozenset()
    calls: int = 0
    page: int = 2
    in_snapshot: bool = False

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        self.in_snapshot = True
        try:
            yield Reading(datetime(2026, 11, 20, 12, tzinfo=UTC), f"after {len(self.documents)}")
        finally:
            self.in_snapshot = False

    def chart(self) -> Sequence[NativeAccount]:
        return []

    def movements(self) -> Sequence[AccountMovement]:
        assert self.in_snapshot
        return self.movement

    def customer_balances(self) -> Sequence[CustomerBalance]:
        return [CustomerBalance(item.account, item.customer, item.functional_open_amount) for item in self.open_receivables()]

    def open_receivables(self, customers: Collection[str] | None = None) -> Sequence[OpenReceivable]:
        assert self.in_snapshot
        return self.receivables

    def customers(self) -> Sequence[CustomerFigures]:
        return self.parties

    def open_on(self, day: date) -> bool:
        return day not in self.closed_days

    def projects(self) -> Sequence[ProjectFigures]:
        return self.works

    def unbilled_time(self, projects: Collection[str] | None = None) -> Sequence[TimeFigures]:
        return [entry for entry in self.time if projects is None or entry.project in projects]

    def series(self) -> Sequence[NumberSeries]:
        return []

    def document_totals(self) -> Sequence[DocumentTotal]:
        return []

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        begin = int(after) if after else 0
        end = begin + min(limit, self.page)
        return Changes(tuple(self.documents[begin:end]), str(end), end < len(self.documents))

    def cursor(self) -> str:
        return str(len(self.documents))

    def days(self, account: str, period: str) -> Sequence[DayMovement]:
        return []

    def entries_on(self, account: str, day: date) -> Sequence[Entry]:
        return []

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        return [entry for entry in self.documents if entry.native_id in native_ids]

    def close(self) -> None:
        pass


def a_movement(account: str, amount: str, *, period: str = "2026-03", native: str | None = None) -> AccountMovement:
    """What a period moved; the native account is the canonical one unless it is said, and unmapped if the canonical is `?`."""
    value = Decimal(amount)
    debit, credit = max(value, Decimal(0)), max(-value, Decimal(0))
    return AccountMovement(period, native or account, None if account == "?" else account, debit, credit)


def a_receivable(open_amount: str = "119.00", **changes: Any) -> OpenReceivable:
    """An open invoice in the functional currency, for which the booked amount is the open one."""
    amount = Decimal(open_amount)
    receivable = OpenReceivable(
        native_id="ar,17",
        posting_id=None,
        document_type=DocumentType.INVOICE,
        customer="C-100",
        number="INV-17",
        legal_number="INV-17",
        project=None,
        account="1100",
        currency="EUR",
        original_amount=amount,
        open_amount=amount,
        functional_open_amount=amount,
        exchange_rate=None,
        issued_on=date(2026, 9, 1),
        due_on=date(2026, 10, 1),
    )
    return replace(receivable, **changes)


def a_party(number: str | None = "C-100", **changes: Any) -> CustomerFigures:
    """A customer that the ERP tells completely."""
    party = CustomerFigures(f"eca,{number}", number, "Acme", "EUR", "NET30", "DE")
    return replace(party, **changes)
