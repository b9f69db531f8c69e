"""Laws of money."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hybrid_erp.model.money import (
    CURRENCY_DIGITS,
    ZERO,
    Amount,
    ExchangeRate,
    PositiveAmount,
    convert_all,
    has_too_many_digits,
    round_money,
    smallest_unit,
)

currencies = st.sampled_from(sorted(CURRENCY_DIGITS))
cents = st.decimals("-1000000000", "1000000000", places=2)
rates = st.decimals("0.0001", "9999", places=10)


@st.composite
def balanced(draw: st.DrawFn) -> list[Decimal]:
    """Amounts that sum to zero."""
    amounts = draw(st.lists(cents, min_size=1, max_size=30))
    return draw(st.permutations([*amounts, -sum(amounts, ZERO)]))


@given(balanced(), rates, currencies)
def test_what_sums_to_zero_sums_to_zero_in_every_currency(amounts: list[Decimal], rate: Decimal, currency: str) -> None:
    assert sum(convert_all(amounts, rate, currency), ZERO) == 0


@given(balanced(), rates, currencies)
def test_each_line_but_the_largest_is_rounded_by_itself(amounts: list[Decimal], rate: Decimal, currency: str) -> None:
    converted = convert_all(amounts, rate, currency)

    moved = [place for place, amount in enumerate(amounts) if converted[place] != round_money(amount * rate, currency)]
    assert len(moved) <= 1
    for place in moved:
        rounded = [abs(round_money(amount * rate, currency)) for amount in amounts]
        assert rounded[place] == max(rounded)
        assert abs(converted[place] - amounts[place] * rate) <= smallest_unit(currency) * len(amounts) / 2


@given(st.lists(cents, min_size=1, max_size=3).map(lambda amounts: [*amounts, -sum(amounts, ZERO)][:3]), rates, currencies)
def test_a_conversion_has_no_more_digits_than_its_currency(amounts: list[Decimal], rate: Decimal, currency: str) -> None:
    for amount in convert_all(amounts, rate, currency):
        assert not has_too_many_digits(amount, currency)


@given(st.lists(cents, max_size=5), rates, currencies)
def test_what_does_not_balance_is_converted_line_by_line(amounts: list[Decimal], rate: Decimal, currency: str) -> None:
    unbalanced = [*amounts, Decimal("0.01") - sum(amounts, ZERO)]

    assert convert_all(unbalanced, rate, currency) == tuple(round_money(amount * rate, currency) for amount in unbalanced)


@given(st.integers(-(10**9), 10**9), currencies)
def test_rounding_is_half_up_and_rounds_once(halves: int, currency: str) -> None:
    amount = halves * smallest_unit(currency) / 2
    rounded = round_money(amount, currency)

    assert abs(rounded - amount) <= smallest_unit(currency) / 2
    assert round_money(rounded, currency) == rounded
    assert round_money(-amount, currency) == -rounded
    assert rounded == amount.quantize(smallest_unit(currency), rounding=ROUND_HALF_UP)


@given(st.integers(-(10**12), 10**12), currencies)
def test_whole_smallest_units_always_fit_and_a_tenth_of_one_never_does(units: int, currency: str) -> None:
    amount = units * smallest_unit(currency)

    assert not has_too_many_digits(amount, currency)
    assert not has_too_many_digits(amount.quantize(Decimal("0.000001")), currency), "zeros at the end are no digits"
    assert has_too_many_digits(amount + smallest_unit(currency) / 10, currency)


def test_the_digits_of_a_currency_are_its_own() -> None:
    assert [smallest_unit(currency) for currency in ("EUR", "JPY", "KWD")] == [Decimal("0.01"), Decimal(1), Decimal("0.001")]


@given(st.decimals("-999999999999999", "999999999999999", places=6))
def test_an_amount_written_as_text_is_read_to_the_last_digit(amount: Decimal) -> None:
    assert TypeAdapter(Amount).validate_python(f"{amount:f}") == amount


@given(st.floats())
def test_a_json_number_with_a_point_is_never_an_amount(number: float) -> None:
    for kind in (Amount, PositiveAmount, ExchangeRate):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(number)


@given(st.text(max_size=12))
def test_a_text_is_an_amount_only_if_the_schema_says_so(text: str) -> None:
    adapter: TypeAdapter[Decimal] = TypeAdapter(Amount)
    try:
        adapter.validate_python(text)
    except ValidationError:
        return
    assert re.fullmatch(adapter.json_schema()["pattern"].strip("^$"), text)
