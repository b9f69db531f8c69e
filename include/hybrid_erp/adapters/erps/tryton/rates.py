"""The exchange rate of an invoice. Tryton converts an invoice by its own table of rates, so the table must hold the document's own rate."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

#: Decimals that Tryton keeps of a rate, where its configuration says so (`[currency] rate_decimal`); its own default is 6.
RATE_DIGITS: Final = 12


def rate_that_books(amounts: Sequence[Decimal], functional_amounts: Sequence[Decimal], stated: Decimal, unit: Decimal) -> Decimal | None:
    """The rate nearest to the stated one by which Tryton's rounding of each line gives exactly the booking; None if there is none.

    Tryton rounds each line by itself and books what is left over as an exchange difference. The posting rules have put that cent into the
    largest line. A rate that differs far behind the decimal point makes both agree. In units of the foreign currency for one functional.
    """
    with localcontext() as context:
        context.prec = 40
        low, high = Decimal(0), Decimal("1e20")
        for amount, functional in zip(amounts, functional_amounts, strict=True):
            if amount:
                bounds = sorted(((functional - unit / 2) / amount, (functional + unit / 2) / amount))
                low, high = max(low, bounds[0]), min(high, bounds[1])
        if low >= high:
            return None
        chosen = stated if low < stated < high else (low + high) / 2
        inverse = (1 / chosen).quantize(Decimal(1).scaleb(-RATE_DIGITS))
        booked = ((amount / inverse).quantize(unit, rounding=ROUND_HALF_EVEN) for amount in amounts)
        return inverse if all(got == wanted for got, wanted in zip(booked, functional_amounts, strict=True)) else None
