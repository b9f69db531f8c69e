"""Tryton's moves and invoices as the entries of its ledger, each amount told exactly once.

An invoice and the move that it made are one document, known as the invoice. Whatever a person makes of one of our documents (a duplicate, a
cancellation, a credit note by the wizard) inherits its description and with it our mark: it is ours only if one of our logins made it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.books_origins import INVOICE_FIELDS, Origins, origins_of
from hybrid_erp.adapters.erps.tryton.reading import BOOKING_FIELDS, INVOICE, MOVE, Reader, texts_of_lines
from hybrid_erp.adapters.erps.tryton.text import Mark, read_mark
from hybrid_erp.adapters.erps.tryton.values import Row, to_amount, to_date, to_instant
from hybrid_erp.model.booking import Booking
from hybrid_erp.model.books import Entry, Origin
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.money import ZERO

MOVE_FIELDS: Final = (
    "state",
    "description",
    "origin",
    "journal.code",
    "journal.type",
    "create_uid.login",
    "last_modified_at",
    *BOOKING_FIELDS,
    "lines.maturity_date",
    "lines.reconciliation",
    "lines.invoice_payment",
    "lines.account.type.receivable",
)
#: Moves whose lines one answer brings: about four megabytes, a second or two.
MOVES_A_CALL: Final = 500
#: Tryton closes a fiscal year by moves of such a journal in a period of adjustments; balances are those before (ACCOUNTING A6).
NOT_CLOSING: Final = ["OR", ["period.type", "=", "standard"], ["journal.type", "!=", "situation"]]


#: What is issued to a customer, on a day of its own.
_ISSUED: Final = frozenset({DocumentType.INVOICE, DocumentType.CREDIT_MEMO, DocumentType.OPEN_ITEM})


@dataclass(frozen=True, slots=True)
class EntryReader:
    """Reads one company's documents, whoever made them. Everything raises as the client's search."""

    reader: Reader
    our_logins: Container[str]
    """Who makes documents for us."""
    period_runs: Mapping[str, str]
    """The journals that periodic runs post in, by code: the name of the run."""

    def moves(self, ids: Sequence[int]) -> list[Entry]:
        """The documents that these moves are, oldest first; what is gone is left out."""
        found: list[Entry] = []
        for start in range(0, len(ids), MOVES_A_CALL):
            found += self.matching([["id", "in", list(ids[start : start + MOVES_A_CALL])]])
        return found

    def matching(self, domain: Sequence[Any], *, limit: int | None = None) -> list[Entry]:
        """The documents whose moves match a domain, by the order of the moves' last change."""
        company = [["company", "=", self.reader.company], NOT_CLOSING]
        order = [["last_modified_at", "ASC"], ["id", "ASC"]]
        rows = self.reader.client.select(MOVE, [*company, *domain], MOVE_FIELDS, limit=limit, order=order)
        origins = origins_of(self.reader.client, rows)
        return [self._entry(row, origins) for row in rows]

    def draft_invoices(self, ids: Sequence[int]) -> list[Entry]:
        """Invoices that have not booked anything yet."""
        domain = [["company", "=", self.reader.company], ["id", "in", list(ids)], ["move", "=", None], ["state", "!=", "cancelled"]]
        return [self._draft_invoice(row) for row in self.reader.client.select(INVOICE, domain, INVOICE_FIELDS)] if ids else []

    def of_documents(self, native_ids: Sequence[str]) -> list[Entry]:
        """Documents by their native ids; what is gone is left out."""
        named = [native_id.partition(",") for native_id in native_ids]
        moves = [int(record) for model, _, record in named if model == MOVE]
        invoices = [int(record) for model, _, record in named if model == INVOICE]
        rows = self.reader.client.select(INVOICE, [["id", "in", invoices]], ["move"]) if invoices else []
        booked = {row["id"]: row["move"] for row in rows if row["move"]}
        drafts = [record for record in invoices if record not in booked]
        return [*self.moves(sorted({*moves, *booked.values()})), *self.draft_invoices(drafts)]

    def _entry(self, move: Row, origins: Origins) -> Entry:
        invoice = origins.made_by(move)
        document = invoice or move
        ours = self._mark_of(document) if invoice or not move["origin"] else None
        origin, run = (Origin.FACADE, None) if ours else self._origin(move, origins)
        document_type = _type_of(ours) if ours else _likeness(move, invoice, origins)
        receivables = [line for line in move["lines"] if line["account"]["type"] and line["account"]["type"]["receivable"]]
        due = [to_date(line["maturity_date"]) for line in receivables if line["maturity_date"]]
        issued = invoice["invoice_date"] if invoice else None
        number = str(document["number"] or f"({document['id']})")
        return Entry(
            native_id=f"{INVOICE if invoice else MOVE},{document['id']}",
            number=number,
            origin=origin,
            posted=move["state"] == "posted",
            booking=self.reader.booking(move, texts_of_lines(invoice) if invoice else {}),
            document_type=document_type,
            posting_id=ours.posting_id if ours else None,
            content_hash=ours.content_hash if ours else "",
            legal_number=(invoice["number"] if invoice else ours.legal_number if ours else None) or None,
            party=_party(invoice, move),
            issued_on=to_date(issued or move["date"]) if document_type in _ISSUED else None,
            due_on=max(due) if due else None,
            text=str(document["description"] or ""),
            from_native_id=_from(move, invoice, receivables, origins),
            settles=_settles(move, receivables, origins) if document_type is DocumentType.PAYMENT else (),
            period_run=run,
            entered_by=_login(document),
            changed_at=to_instant(move["last_modified_at"]),
        )

    def _draft_invoice(self, invoice: Row) -> Entry:
        """An invoice that books nothing yet: what it will book, Tryton decides when it is posted."""
        ours = self._mark_of(invoice)
        day = invoice["accounting_date"] or invoice["invoice_date"] or invoice["create_date"]
        reader = self.reader
        amount = f"{to_amount(invoice['total_amount'])} {invoice['currency']['code']}"
        return Entry(
            native_id=f"{INVOICE},{invoice['id']}",
            number=str(invoice["number"] or f"({invoice['id']})"),
            origin=Origin.FACADE if ours else Origin.NATIVE,
            posted=False,
            booking=Booking(reader.legal_entity, to_date(day), invoice["currency"]["code"], reader.functional_currency, ()),
            document_type=_type_of(ours) if ours else _type_of_invoice(invoice),
            posting_id=ours.posting_id if ours else None,
            content_hash=ours.content_hash if ours else "",
            party=invoice["party"]["code"],
            issued_on=to_date(invoice["invoice_date"]) if invoice["invoice_date"] else None,
            text=f"{invoice['description'] or ''} (draft of {amount})".strip(),
            entered_by=_login(invoice),
            changed_at=to_instant(invoice["last_modified_at"]),
        )

    def _mark_of(self, document: Row) -> Mark | None:
        return read_mark(document["description"]) if _login(document) in self.our_logins else None

    def _origin(self, move: Row, origins: Origins) -> tuple[Origin, str | None]:
        """Whose a document is that is not ours."""
        behind = origins.invoice_behind(move)
        if behind and move["id"] in (behind["additional_moves"] or ()):
            return Origin.DERIVED, None
        settles = any(line["reconciliation"] for line in move["lines"])
        if move["journal"]["type"] == "write-off" and settles and not (move["origin"] or move["description"]):
            return Origin.DERIVED, None  # what a settlement left over: an exchange difference, or an amount given up
        run = self.period_runs.get(move["journal"]["code"])
        return (Origin.PERIOD_RUN, run) if run else (Origin.NATIVE, None)


