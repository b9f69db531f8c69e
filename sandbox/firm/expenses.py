"""What workers spend for projects: at home with tax that can be claimed back, abroad in a foreign currency, subcontractors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from hybrid_erp.model.money import ZERO, round_money
from sandbox.firm.business_days import MONTHS, TODAY, working_day_until
from sandbox.firm.chance import chance
from sandbox.firm.engagements import Billing
from sandbox.firm.exchange_rates import exchange_rate
from sandbox.firm.happening import Happening, money, stated
from sandbox.firm.people import DELIVERY
from sandbox.firm.staffing import Assignment

#: Category, and from how much to how much it costs.
CATEGORIES: Final = (("travel", 80, 900), ("lodging", 120, 1400), ("meals", 15, 180), ("subcontractor", 1500, 9000))
WEIGHTS: Final = (5, 4, 4, 1)
EACH_MONTH: Final = (0, 1, 1, 2)
ABROAD_OF_ALL: Final = 0.15


@dataclass(frozen=True, slots=True)
class Spending:
    """One expense."""

    assignment: Assignment
    number: str
    on: date
    category: str
    currency: str
    amount: Decimal
    """What was paid, tax included."""
    tax: Decimal

    @property
    def net(self) -> Decimal:
        return self.amount - self.tax

    @property
    def billable(self) -> bool:
        """Charged on to the customer, where it pays by the hour and in the currency that was spent."""
        engagement = self.assignment.engagement
        return engagement.billing is Billing.BY_THE_HOUR and engagement.currency == self.currency


def spendings(seed: int, assignment: Assignment) -> Iterator[Spending]:
    """What a worker spends in a quarter, most of it towards the end of a month."""
    random = chance(seed, "expenses", assignment.worker.number, assignment.quarter)
    office = assignment.engagement.office
    for month in (month for month in MONTHS if assignment.quarter <= month <= assignment.last_day):
        for place in range(random.choice(EACH_MONTH)):
            category, low, high = random.choices(CATEGORIES, WEIGHTS)[0]
            on = working_day_until(month + timedelta(days=random.choice((4, 11, 17, 22, 24, 26))))
            amount = Decimal(random.randint(low * 100, high * 100)).scaleb(-2)
            abroad = bool(office.foreign_currencies) and random.random() < ABROAD_OF_ALL
            currency = random.choice(office.foreign_currencies) if abroad else office.currency
            net = amount if abroad else round_money(amount / (1 + office.tax_rate), currency)
            number = f"X-{assignment.worker.number}-{month:%y%m}-{place + 1}"
            if month <= on <= TODAY:
                yield Spending(assignment, number, on, category, currency, amount, amount - net)


def expense_happenings(spending: Spending) -> Iterator[Happening]:
    """The approved expense."""
    engagement = spending.assignment.engagement
    tax = {"tax_code": engagement.office.tax_code, "base": money(spending.net), "amount": money(spending.tax)}
    rate = exchange_rate(spending.currency, engagement.office.currency, spending.on)
    data = stated(
        number=spending.number,
        legal_entity=engagement.office.code,
        project=engagement.project,
        worker=spending.assignment.worker.number,
        category=spending.category,
        accounting_date=spending.on.isoformat(),
        currency=spending.currency,
        exchange_rate=None if rate is None else str(rate),
        amount=money(spending.amount),
        tax_lines=[tax] if spending.tax != ZERO else None,
        billable=spending.billable,
        dimensions={"cost_centre": DELIVERY, "department": spending.assignment.worker.department},
        description=f"{spending.category.capitalize()}, {engagement.name}",
    )
    yield Happening(spending.on, "expense", engagement.thread, data)
