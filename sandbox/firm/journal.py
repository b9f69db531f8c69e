"""Journal entries: lines, their reversal, and the event that the ledger sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from hybrid_erp.model.money import ZERO
from sandbox.firm.exchange_rates import exchange_rate
from sandbox.firm.happening import Happening, money, stated
from sandbox.firm.offices import Office


@dataclass(frozen=True, slots=True)
class Line:
    """One account; debit positive."""

    account: str
    amount: Decimal
    department: str | None = None
    cost_centre: str | None = None
    partner: str | None = None


def debit(account: str, amount: Decimal, *, department: str | None = None, cost_centre: str | None = None) -> Line:
    return Line(account, amount, department, cost_centre)


def credit(account: str, amount: Decimal) -> Line:
    return Line(account, -amount)


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced entry of one legal entity."""

    office: Office
    number: str
    on: date
    description: str
    lines: tuple[Line, ...]
    thread: str
    journal_type: str = "general"
    currency: str | None = None
    """The office's functional currency, if none is stated."""
    rated_on: date | None = None
    """Whose day's rate it takes, if not its own's: a reversal takes that of what it takes back."""
    project: str | None = None
    reverses: str | None = None
    pair: str | None = None
    partner: str | None = None

    def reversed_on(self, on: date) -> Entry:
        """The entry that takes this one back."""
        lines = tuple(replace(line, amount=-line.amount) for line in self.lines)
        number, description = f"{self.number}-R", f"Reversed: {self.description}"
        return replace(self, number=number, on=on, rated_on=self.on, reverses=self.number, description=description, lines=lines)


def entry_happenings(entry: Entry) -> Iterator[Happening]:
    """The posted entry."""
    currency = entry.currency or entry.office.currency
    rate = exchange_rate(currency, entry.office.currency, entry.rated_on or entry.on)
    data = stated(
        number=entry.number,
        legal_entity=entry.office.code,
        accounting_date=entry.on.isoformat(),
        currency=currency,
        exchange_rate=None if rate is None else str(rate),
        journal_type=entry.journal_type,
        description=entry.description,
        project=entry.project,
        reverses=entry.reverses,
        intercompany={"pair": entry.pair, "partner": entry.partner} if entry.pair else None,
        lines=[_line(line) for line in entry.lines],
    )
    yield Happening(entry.on, "journal_entry", entry.thread, data)


def _line(line: Line) -> dict[str, object]:
    dimensions = stated(cost_centre=line.cost_centre, department=line.department)
    return stated(
        account=line.account,
        debit=money(line.amount) if line.amount > ZERO else None,
        credit=money(-line.amount) if line.amount < ZERO else None,
        partner=line.partner,
        dimensions=dimensions or None,
    )
