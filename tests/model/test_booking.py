"""What is booked balances, and what an ERP has booked is compared with what it should have booked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hybrid_erp.model.booking import Booking, BookingLine, compare
from hybrid_erp.model.documents import Invoice
from hybrid_erp.model.errors import UnbalancedEntryError
from hybrid_erp.model.money import ZERO, has_too_many_digits
from hybrid_erp.model.posting_rules import PostingRules
from tests.model.documents import BOOKING_TYPES, FIRM, booked_documents, entries

CENT = Decimal("0.01")


@pytest.mark.parametrize("document_type", BOOKING_TYPES)
@given(data=st.data())
def test_every_document_books_in_balance_in_both_currencies(document_type: Any, data: st.DataObject) -> None:
    document = data.draw(booked_documents(document_type))

    booking = FIRM.booking_of(document)

    assert booking is not None
    booking.require_balance()
    assert sum((line.amount for line in booking.lines), ZERO) == 0
    assert sum((line.functional_amount for line in booking.lines), ZERO) == 0
    for line in booking.lines:
        assert line.amount
        assert line.account in FIRM.accounts
        assert not has_too_many_digits(line.amount, booking.currency)
        assert not has_too_many_digits(line.functional_amount, booking.functional_currency)


@pytest.mark.parametrize("document_type", BOOKING_TYPES)
@given(data=st.data())
def test_the_accounting_date_that_was_decided_is_the_one_that_is_booked(document_type: Any, data: st.DataObject) -> None:
    booking = FIRM.booking_of(data.draw(booked_documents(document_type)), date(2026, 7, 1))

    assert booking is not None
    assert booking.accounting_on == date(2026, 7, 1)


def test_an_invoice_books_receivable_revenue_and_tax() -> None:
    content: dict[str, Any] = {
        "number": "I-1",
        "legal_entity": "DE01",
        "customer": "C-1",
        "issued_on": "2026-03-05",
        "due_on": "2026-04-05",
    }
    content |= {"accounting_date": "2026-03-05", "currency": "EUR", "total": "119.00", "project": "P-1"}
    content |= {"lines": [{"item": "time", "unit_price": "100.00", "amount": "100.00"}]}
    content |= {"tax_lines": [{"tax_code": "DE-STD", "base": "100.00", "amount": "19.00"}]}

    booking = FIRM.booking_of(Invoice.model_validate(content))

    assert booking is not None
    assert [(line.account, line.amount, line.party, line.tax_code, line.dimensions) for line in booking.lines] == [
        ("1100", Decimal("119.00"), "C-1", None, ()),
        ("4000", Decimal("-100.00"), None, None, (("project", "P-1"),)),
        ("2100", Decimal("-19.00"), None, "DE-STD", ()),
    ]


def test_a_booking_out_of_balance_is_refused_in_either_currency() -> None:
    lines = (BookingLine("1000", CENT, CENT), BookingLine("5200", -CENT, -CENT))
    booking = Booking("DE01", date(2026, 3, 5), "USD", "EUR", lines)
    booking.require_balance()

    wrong: tuple[dict[str, Any], ...] = ({"amount": ZERO}, {"functional_amount": ZERO})
    for changes in wrong:
        with pytest.raises(UnbalancedEntryError):
            replace(booking, lines=(replace(lines[0], **changes), lines[1])).require_balance()


bookings = entries().map(lambda entry: FIRM.booking_of(entry)).filter(lambda booking: booking is not None)


@given(bookings)
def test_a_booking_equals_itself(booking: Booking) -> None:
    assert compare(booking, booking) == ()


@given(bookings, st.data())
def test_lines_split_merged_or_in_another_order_are_the_same_booking(booking: Booking, data: st.DataObject) -> None:
    split = []
    for line in booking.lines:
        part = data.draw(st.integers(-1000, 1000)) * CENT
        split += [replace(line, amount=line.amount - part, functional_amount=line.functional_amount - part)]
        split += [replace(line, amount=part, functional_amount=part)]
    found = replace(booking, lines=tuple(data.draw(st.permutations(split))))

    assert compare(booking, found) == ()
    assert compare(found, booking) == ()


ALTERATIONS: dict[str, Any] = {
    "account": lambda line: replace(line, account="9999"),
    "amount": lambda line: replace(line, amount=line.amount + CENT),
    "functional amount": lambda line: replace(line, functional_amount=line.functional_amount + CENT),
    "party": lambda line: replace(line, party="C-9"),
    "tax code": lambda line: replace(line, tax_code="XX-STD"),
    "a dimension more": lambda line: replace(line, dimensions=(*line.dimensions, ("campaign", "X"))),
    "side": lambda line: replace(line, amount=-line.amount, functional_amount=-line.functional_amount),
}


@pytest.mark.parametrize("what", ALTERATIONS)
@given(booking=bookings, data=st.data())
def test_any_altered_line_is_a_mismatch(what: str, booking: Booking, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(booking.lines) - 1))
    lines = list(booking.lines)
    lines[place] = ALTERATIONS[what](lines[place])

    assert compare(booking, replace(booking, lines=tuple(lines))) != ()


@given(bookings, st.data())
def test_a_missing_or_an_extra_line_is_a_mismatch(booking: Booking, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(booking.lines) - 1))
    fewer = tuple(line for number, line in enumerate(booking.lines) if number != place)

    assert compare(booking, replace(booking, lines=fewer)) != ()
    assert compare(booking, replace(booking, lines=(*booking.lines, BookingLine("2990", CENT, CENT)))) != ()


@given(bookings, st.integers(-400, 400).filter(bool))
def test_another_date_or_currency_is_a_mismatch(booking: Booking, days: int) -> None:
    moved = replace(booking, accounting_on=booking.accounting_on + timedelta(days))

    assert [mismatch.aspect for mismatch in compare(booking, moved)] == ["accounting date"]
    assert [mismatch.aspect for mismatch in compare(booking, replace(booking, currency="XAF"))] == ["currency"]
    assert [mismatch.aspect for mismatch in compare(booking, replace(booking, functional_currency="XAF"))] == ["functional currency"]


def test_a_mismatch_says_what_was_expected_and_what_was_found() -> None:
    line = BookingLine("1100", Decimal("119.00"), Decimal("110.00"), (("project", "P-1"),), "C-1", "DE-STD")
    booking = Booking("DE01", date(2026, 3, 5), "USD", "EUR", (line,))

    (mismatch,) = compare(booking, replace(booking, lines=(replace(line, amount=Decimal("118.00")),)))

    assert (
        str(mismatch)
        == "account 1100 (project P-1, party C-1, tax DE-STD): expected 119.00 USD = 110.00 EUR, found 118.00 USD = 110.00 EUR"
    )


BAD_RULES: dict[str, tuple[str, dict[str, Any], str]] = {
    "an amount that nobody has": ("invoice", {"account": "1100", "amount": "totl"}, "has no 'totl'"),
    "lines that nobody has": ("invoice", {"account": "1100", "each": "rows", "amount": "amount"}, "has no lines 'rows'"),
    "lines that are none": ("invoice", {"account": "1100", "each": "customer", "amount": "amount"}, "has no lines 'customer'"),
    "an amount that no line has": ("invoice", {"account": "1100", "each": "lines", "amount": "base"}, "has no 'base' in its lines"),
    "an account that no line has": ("invoice", {"account_from": "account", "each": "lines", "amount": "amount"}, "has no 'account'"),
    "a choice by nothing": (
        "expense",
        {"account_by": {"attribute": "colour", "accounts": {"*": "1"}}, "amount": "amount"},
        "has no 'colour'",
    ),
    "a party that nobody is": ("expense", {"account": "1100", "amount": "amount", "party": "customer"}, "has no 'customer'"),
    "a document without money": ("project", {"account": "1100", "amount": "contract_value"}, "cannot be booked"),
    "two accounts": ("invoice", {"account": "1100", "account_from": "customer", "amount": "total"}, "exactly one of"),
}


@pytest.mark.parametrize("what", BAD_RULES)
def test_a_posting_rule_that_could_never_work_is_refused_when_it_is_read(what: str) -> None:
    document_type, rule, reason = BAD_RULES[what]

    with pytest.raises(ValidationError, match=reason):
        PostingRules.model_validate({"version": "1", "rules": {document_type: [{"side": "debit"} | rule]}})
