"""An invoice or credit memo as Tryton's `account.invoice`: numbered by the statutory series when it is posted.

Amounts and tax are stated, never computed: lines carry no taxes, tax lines are manual. (Taxes on lines beside manual ones book tax twice.)
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from hybrid_erp.adapters.erps.tryton.directory import Directory, ReferenceRefusedError
from hybrid_erp.adapters.erps.tryton.moves import JOURNALS, MoveWriter
from hybrid_erp.adapters.erps.tryton.rates import rate_that_books
from hybrid_erp.adapters.erps.tryton.text import mark
from hybrid_erp.adapters.erps.tryton.values import Row, as_amount, as_date
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.delivery import FailureClass, Submission
from hybrid_erp.model.documents import CreditMemo, Invoice, InvoiceLine
from hybrid_erp.model.money import smallest_unit

log: Final = logging.getLogger(__name__)

#: Tryton's name of the warning that a payment date lies in the past.
PAST_PAYMENT_DATE: Final = "invoice_payment_term"
UNIT_PRICE_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class InvoiceWriter:
    """Writes invoices and credit memos in Tryton's words."""

    directory: Directory
    moves: MoveWriter

    def draft(self, submission: Submission, document: Invoice | CreditMemo, booking: Booking) -> Row:
        """The invoice, as a draft; a credit memo has the other sign.

        Raises:
            UnmappedError: An account, tax code or term has no counterpart.
            ReferenceRefusedError: Tryton lacks something that the document names, or a period is closed.
        """
        self.directory.period(booking.accounting_on)
        self.rate(document, booking)
        receivable = next(line for line in booking.lines if line.party is not None)
        party = self.directory.party(document.customer)
        if party.address is None:
            raise ReferenceRefusedError(FailureClass.VALIDATION, f"Tryton's party {party.code!r} has no address to invoice.")
        text = mark(document.document_type, document.number, submission.key, submission.content_hash)
        lines, charges = self._lines(submission, document, booking)
        return {
            "type": "out",
            "company": self.directory.company,
            "party": party.id,
            "invoice_address": party.address,
            "currency": self.directory.currency(document.currency),
            "account": self.moves.account(receivable, booking, submission).id,
            "journal": self.directory.journal(JOURNALS[document.document_type]),
            "invoice_date": as_date(document.issued_on),
            "accounting_date": as_date(booking.accounting_on),
            "reference": submission.legal_number or document.number,
            "description": self.moves.text(text, receivable.dimensions),
            **self._due(document),
            "lines": [["create", lines]],
            "taxes": [["create", charges]],
        }

    def rate(self, document: Invoice | CreditMemo, booking: Booking) -> Decimal | None:
        """The rate by which Tryton books what the document demands; None in the functional currency. Raises as `draft`."""
        if booking.currency == booking.functional_currency or document.exchange_rate is None:
            return None
        amounts, functional = [line.amount for line in booking.lines], [line.functional_amount for line in booking.lines]
        rate = rate_that_books(amounts, functional, document.exchange_rate, smallest_unit(booking.functional_currency))
        if rate is None:
            reason = f"At {document.exchange_rate}, Tryton's rounding does not book what the document demands."
            raise ReferenceRefusedError(FailureClass.VALIDATION, reason)
        return rate

    def set_rate(self, document: Invoice | CreditMemo, booking: Booking) -> None:
        """Have Tryton's table hold that rate on the document's day.

        One writer per company makes that safe; what was booked is read back in any case. Raises as `rate`, and as the client does.
        """
        rate = self.rate(document, booking)
        if rate is None:
            return
        currency, day = self.directory.currency(booking.currency), as_date(document.issued_on)
        client = self.directory.client
        rows = client.search("currency.currency.rate", [["currency", "=", currency], ["date", "=", day]], ["rate"], limit=1)
        if not rows:
            client.create("currency.currency.rate", {"currency": currency, "date": day, "rate": as_amount(rate)})
        elif Decimal(rows[0]["rate"]["decimal"]) != rate:
            log.info("Tryton's rate of %s on %s is set to the document's, %s", booking.currency, document.issued_on, rate)
            client.change("currency.currency.rate", rows[0]["id"], {"rate": as_amount(rate)})

    def acknowledge(self, document: Invoice | CreditMemo, invoice: int, acknowledged: frozenset[str], today: date) -> None:
        """Acknowledge the configured warning by its name before Tryton raises it; any other warning stays a refusal."""
        if PAST_PAYMENT_DATE not in acknowledged or _due_on(document) >= today:
            return
        name = hashlib.md5(f"account.invoice,{invoice}".encode(), usedforsecurity=False).hexdigest()  # as Tryton names it
        log.info("Acknowledged Tryton's warning %s for account.invoice %d: due on %s", PAST_PAYMENT_DATE, invoice, _due_on(document))
        warning = {"name": f"{name}.{PAST_PAYMENT_DATE}", "user": self.directory.user(), "always": False}
        self.directory.client.create("res.user.warning", warning)

    def _due(self, document: Invoice | CreditMemo) -> Row:
        """The day that the document states; by its payment term where Tryton's own counts to the same day."""
        due_on = _due_on(document)
        code = document.payment_term if isinstance(document, Invoice) else None
        if code is None:
            return {"payment_term_date": as_date(due_on)}
        term = self.directory.term(self.moves.mapping.native_payment_term(code, legal_entity=document.legal_entity))
        days = self.directory.days_of_term(term)
        if days is None:
            return {"payment_term_date": as_date(due_on)}
        return {"payment_term": term, "payment_term_date": as_date(due_on - timedelta(days=days))}

    def _lines(self, submission: Submission, document: Invoice | CreditMemo, booking: Booking) -> tuple[list[Row], list[Row]]:
        """Lines of revenue, and charges: tax, and what Tryton does not let an invoice line book, like a prepayment received."""
        sign = -1 if isinstance(document, CreditMemo) else 1
        stated = iter([line for line in document.lines if line.amount])
        lines, charges = [], []
        for line in booking.lines:
            if line.party is not None:
                continue
            account = self.moves.account(line, booking, submission)
            if line.tax_base is not None:
                charges.append(self._tax(line, account.id, booking))
                continue
            item = next(stated)
            text = self.moves.text(item.description or item.item, line.dimensions)
            if account.is_revenue:
                quantity, unit_price = _price(item)
                row = {"type": "line", "description": text, "quantity": float(sign * quantity), "unit_price": as_amount(unit_price)}
                lines.append(row | {"account": account.id, "currency": self.directory.currency(document.currency)})
            else:
                amount = {"base": as_amount(Decimal(0)), "amount": as_amount(sign * item.amount)}
                charges.append({"description": text, "account": account.id, "manual": True, **amount})
        return lines, charges

    def _tax(self, line: BookingLine, account: int, booking: Booking) -> Row:
        assert line.tax_code is not None
        assert line.tax_base is not None
        tax = self.directory.tax(self.moves.mapping.native_tax_code(line.tax_code, legal_entity=booking.legal_entity))
        amounts = {"base": as_amount(-line.tax_base), "amount": as_amount(-line.amount)}
        return {"description": self.moves.text(line.tax_code, line.dimensions), "account": account, "tax": tax, "manual": True, **amounts}


def _due_on(document: Invoice | CreditMemo) -> date:
    return document.due_on or document.issued_on


def _price(item: InvoiceLine) -> tuple[Decimal, Decimal]:
    """Quantity and unit price where they give exactly the amount charged; else the amount, once."""
    digits = -int(item.unit_price.normalize().as_tuple().exponent)
    if item.quantity * item.unit_price == item.amount and digits <= UNIT_PRICE_DIGITS:
        return item.quantity, item.unit_price
    return Decimal(1), item.amount
