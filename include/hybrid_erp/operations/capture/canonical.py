"""A native document as the canonical document that books exactly the same; or why there is none.

The posting rules are read backwards: from accounts to items. What comes out is booked forwards again and compared with what the ERP booked,
so that nothing is captured that would book anything else in the other ERP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.model.booking import BookingLine, compare
from hybrid_erp.model.books import Entry
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import RefusedEventError, UnmappedError
from hybrid_erp.model.firm import Firm
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.posting import Posting

Data = dict[str, Any]
_FOREIGN: Final = " of the ERP"
NO_CUSTOMER: Final = "it names no customer by a number: give the customer its number in the ERP"


class NotCapturableError(Exception):
    """Why a person has to look at a native document."""


@dataclass(frozen=True, slots=True)
class Canon:
    """Turns native documents of one ERP into postings."""

    erp: str
    firm: Firm
    posting_of: Callable[[Data], Posting]
    """Intake's checks; raises RefusedEventError."""
    invoice_of: Callable[[str], str | None]
    """The canonical number of an invoice, by its native id; None if it is not known."""
    held_back: Callable[[str], bool] = lambda native_id: False
    """Whether a document of this native id waits for a person before it can be captured."""

    def number(self, entry: Entry) -> str:
        """What a captured document is called: the ERP's id of it, which is its own forever."""
        return f"{self.erp}:{entry.native_id}"

    def posting(self, entry: Entry) -> Posting:
        """The posting of a native document.

        Raises:
            NotCapturableError: There is no canonical document that books the same.
        """
        document_type = entry.document_type or DocumentType.JOURNAL_ENTRY
        if unknown := sorted({line.account for line in entry.booking.lines if line.account.endswith(_FOREIGN)}):
            raise NotCapturableError(f"mapping_gap: account {unknown[0]} stands for no canonical account")
        make = _MAKERS.get(document_type)
        if make is None:
            raise NotCapturableError(f"a {document_type} cannot be told from what the ERP shows of it")
        data = make(self, entry)
        event = {
            "specversion": "1.0",
            "id": f"{entry.booking.legal_entity}/{entry.native_id}".replace(" ", "_"),
            "source": f"hybrid-erp/capture/{self.erp}",
            "type": f"hybrid-erp.{document_type}.v1",
            "data": self._common(entry) | data,
        }
        try:
            posting = self.posting_of(event)
            booked = self.firm.booking_of(posting.document, entry.booking.accounting_on)
        except (RefusedEventError, UnmappedError) as error:
            raise NotCapturableError(error.message) from error
        if booked is None or (differences := compare(booked, entry.booking)):
            raise NotCapturableError(f"no {document_type} books the same: {'; '.join(map(str, differences[:3])) if booked else 'nothing'}")
        return posting

    def _common(self, entry: Entry) -> Data:
        booking = entry.booking
        data: Data = {
            "number": self.number(entry),
            "legal_entity": booking.legal_entity,
            "accounting_date": booking.accounting_on.isoformat(),
            "currency": booking.currency,
        }
        if booking.currency != booking.functional_currency:
            data["exchange_rate"] = str(_rate(entry))
        return data

    def journal_entry(self, entry: Entry) -> Data:
        """Its lines, one for one."""
        lines = [
            {"account": line.account, ("debit" if line.amount > 0 else "credit"): str(abs(line.amount)), "dimensions": _dimensions(line)}
            | ({"tax_code": line.tax_code} if line.tax_code else {})
            for line in entry.booking.lines
            if line.amount
        ]
        return {"description": entry.text[:200], "lines": lines}

    def invoice(self, entry: Entry) -> Data:
        """Items by the posting rules, backwards."""
        return self._billed(entry, DocumentType.INVOICE, sign=-1) | {"due_on": (entry.due_on or entry.booking.accounting_on).isoformat()}

    def credit_memo(self, entry: Entry) -> Data:
        """As an invoice with the other sign. One that names no invoice, or one that was settled before the load, is on account."""
        taken_back = entry.from_native_id
        original = self.invoice_of(taken_back) if taken_back else None
        if original is None and taken_back and self.held_back(taken_back):
            raise NotCapturableError(f"the credit memo takes back {taken_back}, which is not captured itself: mend that first")
        data = self._billed(entry, DocumentType.CREDIT_MEMO, sign=1)
        if entry.due_on is not None:
            data["due_on"] = entry.due_on.isoformat()
        if original is not None:
            return data | {"corrects": original, "reason": entry.text[:200]}
        # It was settled before the load: the other ERP holds no such invoice either (ACCOUNTING B13).
        named = f"takes back {taken_back}: " if taken_back else ""
        return data | {"on_account": True, "reason": f"{named}{entry.text}"[:200]}

    def _billed(self, entry: Entry, document_type: DocumentType, *, sign: int) -> Data:
        if entry.party is None:
            raise NotCapturableError(NO_CUSTOMER)
        items = self._items(document_type)
        lines, taxes, total = [], [], ZERO
        for line in entry.booking.lines:
            if line.party is not None:
                total += -sign * line.amount
            elif line.tax_code is not None:
                taxes.append({"tax_code": line.tax_code, "base": str(sign * (line.tax_base or ZERO)), "amount": str(sign * line.amount)})
            elif (item := items.get(line.account)) is not None:
                amount = str(sign * line.amount)
                terms = {"unit_price": amount, "amount": amount, "dimensions": _dimensions(line), "description": entry.text[:200]}
                lines.append({"item": item, **terms})
            else:
                raise NotCapturableError(f"no item of a {document_type} books on account {line.account}")
        issued_on = (entry.issued_on or entry.booking.accounting_on).isoformat()
        return {"customer": entry.party, "issued_on": issued_on, "lines": lines, "tax_lines": taxes, "total": str(total)} | {
            "series": "native"
        }

    def _items(self, document_type: DocumentType) -> Mapping[str, str]:
        items: dict[str, str] = {}
        for rule in self.firm.posting_rules.rules.get(document_type, ()):
            if rule.each == "lines" and rule.account_by is not None and rule.account_by.attribute == "item":
                for item, account in rule.account_by.accounts.items():
                    items.setdefault(account, item)
        return items

    def payment(self, entry: Entry) -> Data:
        """What came in, and the items that it settles; what settles nothing that is known stays unapplied."""
        if entry.party is None:
            raise NotCapturableError(NO_CUSTOMER)
        received = sum((line.amount for line in entry.booking.lines if line.party is None and line.amount > 0), ZERO)
        applications = []
        for native_id, amount in entry.settles:
            if amount > 0 and (invoice := self.invoice_of(native_id)) is not None:
                applications.append({"invoice": invoice, "amount": str(amount)})
        return {
            "customer": entry.party,
            "bank_account": "native",
            "amount": str(received),
            "applications": applications,
        }


_MAKERS: Final[Mapping[DocumentType, Callable[[Canon, Entry], Data]]] = {
    DocumentType.JOURNAL_ENTRY: Canon.journal_entry,
    DocumentType.INVOICE: Canon.invoice,
    DocumentType.CREDIT_MEMO: Canon.credit_memo,
    DocumentType.PAYMENT: Canon.payment,
}


def _rate(entry: Entry) -> Decimal:
    """Functional for one of the document's currency, from the largest line: the rounding shows least there."""
    largest = max(entry.booking.lines, key=lambda line: abs(line.amount))
    if not largest.amount:
        raise NotCapturableError("it moves no amount in its own currency")
    return (largest.functional_amount / largest.amount).quantize(Decimal("0.0000000001"))


def _dimensions(line: BookingLine) -> Data:
    named = {name: value for name, value in line.dimensions if name in {"project", "cost_centre", "department"}}
    other = [{"name": name, "value": value} for name, value in line.dimensions if name not in named]
    return named | ({"other": other} if other else {})
