"""What the firm has agreed with its customers: contracts of every billing kind, each with the project that performs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Final

from sandbox.firm.business_days import FIRST_DAY
from sandbox.firm.customers import Customer
from sandbox.firm.exchange_rates import at_level
from sandbox.firm.offices import Office


class Billing(Enum):
    """How an engagement is billed."""

    BY_THE_HOUR = "each month, for the hours worked and the expenses"
    BY_MILESTONE = "when a result is reached"
    RETAINER = "each month, the same"
    PREPAID = "a retainer, three months ahead"
    FIXED_FEE = "half when it begins, half later; earned month by month"


#: The engagements of an office, over and over: billing, first day, last day (if agreed), what they do, price in thousands of US dollars.
KINDS: Final = (
    (Billing.BY_THE_HOUR, date(2025, 9, 1), None, "Platform rebuild", 0),
    (Billing.FIXED_FEE, FIRST_DAY, date(2026, 12, 31), "Operating model", 240),
    (Billing.BY_MILESTONE, date(2025, 11, 3), date(2026, 12, 18), "Core migration", 320),
    (Billing.RETAINER, date(2025, 7, 1), None, "Advisory board", 12),
    (Billing.BY_THE_HOUR, date(2025, 10, 1), None, "Process redesign", 0),
    (Billing.BY_THE_HOUR, date(2026, 4, 1), date(2026, 9, 30), "Due diligence", 0),
    (Billing.PREPAID, date(2026, 4, 1), date(2027, 3, 31), "Managed reporting", 9),
    (Billing.FIXED_FEE, date(2026, 7, 1), date(2027, 6, 30), "Pricing study", 180),
)
CHANGE_REQUESTED_ON: Final = date(2026, 9, 15)
CHANGE_OF_PRICE: Final = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class Engagement:
    """One contract and its project."""

    office: Office
    customer: Customer
    place: int
    billing: Billing
    name: str
    starts_on: date
    ends_on: date | None
    price: Decimal
    """Of the whole, or of a month where it is a retainer; zero by the hour."""

    @property
    def contract(self) -> str:
        return f"K-{self.office.place * 1000 + self.place}"

    @property
    def project(self) -> str:
        return f"P-{self.office.place * 1000 + self.place}"

    @property
    def currency(self) -> str:
        """The customer's."""
        return self.customer.currency

    @property
    def known(self) -> bool:
        """Both ERPs held the project before 2026."""
        return self.starts_on <= FIRST_DAY

    @property
    def thread(self) -> str:
        """What connects the contract with everything that follows from it."""
        return f"contract/{self.contract}"

    @property
    def change(self) -> Decimal:
        """By how much the change request raises a fixed fee."""
        return self.price * CHANGE_OF_PRICE

    def task(self, place: int) -> str:
        return f"{self.project}.{place + 1}"

    def runs(self, first: date, last: date) -> bool:
        """Whether it runs from first to last, both included."""
        return self.starts_on <= first and (self.ends_on is None or self.ends_on >= last)


def engagements_of(office: Office, customers: Sequence[Customer], scale: int) -> list[Engagement]:
    """The engagements that an office performs; what was known before 2026 is for customers known then."""
    found = []
    for index in range(len(KINDS) * scale):
        billing, starts_on, ends_on, name, thousands = KINDS[index % len(KINDS)]
        candidates = [each for each in customers if each.known == (starts_on <= FIRST_DAY)]
        customer = candidates[index * 5 // 4 % len(candidates)]
        price = at_level(Decimal(thousands * 1000), customer.currency, 400)
        found.append(Engagement(office, customer, index + 1, billing, name, starts_on, ends_on, price))
    return found
