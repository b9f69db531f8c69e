"""What a document books, in canonical accounts: the one thing that every ERP must agree on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hybrid_erp.model.errors import UnbalancedEntryError
from hybrid_erp.model.money import ZERO


@dataclass(frozen=True, slots=True)
class BookingLine:
    """One canonical account debited (positive) or credited (negative)."""

    account: str
    amount: Decimal
    """In the document's currency."""
    functional_amount: Decimal
    """In the legal entity's functional currency."""
    dimensions: tuple[tuple[str, str], ...] = ()
    party: str | None = None
    """The customer's number, on a receivable."""
    tax_code: str | None = None
    tax_base: Decimal | None = None
    """Signed like `amount`."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Booking:
    """What must be booked for a document, or what an ERP has booked."""

    legal_entity: str
    accounting_on: date
    currency: str
    functional_currency: str
    lines: tuple[BookingLine, ...]

    @property
    def moves_nothing(self) -> bool:
        """Whether its lines cancel each other within each account, dimensions, party and tax code: items settled against each other."""
        return not _totals(self.lines)

    def require_balance(self) -> None:
        """Debits equal credits, in the document's and in the functional currency (ACCOUNTING A4).

        Raises:
            UnbalancedEntryError: They do not.
        """
        sides = [(self.currency, [line.amount for line in self.lines])]
        if self.currency != self.functional_currency:
            sides.append((self.functional_currency, [line.functional_amount for line in self.lines]))
        for currency, amounts in sides:
            if gap := sum(amounts, ZERO):
                raise UnbalancedEntryError(f"The booking is out of balance by {gap} {currency}.")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing on which a booking differs from what it should be."""

    aspect: str
    expected: str
    found: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.aspect}: expected {self.expected}, found {self.found}"


_Key = tuple[str, tuple[tuple[str, str], ...], str | None, str | None]
"""Account, dimensions, party, tax code: what an amount is booked under."""


def _totals(lines: Iterable[BookingLine]) -> dict[_Key, tuple[Decimal, Decimal]]:
    totals: dict[_Key, tuple[Decimal, Decimal]] = {}
    for line in lines:
        key = (line.account, tuple(sorted(line.dimensions)), line.party, line.tax_code)
        amount, functional = totals.get(key, (ZERO, ZERO))
        totals[key] = (amount + line.amount, functional + line.functional_amount)
    return {key: sums for key, sums in totals.items() if sums != (ZERO, ZERO)}


def compare(expected: Booking, found: Booking) -> tuple[Mismatch, ...]:
    """Where an ERP's booking differs (DESIGN invariant 11): date, currency, then account, dimensions, party and tax with their sums.

    Lines are summed before they are compared: an ERP may merge or split them, but not move an amount.
    """
    mismatches = []
    for aspect, wanted, got in (
        ("accounting date", expected.accounting_on, found.accounting_on),
        ("currency", expected.currency, found.currency),
        ("functional currency", expected.functional_currency, found.functional_currency),
    ):
        if wanted != got:
            mismatches.append(Mismatch(aspect, str(wanted), str(got)))
    wanted_totals, found_totals = _totals(expected.lines), _totals(found.lines)
    unequal = [key for key in {*wanted_totals, *found_totals} if wanted_totals.get(key) != found_totals.get(key)]
    for key in sorted(unequal, key=str):
        mismatches.append(Mismatch(_line_name(key), _sums(wanted_totals.get(key), expected), _sums(found_totals.get(key), expected)))
    return tuple(mismatches)


def _line_name(key: _Key) -> str:
    account, dimensions, party, tax_code = key
    details = [f"{name} {value}" for name, value in dimensions]
    details += [f"party {party}"] * bool(party) + [f"tax {tax_code}"] * bool(tax_code)
    return f"account {account}" + (f" ({', '.join(details)})" if details else "")


def _sums(sums: tuple[Decimal, Decimal] | None, booking: Booking) -> str:
    if sums is None:
        return "nothing"
    same = booking.currency == booking.functional_currency
    return f"{sums[0]} {booking.currency}" + ("" if same else f" = {sums[1]} {booking.functional_currency}")
