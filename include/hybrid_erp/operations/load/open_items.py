"""Open items: every receivable not wholly settled, credits and unapplied cash included, at what it is booked at (ACCOUNTING C17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from urllib.parse import quote

from hybrid_erp.model.books import OpenReceivable
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import HybridErpError
from hybrid_erp.model.load import Gap, GapClass, LoadItem
from hybrid_erp.model.money import round_money
from hybrid_erp.operations.load.opening import prefix
from hybrid_erp.operations.load.terms import LoadTerms

NUMBER_LENGTH_MAX: Final = 60
RATE_DIGITS: Final = Decimal("0.0000000001")


def open_items(
    receivables: Sequence[OpenReceivable], terms: LoadTerms, ordinal: int, accounting_on: date
) -> tuple[list[LoadItem], list[Gap]]:
    """A document for each item, and the items that cannot be brought: each of those blocks, the subledger would lack it."""
    items: list[LoadItem] = []
    gaps: list[Gap] = []
    numbers = Counter(map(_number, receivables))
    for receivable in sorted(receivables, key=lambda each: (each.issued_on, each.native_id)):
        number = _number(receivable)
        if numbers[number] > 1 or len(f"{prefix(ordinal)}/{number}") > NUMBER_LENGTH_MAX:
            number = receivable.native_id
        try:
            data = _data(receivable, f"{prefix(ordinal)}/{number}", terms, accounting_on)
            item = terms.item(ordinal, DocumentType.OPEN_ITEM, quote(receivable.native_id, safe=","), data)
        except HybridErpError as refusal:
            gaps.append(_gap(GapClass.REFUSED, receivable, refusal.message))
            continue
        if not receivable.customer.strip():
            gaps.append(_gap(GapClass.CUSTOMER_UNKNOWN, receivable, "Its customer has no number."))
        elif item.functional_amount != receivable.functional_open_amount:
            booked = f"{receivable.functional_open_amount:,} {terms.functional_currency}"
            gaps.append(_gap(GapClass.REFUSED, receivable, f"No exchange rate brings {item.amount:,} {item.currency} to {booked}."))
        elif item.posting and _control_account(item, terms) != receivable.account:
            reason = f"It stands on {receivable.account}; the posting rules book an open item on {_control_account(item, terms)}."
            gaps.append(_gap(GapClass.CONTROL_ACCOUNT, receivable, reason))
        else:
            items.append(replace(item, party=receivable.customer, due_on=receivable.due_on))
    return items, gaps


def _number(receivable: OpenReceivable) -> str:
    return (receivable.legal_number or receivable.number or receivable.native_id).strip()


def _data(receivable: OpenReceivable, number: str, terms: LoadTerms, accounting_on: date) -> dict[str, Any]:
    rate = rate_of(receivable, terms.functional_currency)
    stated: dict[str, Any] = {
        "number": number,
        "legal_entity": terms.legal_entity,
        "accounting_date": accounting_on.isoformat(),
        "currency": receivable.currency,
        "exchange_rate": None if rate is None else format(rate, "f"),
        "customer": receivable.customer or "?",
        "legal_number": _number(receivable),
        "issued_on": receivable.issued_on.isoformat(),
        "due_on": receivable.due_on.isoformat(),
        "tax_point_on": receivable.tax_point_on.isoformat() if receivable.tax_point_on else None,
        "original_amount": format(abs(receivable.original_amount), "f"),
        "open_amount": format(receivable.open_amount, "f"),
        "dunning_level": receivable.dunning_level,
        "disputed": receivable.disputed,
    }
    return {name: value for name, value in stated.items() if value is not None}


def rate_of(receivable: OpenReceivable, functional_currency: str) -> Decimal | None:
    """The booked rate, or the one that brings what is still open to what it is booked at; None in the functional currency.

    What was settled in part at another rate, or rounded before, leaves an amount that the booked rate misses by cents.
    """
    if receivable.currency == functional_currency:
        return None
    open_amount, functional = receivable.open_amount, receivable.functional_open_amount
    booked = receivable.exchange_rate and receivable.exchange_rate.quantize(RATE_DIGITS, rounding=ROUND_HALF_UP)
    if not open_amount or (booked and round_money(open_amount * booked, functional_currency) == functional):
        return booked
    return (functional / open_amount).quantize(RATE_DIGITS, rounding=ROUND_HALF_UP)


def _control_account(item: LoadItem, terms: LoadTerms) -> str | None:
    assert item.posting is not None
    booking = terms.firm.booking_of(item.posting.document)
    return next((line.account for line in booking.lines if line.party), None) if booking else None


def _gap(gap_class: GapClass, receivable: OpenReceivable, reason: str) -> Gap:
    subject = f"{receivable.document_type.replace('_', ' ')} {_number(receivable)} ({receivable.native_id})"
    return Gap(gap_class, subject, reason, True, receivable.functional_open_amount)
