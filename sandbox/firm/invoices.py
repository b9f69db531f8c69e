"""Invoices and credit memos: lines, tax lines and totals, exact to the currency's digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from hybrid_erp.model.money import ZERO, round_money
from sandbox.firm.engagements import Engagement
from sandbox.firm.exchange_rates import exchange_rate
from sandbox.firm.happening import Happening, money, stated

#: Days of each payment term, as the configuration has them.
TERM_DAYS: Final = {"NET14": 14, "NET30": 30, "NET60": 60}


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of an invoice or credit memo."""

    item: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    department: str | None = None
    milestone: str | None = None

    @property
    def amount(self) -> Decimal:
        """Net of tax; exact, because hours are quarters and prices of hours are multiples of five."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice, or what takes a part of it back."""

    engagement: Engagement
    number: str
    issued_on: date
    charges: tuple[Charge, ...]
    corrects: Bill | None = None
    reason: str = ""

    @property
    def net(self) -> Decimal:
        return sum((charge.amount for charge in self.charges), ZERO)

    @property
    def tax_code(self) -> str | None:
        """The legal entity's, where the customer is in the same country."""
        return self.engagement.office.tax_code if self.engagement.customer.country == self.engagement.office.country else None

    @property
    def tax(self) -> Decimal:
        return round_money(self.net * self.engagement.office.tax_rate, self.engagement.currency) if self.tax_code else ZERO

    @property
    def total(self) -> Decimal:
        return self.net + self.tax

    @property
    def due_on(self) -> date:
        return self.issued_on + timedelta(days=TERM_DAYS[self.engagement.customer.payment_term])


def invoice(engagement: Engagement, name: str, issued_on: date, charges: Sequence[Charge]) -> Bill:
    """An invoice of an engagement; the name tells it from the engagement's others."""
    return Bill(engagement, f"INV-{engagement.project[2:]}-{name}", issued_on, tuple(charges))


def credit_memo(corrected: Bill, issued_on: date, charges: Sequence[Charge], reason: str) -> Bill:
    """What takes back a part of an invoice, or all of it."""
    return Bill(corrected.engagement, corrected.number.replace("INV", "CM"), issued_on, tuple(charges), corrected, reason)


def bill_happenings(bill: Bill) -> Iterator[Happening]:
    """The issued document."""
    engagement, customer = bill.engagement, bill.engagement.customer
    tax = {"tax_code": bill.tax_code, "base": money(bill.net), "amount": money(bill.tax)}
    rate = exchange_rate(engagement.currency, engagement.office.currency, bill.issued_on)
    data = stated(
        number=bill.number,
        legal_entity=engagement.office.code,
        customer=customer.number,
        project=engagement.project,
        issued_on=bill.issued_on.isoformat(),
        accounting_date=bill.issued_on.isoformat(),
        currency=engagement.currency,
        exchange_rate=None if rate is None else str(rate),
        lines=[_line(charge, bill.tax_code) for charge in bill.charges],
        tax_lines=[tax] if bill.tax_code else None,
        total=money(bill.total),
    )
    if bill.corrects:
        data |= {"corrects": bill.corrects.number, "reason": bill.reason}
        yield Happening(bill.issued_on, "credit_memo", engagement.thread, data)
    else:
        data |= {"due_on": bill.due_on.isoformat(), "payment_term": customer.payment_term}
        yield Happening(bill.issued_on, "invoice", engagement.thread, data)


def _line(charge: Charge, tax_code: str | None) -> dict[str, object]:
    return stated(
        item=charge.item,
        description=charge.description,
        quantity=str(charge.quantity),
        unit_price=money(charge.unit_price),
        amount=money(charge.amount),
        tax_code=tax_code,
        milestone=charge.milestone,
        dimensions={"department": charge.department} if charge.department else None,
    )
