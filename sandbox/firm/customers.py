"""The firm's customers: at home, abroad, in foreign currencies, some of several legal entities; each with its way of paying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Final

from sandbox.firm.business_days import working_day_from
from sandbox.firm.happening import Happening, stated
from sandbox.firm.offices import Office

CUSTOMERS_PER_OFFICE: Final = 6
#: Of each six, so many are known before 2026.
KNOWN_OF_EACH: Final = 4
#: A new customer is there before the first project that could be its.
FIRST_NEW_ON: Final = date(2026, 2, 9)

FIRST_NAMES: Final = ("Alder", "Birch", "Cedar", "Dalton", "Ember", "Falcon", "Granite", "Harbor", "Iris", "Juniper", "Keystone", "Linden")
SECOND_NAMES: Final = ("Logistics", "Energy", "Foods", "Health", "Insurance", "Media", "Mobility", "Retail", "Systems", "Textiles", "Water")
#: What a company is called in each country, and a country abroad for each currency.
FORMS: Final = {"US": "Inc.", "CA": "Ltd.", "DE": "GmbH", "FR": "SAS", "GB": "plc", "AU": "Pty Ltd", "SG": "Pte. Ltd."}
ABROAD: Final = {"USD": "US", "CAD": "CA", "EUR": "FR", "GBP": "GB", "AUD": "AU", "SGD": "SG"}
TERMS: Final = ("NET30", "NET14", "NET60", "NET30")


class Habit(Enum):
    """How a customer pays."""

    PROMPT = "each invoice on its day"
    LATE = "each invoice late; a bank charge comes off where it pays from abroad"
    PARTIAL = "a part on the day, the rest a month later"
    BUNDLES = "two invoices at once"
    DISCOUNT = "early, less two percent"
    ROUNDS_UP = "to the next hundred; what is too much settles nothing yet"


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer."""

    number: str
    name: str
    currency: str
    payment_term: str
    country: str
    concerns: tuple[str, ...]
    """The legal entities that do business with it; its own first."""
    habit: Habit
    known: bool
    """Both ERPs held it before 2026."""
    created_on: date


def customers_of(office: Office, offices: tuple[Office, ...], scale: int) -> list[Customer]:
    """The customers that an office has won."""
    return [_customer(office, offices, index) for index in range(CUSTOMERS_PER_OFFICE * scale)]


def _customer(office: Office, offices: tuple[Office, ...], index: int) -> Customer:
    foreign = office.foreign_currencies
    country, currency = office.country, office.currency
    if index % CUSTOMERS_PER_OFFICE in (2, 5):  # invoiced in a foreign currency
        currency = foreign[index // 3 % len(foreign)]
        country = ABROAD[currency]
    others = [other.code for other in offices if other != office and currency in other.currencies]
    shared = others[(office.place + index) % len(others)] if others and index % 3 == 2 else None
    place = office.place * 1000 + index + 1
    name = f"{FIRST_NAMES[(7 * place) % len(FIRST_NAMES)]} {SECOND_NAMES[(5 * place + index) % len(SECOND_NAMES)]}"
    return Customer(
        number=f"C-{place}",
        name=f"{name} {FORMS[country]}",
        currency=currency,
        payment_term=TERMS[index % len(TERMS)],
        country=country,
        concerns=(office.code, shared) if shared else (office.code,),
        habit=list(Habit)[(office.place + index) % len(Habit)],
        known=index % CUSTOMERS_PER_OFFICE < KNOWN_OF_EACH,
        created_on=working_day_from(FIRST_NEW_ON + timedelta(days=3 * (index % 7))),
    )


def customer_happenings(customer: Customer) -> Iterator[Happening]:
    """A new customer, and a month later its tax number; nothing for one that was known already."""
    if customer.known:
        return
    data = {
        "concerns": list(customer.concerns),
        "name": customer.name,
        "currency": customer.currency,
        "payment_term": customer.payment_term,
        "country": customer.country,
    }
    thread = f"customer/{customer.number}"
    yield Happening(customer.created_on, "customer", thread, {"number": customer.number, **data})
    registered = stated(number=customer.number, version=2, **data, tax_number=f"{customer.country}{customer.number[2:]}0026")
    yield Happening(working_day_from(customer.created_on + timedelta(days=30)), "customer", thread, registered)