def _login(document: Row) -> str | None:
    return document["create_uid"]["login"] if document["create_uid"] else None


def _type_of(mark: Mark) -> DocumentType | None:
    return DocumentType(mark.document_type) if mark.document_type in set(DocumentType) else None


def _type_of_invoice(invoice: Row) -> DocumentType:
    """A supplier's invoice is like no document of ours, and what it books is an entry."""
    if invoice["type"] != "out":
        return DocumentType.JOURNAL_ENTRY
    return DocumentType.CREDIT_MEMO if to_amount(invoice["total_amount"]) < 0 else DocumentType.INVOICE


def _likeness(move: Row, invoice: Row | None, origins: Origins) -> DocumentType:
    """What a document that is not ours would be among ours."""
    if invoice:
        return _type_of_invoice(invoice)
    behind = origins.invoice_behind(move)
    if behind and behind["cancel_move"] == move["id"]:
        return DocumentType.CREDIT_MEMO if _type_of_invoice(behind) is DocumentType.INVOICE else DocumentType.JOURNAL_ENTRY
    receivables = [line for line in move["lines"] if line["account"]["type"] and line["account"]["type"]["receivable"]]
    parties = {line["party"]["id"] for line in receivables if line["party"]}
    received = sum((to_amount(line["credit"]) - to_amount(line["debit"]) for line in receivables), ZERO)
    is_payment = len(parties) == 1 and received > 0 and move["journal"]["type"] == "cash"
    return DocumentType.PAYMENT if is_payment else DocumentType.JOURNAL_ENTRY


