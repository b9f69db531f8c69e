"""The firm's exchange rates: one for each pair of currencies and month, set by the group for the whole month."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from sandbox.tryton.chart import PER_US_DOLLAR

RATE_UNIT: Final = Decimal("0.0001")

#: How far a currency has moved against the dollar since the year began, in thousandths, by month.
DRIFT: Final = {
    "USD": (0,) * 12,
    "EUR": (0, 4, -3, 6, 11, 8, 2, -5, -9, -4, 3, 7),
    "GBP": (0, -2, 5, 9, 4, -6, -11, -7, 1, 6, 8, 2),
    "CAD": (0, 3, 7, 2, -4, -8, -3, 5, 10, 6, -1, -5),
    "AUD": (0, -6, -2, 8, 13, 9, 3, -4, -10, -6, 1, 5),
    "SGD": (0, 1, 3, -1, -3, 2, 4, 1, -2, -4, -1, 2),
}


def exchange_rate(currency: str, functional: str, day: date) -> Decimal | None:
    """Units of the functional currency for one unit of the currency; None where they are the same, as a document states none then."""
    if currency == functional:
        return None
    return (_per_dollar(functional, day) / _per_dollar(currency, day)).quantize(RATE_UNIT)


def _per_dollar(currency: str, day: date) -> Decimal:
    return Decimal(PER_US_DOLLAR[currency]) * (1 + Decimal(DRIFT[currency][day.month - 1]).scaleb(-3))


def at_level(dollars: Decimal, currency: str, step: int) -> Decimal:
    """A price that is usual in the currency for what costs so many US dollars: a multiple of the step."""
    return (dollars * Decimal(PER_US_DOLLAR[currency]) / step).quantize(Decimal(1)) * step
