"""A payment as an `account.move`, and what settles what.

Its receivable is one line for each invoice that it settles. Where the invoice is an `account.invoice`, the line is linked to it while the
payment is still a draft: once it is posted, nothing is left to do that could be forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hybrid_erp.adapters.erps.tryton.directory import Directory, ReferenceRefusedError
from hybrid_erp.adapters.erps.tryton.text import number_pattern, read_mark
from hybrid_erp.adapters.erps.tryton.values import Row
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.delivery import FailureClass
from hybrid_erp.model.documents import CreditMemo, DocumentType, Payment
from hybrid_erp.model.money import ZERO, round_money

SETTLES = "settles "


def shared_out(payment: Payment, booking: Booking) -> Booking:
    """The booking with a receivable line for each invoice settled, and one for the rest that settles nothing yet.

    The functional amounts share out what the booking demands; what rounding leaves goes to the largest.
    """
    parts = [(f"{SETTLES}{each.invoice}", each.settled) for each in payment.applications]
    if payment.unapplied:
        parts.append(("unapplied", payment.unapplied))
    lines: list[BookingLine] = []
    for line in booking.lines:
        lines.extend([line] if line.party is None or not parts else _split(line, parts, booking))
    return replace(booking, lines=tuple(lines))


def _split(line: BookingLine, parts: Sequence[tuple[str, Decimal]], booking: Booking) -> list[BookingLine]:
    total = sum((amount for _, amount in parts), ZERO)
    functional = [round_money(line.functional_amount * amount / total, booking.functional_currency) for _, amount in parts]
    largest = max(range(len(parts)), key=lambda index: parts[index][1])
    functional[largest] += line.functional_amount - sum(functional, ZERO)
    return [
        replace(line, amount=-amount, functional_amount=share, description=text)
        for (text, amount), share in zip(parts, functional, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Settler:
    """Links what was paid or credited to the invoice."""

    directory: Directory

    def require_invoices(self, payment: Payment) -> dict[str, int | None]:
        """Tryton's invoice for each one that is settled; None for an item of the ledger, which a link cannot name.

        Raises:
            ReferenceRefusedError: Tryton holds no such item.
        """
        return {each.invoice: self._invoice(each.invoice) for each in payment.applications}

    def link_payment(self, move: int, invoices: dict[str, int | None]) -> None:
        """Name the lines of a payment at the invoices that they settle; naming one again changes nothing. Raises as the client does."""
        if not any(invoices.values()):
            return
        rows = self.directory.client.search("account.move.line", [["move", "=", move]], ["description"])
        for row in rows:
            text = str(row["description"] or "")
            for number, invoice in invoices.items():
                if invoice is not None and _settles(text, number):
                    self._link(invoice, row["id"])

    def link_credit(self, credit: CreditMemo, credit_invoice: int) -> None:
        """Name a posted credit memo's receivable line at the invoice that it takes back, if any. Raises as the client does."""
        invoice = self._invoice(credit.corrects) if credit.corrects is not None else None
        if invoice is None:
            return
        domain = [["id", "=", credit_invoice]]
        row = self.directory.client.search("account.invoice", domain, ["lines_to_pay.id", "account.id"])[0]
        for line in row["lines_to_pay"]:
            self._link(invoice, line["id"])

    def _link(self, invoice: int, line: int) -> None:
        self.directory.client.change("account.invoice", invoice, {"payment_lines": [["add", [line]]]})

    def _invoice(self, number: str) -> int | None:
        client = self.directory.client
        company = ["company", "=", self.directory.company]
        domain = [company, ["state", "in", ["posted", "paid"]], ["description", "like", number_pattern(DocumentType.INVOICE, number)]]
        for row in client.search("account.invoice", domain, ["description"]):
            if _is(row, DocumentType.INVOICE, number):
                return int(row["id"])
        for document_type in (DocumentType.INVOICE, DocumentType.OPEN_ITEM):
            domain = [company, ["state", "=", "posted"], ["description", "like", number_pattern(document_type, number)]]
            if any(_is(row, document_type, number) for row in client.search("account.move", domain, ["description"])):
                return None
        raise ReferenceRefusedError(FailureClass.VALIDATION, f"Tryton holds no posted invoice or open item {number!r}.")


def _is(row: Row, document_type: DocumentType, number: str) -> bool:
    found = read_mark(row["description"])
    return found is not None and (found.document_type, found.number) == (document_type, number)


def _settles(text: str, number: str) -> bool:
    return text == f"{SETTLES}{number}" or text.startswith(f"{SETTLES}{number} {{")