def _party(invoice: Row | None, move: Row) -> str | None:
    if invoice:
        return str(invoice["party"]["code"]) if invoice["party"]["code"] else None
    codes = {line["party"]["code"] for line in move["lines"] if line["party"]}
    return str(codes.pop()) if len(codes) == 1 else None


def _from(move: Row, invoice: Row | None, receivables: Sequence[Row], origins: Origins) -> str | None:
    """What a document was derived from, or corrects."""
    if invoice:
        original = {origins.credited[line["origin"]] for line in invoice["lines"] or () if line["origin"] in origins.credited}
        original |= {line["invoice_payment"] for line in receivables if line["invoice_payment"]}
        return f"{INVOICE},{original.pop()}" if len(original) == 1 else None
    model, _, record = str(move["origin"] or "").partition(",")
    if model == MOVE:
        return origins.document(int(record))
    if model:
        return str(move["origin"])
    if move["journal"]["type"] == "write-off":
        return next((each for line in receivables for each in _settled_with(line, move["id"], origins)), None)
    return None


def _settled_with(line: Row, move: int, origins: Origins) -> list[str]:
    """The other documents that a line is settled against, those on the other side first; the invoice stands for all that names it."""
    together = [each for each in origins.settled_with.get(line["reconciliation"], ()) if each["move"]["id"] != move]
    together.sort(key=lambda each: bool(to_amount(each["credit"])) is bool(to_amount(line["credit"])))
    return list(dict.fromkeys(_document_behind(each, origins) for each in together))


def _document_behind(line: Row, origins: Origins) -> str:
    origin = str(line["move"]["origin"] or "")
    return origin if origin.startswith(f"{INVOICE},") else origins.document(line["move"]["id"])


def _settles(move: Row, receivables: Sequence[Row], origins: Origins) -> tuple[tuple[str, Decimal], ...]:
    """The items that a payment's lines are linked to, or settled against alone. What our own text names stands in the posting."""
    found = []
    for line in receivables:
        if line["invoice_payment"]:
            found.append((f"{INVOICE},{line['invoice_payment']}", -_amount(line)))
        elif line["reconciliation"]:
            items = _settled_with(line, move["id"], origins)
            found += [(items[0], -_amount(line))] if len(items) == 1 else []
    return tuple(found)


def _amount(line: Row) -> Decimal:
    return to_amount(line["amount_second_currency"]) if line["second_currency"] else to_amount(line["debit"]) - to_amount(line["credit"])
