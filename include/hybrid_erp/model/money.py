"""Money: ISO 4217 currencies with their own digits, and exact decimal amounts. Never a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

ZERO: Final = Decimal(0)

_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP "
    "DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG"
)
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"

#: Decimal places of each currency (ISO 4217 minor units).
CURRENCY_DIGITS: Final[dict[str, int]] = {
    code: digits for digits, codes in ((2, _TWO_DIGITS), (0, _NO_DIGITS), (3, _THREE_DIGITS)) for code in codes.split()
}


def smallest_unit(currency: str) -> Decimal:
    """One smallest unit of the currency, for example 0.01 EUR or 1 JPY."""
    return Decimal(1).scaleb(-CURRENCY_DIGITS[currency])


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Commercially rounded (half up) to the digits of the currency."""
    return amount.quantize(smallest_unit(currency), rounding=ROUND_HALF_UP)


def has_too_many_digits(amount: Decimal, currency: str) -> bool:
    """Whether the amount cannot be paid in this currency, like 1.005 EUR."""
    exponent = amount.as_tuple().exponent
    return -int(exponent) > CURRENCY_DIGITS[currency] and amount != round_money(amount, currency)


def convert_all(amounts: Sequence[Decimal], rate: Decimal, currency: str) -> tuple[Decimal, ...]:
    """Convert amounts that sum to zero so that the results sum to zero too.

    Each is rounded by itself; what the rounding leaves over, at most half a unit a line, goes to the largest line, where it weighs least.
    """
    converted = [round_money(amount * rate, currency) for amount in amounts]
    rest = sum(converted, ZERO)
    if rest and sum(amounts, ZERO) == 0:
        largest = max(range(len(converted)), key=lambda index: abs(converted[index]))
        converted[largest] -= rest
    return tuple(converted)


def _known_currency(code: str) -> str:
    if code not in CURRENCY_DIGITS:
        raise ValueError(f"{code!r} is not an ISO 4217 currency in use")
    return code


def _exact(value: Any) -> Any:
    if isinstance(value, float | bool):
        raise ValueError('write the amount as a string, like "100.10": a JSON number loses cents')
    if isinstance(value, str) and not _PLAIN_NUMBER.match(value):
        raise ValueError('write the amount in plain digits with a point, like "100.10"')
    return value


# Python reads more than this as a number: "1_000", "1e3", blanks around it, the digits of other scripts.
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


Currency = Annotated[
    str, Field(min_length=3, max_length=3), AfterValidator(_known_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})
]
"""An ISO 4217 code."""
# The limits stand before the validator (which still runs first): so they bind to the decimal itself and are checked in native code.
Amount = Annotated[
    Decimal,
    Field(max_digits=21, decimal_places=6, allow_inf_nan=False),
    BeforeValidator(_exact),
    _schema(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", "100.10"),
]
"""A signed amount of money; how many digits it may have is checked against the document's currency."""
PositiveAmount = Annotated[
    Decimal,
    Field(gt=0, max_digits=21, decimal_places=6, allow_inf_nan=False),
    BeforeValidator(_exact),
    _schema(r"(?=.*[1-9])[0-9]{1,15}(\.[0-9]{1,6})?", "100.10"),
]
"""An amount above zero."""
UnsignedAmount = Annotated[
    Decimal,
    Field(ge=0, max_digits=21, decimal_places=6, allow_inf_nan=False),
    BeforeValidator(_exact),
    _schema(r"[0-9]{1,15}(\.[0-9]{1,6})?", "100.10"),
]
"""An amount of zero or more."""
Quantity = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=6, allow_inf_nan=False),
    BeforeValidator(_exact),
    _schema(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", "7.5"),
]
"""A quantity, for example hours."""
ExchangeRate = Annotated[
    Decimal,
    Field(gt=0, max_digits=20, decimal_places=10, allow_inf_nan=False),
    BeforeValidator(_exact),
    _schema(r"(?=.*[1-9])[0-9]{1,10}(\.[0-9]{1,10})?", "1.0842"),
]
"""Units of the legal entity's functional currency for one unit of the document's currency."""
