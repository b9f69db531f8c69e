"""Open items: every receivable not wholly settled, credits and unapplied cash included, at what it is booked at (ACCOUNTING C17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from hybrid_erp.model.books import OpenReceivable
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import HybridErpError
from hybrid_erp.model.load import Gap, GapClass, LoadItem
from hybrid_erp.model.money import ZERO, round_money
from hybrid_erp.operations.load.opening import PREFIX
from hybrid_erp.operations.load.terms import LoadTerms

NUMBER_LENGTH_MAX: Final = 60
RATE_DIGITS: Final = Decimal("0.0000000001")


def open_items(
    receivables: Sequence[OpenReceivable], known: Mapping[UUID, str], terms: LoadTerms, ordinal: int, accounting_on: date
) -> tuple[list[LoadItem], list[Gap]]:
    """A document for each item, and the items that cannot be brought: each of those blocks, the subledger would lack it.

    An invoice that the facade knows keeps its number, so that what settles or corrects it later finds it. `known`: number by posting.
    """
    made = _OpenItems(terms, known, ordinal, accounting_on, Counter(_named(each, known) for each in receivables))
    for receivable in sorted(receivables, key=lambda each: (each.issued_on, each.native_id)):
        made.bring(receivable)
    return made.items, made.gaps


@dataclass(frozen=True, slots=True)
class _OpenItems:
    terms: LoadTerms
    known: Mapping[UUID, str]
    ordinal: int
    accounting_on: date
    numbers: Counter[str]
    items: list[LoadItem] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def bring(self, receivable: OpenReceivable) -> None:
        """The item; and apart from it what stands on the account in functional currency alone, where no rate can say it."""
        if not receivable.customer.strip():
            self._gap(GapClass.CUSTOMER_UNKNOWN, receivable, "Its customer has no number.")
            return
        currency, rate, residual = self.terms.functional_currency, None, ZERO
        if receivable.currency != currency:
            rate, residual = rate_and_residual(receivable, currency)
        if receivable.open_amount or not residual:
            self._item(receivable, rate, receivable.functional_open_amount - residual)
        if residual:
            reason = f"{residual:,} {currency} is left of it that no open {receivable.currency} explains: a difference nobody has booked."
            self._gap(GapClass.CURRENCY_RESIDUAL, receivable, reason, blocks=False)
            alone = replace(receivable, currency=currency, original_amount=residual, open_amount=residual)
            self._item(alone, None, residual, suffix="/residual")

    def _item(self, receivable: OpenReceivable, rate: Decimal | None, booked: Decimal, suffix: str = "") -> None:
        number = _named(receivable, self.known)
        if self.numbers[number] > 1 or len(f"{number}{suffix}") > NUMBER_LENGTH_MAX:
            number = f"{PREFIX}/{receivable.native_id}"
        data = self._data(receivable, rate, f"{number}{suffix}")
        try:
            event_id = f"{quote(receivable.native_id, safe=',')}{suffix}"
            item = self.terms.item(self.ordinal, DocumentType.OPEN_ITEM, event_id, data)
        except HybridErpError as refusal:
            self._gap(GapClass.REFUSED, receivable, refusal.message)
            return
        if item.functional_amount != booked:
            told = f"{booked:,} {self.terms.functional_currency}"
            self._gap(GapClass.REFUSED, receivable, f"No exchange rate brings {item.amount:,} {item.currency} to {told}.")
        elif (account := _control_account(item, self.terms)) != receivable.account:
            reason = f"It stands on {receivable.account}; the posting rules book an open item on {account}."
            self._gap(GapClass.CONTROL_ACCOUNT, receivable, reason)
        else:
            legacy_id = None if suffix else receivable.native_id
            self.items.append(replace(item, party=receivable.customer, due_on=receivable.due_on, legacy_id=legacy_id))

    def _data(self, receivable: OpenReceivable, rate: Decimal | None, number: str) -> dict[str, Any]:
        stated: dict[str, Any] = {
            "number": number,
            "version": self.ordinal,
            "legal_entity": self.terms.legal_entity,
            "accounting_date": self.accounting_on.isoformat(),
            "currency": receivable.currency,
            "exchange_rate": None if rate is None else format(rate, "f"),
            "customer": receivable.customer,
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

    def _gap(self, gap_class: GapClass, receivable: OpenReceivable, reason: str, *, blocks: bool = True) -> None:
        subject = f"{receivable.document_type.replace('_', ' ')} {_number(receivable)} ({receivable.native_id})"
        self.gaps.append(Gap(gap_class, subject, reason, blocks, receivable.functional_open_amount))


def _named(receivable: OpenReceivable, known: Mapping[UUID, str]) -> str:
    settled_by_number = receivable.document_type in (DocumentType.INVOICE, DocumentType.OPEN_ITEM)
    number = known.get(receivable.posting_id) if receivable.posting_id and settled_by_number else None
    return number or f"{PREFIX}/{_number(receivable)}"


def _number(receivable: OpenReceivable) -> str:
    return (receivable.legal_number or receivable.number or receivable.native_id).strip()


def rate_and_residual(receivable: OpenReceivable, functional_currency: str) -> tuple[Decimal | None, Decimal]:
    """At which rate what is still open comes to what it is booked at, and what of that no rate can say.

    The booked rate, unless what was settled in part at another rate, or rounded before, makes it miss: then the rate that fits. An item
    that is settled in its own currency, or open on the other side of what is booked, has no rate that fits: the rest stands alone.
    """
    open_amount, functional = receivable.open_amount, receivable.functional_open_amount
    booked = receivable.exchange_rate and receivable.exchange_rate.quantize(RATE_DIGITS, rounding=ROUND_HALF_UP)
    at_booked = round_money(open_amount * booked, functional_currency) if booked else ZERO
    if not open_amount or open_amount * functional <= 0:
        return booked, functional - at_booked
    if booked and at_booked == functional:
        return booked, ZERO
    return (functional / open_amount).quantize(RATE_DIGITS, rounding=ROUND_HALF_UP), ZERO


def _control_account(item: LoadItem, terms: LoadTerms) -> str | None:
    assert item.posting is not None
    booking = terms.firm.booking_of(item.posting.document)
    return next((line.account for line in booking.lines if line.party), None) if booking else None
