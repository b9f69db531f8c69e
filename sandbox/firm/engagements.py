"""What the firm has agreed with its customers: contracts of every billing kind, each with the project that performs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final

from sandbox.firm.business_days import FIRST_DAY, working_day_from
from sandbox.firm.customers import Customer
from sandbox.firm.exchange_rates import at_level
from sandbox.firm.happening import Happening, money, stated
from sandbox.firm.offices import Office
from sandbox.firm.people import rate_card_number


class Billing(Enum):
    """How an engagement is billed."""

    BY_THE_HOUR = "each month, for the hours worked and the expenses"
    BY_MILESTONE = "when a result is reached"
    RETAINER = "each month, the same"
    PREPAID = "a retainer, three months ahead"
    FIXED_FEE = "half when it begins, half later; earned month by month"


#: The billing method that contract and project state.
METHODS: Final = {
    Billing.BY_THE_HOUR: "time_and_materials",
    Billing.BY_MILESTONE: "milestone",
    Billing.RETAINER: "retainer",
    Billing.PREPAID: "retainer",
    Billing.FIXED_FEE: "fixed_fee",
}
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
TASKS: Final = ("Analysis", "Delivery")
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


def engagement_happenings(engagement: Engagement) -> Iterator[Happening]:
    """Contract, project and tasks, and how they change."""
    signed_on = working_day_from(max(FIRST_DAY, engagement.starts_on - timedelta(days=14)))
    yield Happening(signed_on, "contract", engagement.thread, _contract(engagement, version=1))
    if not engagement.known:
        opened_on = working_day_from(signed_on + timedelta(days=2))
        yield Happening(opened_on, "project", engagement.thread, _project(engagement, version=1, status="active"))
        if engagement.ends_on and engagement.ends_on < date(2026, 12, 1):
            # The last invoice goes out in the month after the last hour.
            closed_on = working_day_from(engagement.ends_on + timedelta(days=33))
            yield Happening(closed_on, "project", engagement.thread, _project(engagement, version=2, status="closed"))
        signed_on = opened_on
    for place, name in enumerate(TASKS):
        task = {"number": engagement.task(place), "legal_entity": engagement.office.code, "project": engagement.project, "name": name}
        yield Happening(signed_on, "project_task", engagement.thread, {**task, "planned_hours": "800"})
    if engagement.billing is Billing.FIXED_FEE:
        yield Happening(CHANGE_REQUESTED_ON, "contract", engagement.thread, _contract(engagement, version=2))


def _contract(engagement: Engagement, *, version: int) -> dict[str, object]:
    office = engagement.office
    by_the_hour = engagement.billing is Billing.BY_THE_HOUR
    agreed = engagement.price + (engagement.change if version > 1 else 0)
    line = stated(
        number="1",
        legal_entity=office.code,
        billing_method=METHODS[engagement.billing],
        amount=None if by_the_hour else money(agreed),
        rate_card=rate_card_number(office, engagement.currency) if by_the_hour else None,
        description=engagement.name if version == 1 else f"{engagement.name}, with change request 1",
    )
    return {**_agreed(engagement, engagement.contract, version), "lines": [line]}


def _project(engagement: Engagement, *, version: int, status: str) -> dict[str, object]:
    data = {"legal_entity": engagement.office.code, "name": engagement.name, "contract": engagement.contract, "status": status}
    return {**_agreed(engagement, engagement.project, version), **data, "billing_method": METHODS[engagement.billing]}


def _agreed(engagement: Engagement, number: str, version: int) -> dict[str, object]:
    return stated(
        number=number,
        version=version,
        customer=engagement.customer.number,
        currency=engagement.currency,
        starts_on=engagement.starts_on.isoformat(),
        ends_on=engagement.ends_on.isoformat() if engagement.ends_on else None,
    )
