"""What Tryton's customers owe: the lines of receivable accounts that nothing has settled, gathered into items.

A payment that is linked to an invoice, or says in our own words which item it settles, lowers that item; what is left of it is unapplied
cash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.books_balances import PAGE, pages
from hybrid_erp.adapters.erps.tryton.item_text import read_item
from hybrid_erp.adapters.erps.tryton.payments import SETTLES
from hybrid_erp.adapters.erps.tryton.reading import INVOICE, MOVE, Reader, texts_of_lines
from hybrid_erp.adapters.erps.tryton.text import Mark, read_dimensions, read_mark
from hybrid_erp.adapters.erps.tryton.values import Row, as_date, to_amount, to_date
from hybrid_erp.model.books import CustomerBalance, OpenReceivable
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.money import ZERO, round_money

_LINE: Final = (
    "debit",
    "credit",
    "amount_second_currency",
    "second_currency.code",
    "maturity_date",
    "description",
    "invoice_payment",
    "party.code",
    "account.code",
    "move.number",
    "move.date",
    "move.origin",
    "move.description",
    "move.create_uid.login",
)
_BALANCE: Final = ("account.code", "party.code", "debit", "credit")
_INVOICE: Final = (
    "number",
    "invoice_date",
    "description",
    "move",
    "total_amount",
    "create_uid.login",
    "lines.description",
)
#: The document types that stand open as what they are; anything else is an open item by its debit, unapplied cash by its credit.
_ITEMS: Final = frozenset({DocumentType.INVOICE, DocumentType.CREDIT_MEMO, DocumentType.OPEN_ITEM, DocumentType.PAYMENT})


@dataclass(frozen=True, slots=True)
class ReceivableReader:
    """Reads one company's open items. Everything raises as the client's search."""

    reader: Reader
    our_logins: Container[str]

    def balances(self) -> list[CustomerBalance]:
        """A call for each thousand customers, however many items they have: what is settled is nothing in sum, by customer and account."""
        domain: list[Any] = [["company", "=", self.reader.company], ["account.type.receivable", "=", True]]
        context = {"posted": True, "from_date": as_date(date.min), "active_test": False}
        rows = pages(self.reader.client, "account.general_ledger.account.party", domain, _BALANCE, context)
        sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        for row in rows:
            customer = str(row["party"]["code"] or row["party"]["id"])
            sums[self._account(row["account"]["code"]), customer] += to_amount(row["debit"]) - to_amount(row["credit"])
        return [CustomerBalance(account, customer, amount) for (account, customer), amount in sorted(sums.items()) if amount]

    def open(self, customers: Collection[str] | None = None) -> list[OpenReceivable]:
        """A call for each thousand open lines, and for each thousand invoices that they belong to."""
        reader = self.reader
        domain: list[Any] = [["move.company", "=", reader.company], ["move.state", "=", "posted"]]
        domain += [["reconciliation", "=", None], ["account.type.receivable", "=", True]]
        domain += [["party.code", "in", sorted(customers)]] if customers is not None else []
        lines = [line for line in pages(reader.client, "account.move.line", domain, _LINE) if line["party"]]
        invoices = self._invoices(lines)
        items: dict[str, OpenReceivable] = {}
        for line in lines:
            item = self._item(line, invoices)
            if item.native_id in items:
                item = _together(items[item.native_id], item)
            items[item.native_id] = item
        items = self._applied(items, lines, invoices)
        return [item for item in items.values() if item.open_amount or item.functional_open_amount]

    def _invoices(self, lines: Iterable[Row]) -> dict[int, Row]:
        named = {
            int(record) for line in lines for model, _, record in [str(line["move"]["origin"] or "").partition(",")] if model == INVOICE
        }
        ids = sorted(named | {line["invoice_payment"] for line in lines if line["invoice_payment"]})
        found: dict[int, Row] = {}
        for start in range(0, len(ids), PAGE):
            rows = self.reader.client.select(INVOICE, [["id", "in", ids[start : start + PAGE]]], _INVOICE)
            found |= {row["id"]: row for row in rows}
        return found

    def _item(self, line: Row, invoices: Mapping[int, Row]) -> OpenReceivable:
        """The item that a line is, or is a part of, as if nothing were applied to it."""
        move, invoice = line["move"], _invoice_of(line, invoices)
        document = invoice or move
        ours = read_mark(document["description"]) if _login(document) in self.our_logins and (invoice or not move["origin"]) else None
        functional = to_amount(line["debit"]) - to_amount(line["credit"])
        amount = to_amount(line["amount_second_currency"]) if line["second_currency"] else functional
        currency = line["second_currency"]["code"] if line["second_currency"] else self.reader.functional_currency
        stated = read_item(line["description"])
        issued_on = to_date((invoice or {}).get("invoice_date") or move["date"])
        original = to_amount(invoice["total_amount"]) if invoice else amount
        account = line["account"]["code"]
        number = invoice["number"] if invoice else ours.legal_number if ours else None
        if stated and ours:
            issued_on, original, number = stated.issued_on, stated.original_amount.copy_sign(amount), stated.legal_number
        return OpenReceivable(
            native_id=f"{INVOICE if invoice else MOVE},{document['id']}",
            posting_id=ours.posting_id if ours else None,
            document_type=_type_of(ours, invoice, amount),
            customer=str(line["party"]["code"] or line["party"]["id"]),
            number=ours.number if ours else str(document["number"]),
            legal_number=number or None,
            project=self._project(line, invoice),
            account=self._account(account),
            currency=currency,
            original_amount=original,
            open_amount=amount,
            functional_open_amount=functional,
            exchange_rate=functional / amount if line["second_currency"] and amount else None,
            issued_on=issued_on,
            due_on=to_date(line["maturity_date"]) if line["maturity_date"] else issued_on,
        )

    def _account(self, code: str) -> str:
        return self.reader.mapping.canonical_account(code, legal_entity=self.reader.legal_entity) or f"{code} of the ERP"

    def _project(self, line: Row, invoice: Row | None) -> str | None:
        texts = [invoice["description"], *texts_of_lines(invoice).values()] if invoice else []
        native = self.reader.mapping.dimensions.get("project", "project")
        found = (dict(read_dimensions(text)).get(native) for text in (line["description"], *texts))
        return next((project for project in found if project), None)

    def _applied(self, items: dict[str, OpenReceivable], lines: Iterable[Row], invoices: Mapping[int, Row]) -> dict[str, OpenReceivable]:
        """Each line that settles something taken from its own item and put to the one that it settles."""
        by_number = {(item.customer, name): native_id for native_id, item in items.items() for name in _names(item)}
        for line in lines:
            part = self._item(line, invoices)
            linked = f"{INVOICE},{line['invoice_payment']}" if line["invoice_payment"] else None
            target = linked or by_number.get((part.customer, _settled(line)))
            if target in items and target != part.native_id:
                items[part.native_id] = _with(items[part.native_id], part, -1)
                items[target] = _with(items[target], part, 1)
        return items


def _invoice_of(line: Row, invoices: Mapping[int, Row]) -> Row | None:
    """The invoice whose own move a line belongs to."""
    model, _, record = str(line["move"]["origin"] or "").partition(",")
    invoice = invoices.get(int(record)) if model == INVOICE else None
    return invoice if invoice and invoice["move"] == line["move"]["id"] else None


def _type_of(ours: Mark | None, invoice: Row | None, amount: Decimal) -> DocumentType:
    if ours and ours.document_type in _ITEMS:
        return DocumentType(ours.document_type)
    if invoice:
        return DocumentType.INVOICE if amount > 0 else DocumentType.CREDIT_MEMO
    return DocumentType.OPEN_ITEM if amount > 0 else DocumentType.PAYMENT


def _names(item: OpenReceivable) -> set[str]:
    """What a payment may call an item that it settles; a payment settles none by name."""
    return {item.number, item.legal_number or item.number} if item.document_type is not DocumentType.PAYMENT else set()


def _settled(line: Row) -> str:
    text = str(line["description"] or "")
    return text.removeprefix(SETTLES).partition(" {")[0] if text.startswith(SETTLES) else ""


def _with(item: OpenReceivable, part: OpenReceivable, sign: int) -> OpenReceivable:
    """An item with a part put to it, or taken from it; in another currency, the part counts by the item's own rate."""
    amount = part.open_amount
    if part.currency != item.currency:
        amount = round_money(part.functional_open_amount / (item.exchange_rate or 1), item.currency)
    functional = item.functional_open_amount + sign * part.functional_open_amount
    return replace(item, open_amount=item.open_amount + sign * amount, functional_open_amount=functional)


def _together(item: OpenReceivable, part: OpenReceivable) -> OpenReceivable:
    """Two lines of one document."""
    whole = _with(item, part, 1)
    original = item.original_amount if item.native_id.startswith(INVOICE) else whole.open_amount
    return replace(whole, original_amount=original, due_on=max(item.due_on, part.due_on))


def _login(document: Row) -> str | None:
    return document["create_uid"]["login"] if document["create_uid"] else None
