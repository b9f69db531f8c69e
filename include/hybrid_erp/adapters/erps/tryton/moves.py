"""A booking as Tryton's `account.move`: every document that is nothing but a booking, and the candidate's copy of an invoice.

A copy is an open item of the ledger, not a second invoice: it cannot be numbered, printed, sent or e-invoiced, and books exactly what the
control booked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from hybrid_erp.adapters.erps.tryton.directory import Directory, NativeAccount, ReferenceRefusedError
from hybrid_erp.adapters.erps.tryton.item_text import ItemTerms, item_text
from hybrid_erp.adapters.erps.tryton.text import Dimensions, mark, with_dimensions
from hybrid_erp.adapters.erps.tryton.values import Row, as_amount, as_date
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.delivery import FailureClass, Submission
from hybrid_erp.model.documents import CreditMemo, DocumentType, Invoice, OpenItem
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.money import ZERO, round_money

#: Tryton's own journals, by document type; all others are miscellaneous entries.
JOURNALS: Final = {DocumentType.INVOICE: "REV", DocumentType.CREDIT_MEMO: "REV", DocumentType.PAYMENT: "CASH"}
GENERAL_JOURNAL: Final = "MISC"


@dataclass(frozen=True, slots=True)
class MoveWriter:
    """Writes bookings in Tryton's words."""

    directory: Directory
    mapping: Mapping

    def draft(self, submission: Submission, booking: Booking) -> Row:
        """The move, as a draft.

        Raises:
            UnmappedError: An account or tax code has no counterpart.
            ReferenceRefusedError: Tryton lacks an account, party or period, or the period is closed.
        """
        document = submission.document
        return {
            "company": self.directory.company,
            "journal": self.directory.journal(JOURNALS.get(document.document_type, GENERAL_JOURNAL)),
            "period": self.directory.period(booking.accounting_on),
            "date": as_date(booking.accounting_on),
            "description": mark(document.document_type, document.number, submission.key, submission.content_hash, submission.legal_number),
            "lines": [["create", [self.line(line, booking, submission) for line in booking.lines]]],
        }

    def line(self, line: BookingLine, booking: Booking, submission: Submission) -> Row:
        """One line of the move. Raises as `draft`."""
        account = self.account(line, booking, submission)
        functional = line.functional_amount
        row: Row = {
            "account": account.id,
            "debit": as_amount(max(functional, ZERO)),
            "credit": as_amount(max(-functional, ZERO)),
            "description": self.text(line.description, line.dimensions),
        }
        if booking.currency != booking.functional_currency:
            row |= {"second_currency": self.directory.currency(booking.currency), "amount_second_currency": as_amount(line.amount)}
        if account.wants_party:
            row["party"] = self.directory.party(_party(line, account)).id
            if due_on := _due_on(submission):
                row["maturity_date"] = as_date(due_on)
            if isinstance(item := submission.document, OpenItem):
                terms = ItemTerms(item.legal_number, item.issued_on, item.original_amount)
                row["description"] = self.text(item_text(terms), line.dimensions)
        if line.tax_code:
            row["tax_lines"] = [["create", self._tax(line, booking, submission)]]
        return row

    def text(self, description: str, dimensions: Dimensions) -> str:
        """A line's text with its dimensions under Tryton's names; what the mapping does not name is not kept. Raises as `draft`."""
        names = self.mapping.dimensions
        for name, value in dimensions:
            if name == "project":
                self.directory.require_project(value)
        return with_dimensions(description, tuple((names[name], value) for name, value in dimensions if name in names))

    def account(self, line: BookingLine, booking: Booking, submission: Submission) -> NativeAccount:
        """The account of a line. Raises as `draft`."""
        code = self.mapping.native_account(
            line.account,
            legal_entity=booking.legal_entity,
            document_type=submission.document.document_type,
            dimensions=line.dimensions,
            on=booking.accounting_on,
        )
        return self.directory.account(code)

    def _tax(self, line: BookingLine, booking: Booking, submission: Submission) -> list[Row]:
        assert line.tax_code is not None
        tax = self.directory.tax(self.mapping.native_tax_code(line.tax_code, legal_entity=booking.legal_entity))
        # Tryton reports tax charged and tax paid as positive, whichever side of the account they are on.
        sign = 1 if submission.document.document_type is DocumentType.EXPENSE else -1
        parts = [{"tax": tax, "type": "tax", "amount": as_amount(sign * line.functional_amount)}]
        if line.tax_base is not None:
            parts.append({"tax": tax, "type": "base", "amount": as_amount(sign * _functional_base(line.tax_base, booking, submission))})
        return parts


def _functional_base(base: Decimal, booking: Booking, submission: Submission) -> Decimal:
    rate = (submission.document.monetary or (None, None))[1]
    if rate is None or booking.currency == booking.functional_currency:
        return base
    return round_money(base * rate, booking.functional_currency)


def _party(line: BookingLine, account: NativeAccount) -> str:
    if line.party is None:
        reason = f"Tryton's account {account.code} takes no line without a customer, and {line.account} names none here."
        raise ReferenceRefusedError(FailureClass.VALIDATION, reason)
    return line.party


def _due_on(submission: Submission) -> date | None:
    match submission.document:
        case Invoice(due_on=due_on) | OpenItem(due_on=due_on):
            return due_on
        case CreditMemo(due_on=due_on, issued_on=issued_on):
            return due_on or issued_on
    return None
