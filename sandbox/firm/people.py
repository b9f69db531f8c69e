"""Who works in the firm, by pseudonymous number, and what an hour of each role is sold for and costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sandbox.firm.business_days import FIRST_DAY, working_day_from
from sandbox.firm.exchange_rates import at_level
from sandbox.firm.happening import Happening, money
from sandbox.firm.offices import Office

WORKERS_PER_OFFICE: Final = 6
ROLES: Final = ("partner", "principal", "consultant", "consultant", "analyst", "consultant")
#: US dollars an hour.
PRICES: Final = {"partner": Decimal(420), "principal": Decimal(290), "consultant": Decimal(190), "analyst": Decimal(130)}
COST_OF_PRICE: Final = Decimal("0.45")
#: What one legal entity charges another for an hour, as a part of its price.
TRANSFER_OF_PRICE: Final = Decimal("0.60")

DEPARTMENTS: Final = ("STRATEGY", "TECHNOLOGY", "OPERATIONS")
DELIVERY, SALES, ADMINISTRATION = "CC-100", "CC-200", "CC-300"
COST_CENTRES: Final = (DELIVERY, SALES, ADMINISTRATION)


@dataclass(frozen=True, slots=True)
class Worker:
    """One person."""

    number: str
    office: Office
    role: str
    department: str


def workers_of(office: Office, scale: int) -> list[Worker]:
    """The people whom an office employs."""
    return [
        Worker(f"W-{office.place * 1000 + index + 1}", office, ROLES[index % len(ROLES)], DEPARTMENTS[index % len(DEPARTMENTS)])
        for index in range(WORKERS_PER_OFFICE * scale)
    ]


def price(role: str, currency: str) -> Decimal:
    """What an hour is sold for."""
    return at_level(PRICES[role], currency, 5)


def cost(role: str, currency: str) -> Decimal:
    """What an hour costs the employer."""
    return price(role, currency) * COST_OF_PRICE


def rate_card_number(office: Office, currency: str) -> str:
    """The rate card of an office in a currency."""
    return f"RC-{office.code}-{currency}"


def people_happenings(office: Office, workers: list[Worker]) -> Iterator[Happening]:
    """Workers and rate cards, as their sources state them when the year begins."""
    on = working_day_from(FIRST_DAY)
    for worker in workers:
        data = {"number": worker.number, "legal_entity": office.code, "role": worker.role}
        yield Happening(on, "worker", f"worker/{worker.number}", {**data, "cost_centre": DELIVERY, "department": worker.department})
    for currency in office.currencies:
        number = rate_card_number(office, currency)
        rates = [{"role": role, "unit": "hour", "price": money(price(role, currency))} for role in PRICES]
        valid = {"currency": currency, "valid_from_on": FIRST_DAY.isoformat(), "rates": rates}
        yield Happening(on, "rate_card", f"rate_card/{number}", {"number": number, "concerns": [office.code], **valid})
