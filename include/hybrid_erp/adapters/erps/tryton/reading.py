"""What Tryton holds under our keys, told in canonical terms. One call for many documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.text import MARK_PATTERN, Dimensions, read_dimensions, read_mark
from hybrid_erp.adapters.erps.tryton.values import Row, to_amount, to_date
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.delivery import NativeDocument
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.money import round_money

MOVE: Final = "account.move"
INVOICE: Final = "account.invoice"

LINE_FIELDS: Final = (
    "debit",
    "credit",
    "description",
    "origin",
    "account.code",
    "party.code",
    "second_currency.code",
    "amount_second_currency",
    "tax_lines.type",
    "tax_lines.amount",
    "tax_lines.tax.name",
)
BOOKING_FIELDS: Final = (
    "date",
    "number",
    "period.start_date",
    "period.end_date",
    "period.type",
    *(f"lines.{name}" for name in LINE_FIELDS),
)
_MOVE_FIELDS: Final = ("state", "description", *BOOKING_FIELDS)
_INVOICE_FIELDS: Final = ("number", "state", "description", "lines.description", *(f"move.{name}" for name in BOOKING_FIELDS))
_NOT_POSTED: Final = frozenset({"draft", "validated"})
#: How many documents one call asks for: its query must fit the server's longest request line.
KEYS_A_CALL: Final = 25
IDS_A_CALL: Final = 200
DRAFTS_A_CALL: Final = 1000


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one company's documents."""

    client: TrytonClient
    mapping: Mapping
    company: int
    legal_entity: str
    functional_currency: str

    def with_keys(self, model: str, patterns: Sequence[str]) -> Iterator[NativeDocument]:
        """The documents whose text matches one of the patterns."""
        for start in range(0, len(patterns), KEYS_A_CALL):
            matching = [["description", "like", pattern] for pattern in patterns[start : start + KEYS_A_CALL]]
            yield from self._read(model, ["OR", *matching])

    def with_ids(self, model: str, ids: Sequence[int]) -> Iterator[NativeDocument]:
        """The documents with these ids; what was deleted is left out."""
        for start in range(0, len(ids), IDS_A_CALL):
            yield from self._read(model, ["id", "in", list(ids[start : start + IDS_A_CALL])])

    def drafts(self, model: str) -> Iterator[NativeDocument]:
        """Up to so many drafts that bear our mark, oldest first; nothing of their content is read."""
        domain = [["company", "=", self.company], ["state", "=", "draft"], ["description", "like", MARK_PATTERN]]
        for row in self.client.search(model, domain, ("state", "description", "number"), limit=DRAFTS_A_CALL, order=[["id", "ASC"]]):
            ours = read_mark(row["description"])
            if ours is not None and row["state"] == "draft":
                yield NativeDocument(ours.posting_id, ours.content_hash, f"{model},{row['id']}", row["number"], posted=False)

    def _read(self, model: str, clause: list[Any]) -> Iterator[NativeDocument]:
        fields = _MOVE_FIELDS if model == MOVE else _INVOICE_FIELDS
        for row in self.client.search(model, [["company", "=", self.company], clause], fields):
            if document := self._document(model, row):
                yield document

    def _document(self, model: str, row: Row) -> NativeDocument | None:
        ours = read_mark(row["description"])
        if ours is None:
            return None
        move = row if model == MOVE else row["move"]
        posted = row["state"] not in _NOT_POSTED
        texts = {} if model == MOVE else texts_of_lines(row)
        return NativeDocument(
            posting_id=ours.posting_id,
            content_hash=ours.content_hash,
            native_id=f"{model},{row['id']}",
            native_number=row["number"],
            posted=posted,
            legal_number=ours.legal_number if model == MOVE else row["number"],
            booking=self.booking(move, texts) if posted and move else None,
        )

    def booking(self, move: Row, texts: dict[str, str | None]) -> Booking:
        """What a move books. The texts are those of an invoice's own lines, which bear the dimensions of what it booked."""
        currencies = [line["second_currency"]["code"] for line in move["lines"] if line["second_currency"]]
        currency = currencies[0] if currencies else self.functional_currency
        rate = _rate(move["lines"]) if currencies else None
        lines = [self._line(line, texts, currency, rate) for line in move["lines"]]
        booked_on, first, last = to_date(move["date"]), to_date(move["period"]["start_date"]), to_date(move["period"]["end_date"])
        # A date outside its period counts in the period: that is where the balances are. A period of adjustments is its last day.
        accounting_on = booked_on if first <= booked_on <= last and move["period"]["type"] == "standard" else last
        return Booking(self.legal_entity, accounting_on, currency, self.functional_currency, tuple(lines))

    def _line(self, line: Row, texts: dict[str, str | None], currency: str, rate: Decimal | None) -> BookingLine:
        functional = to_amount(line["debit"]) - to_amount(line["credit"])
        account, party = line["account"]["code"], line["party"]
        tax_parts = {part["type"]: part for part in line["tax_lines"] or ()}
        tax = tax_parts.get("tax")
        # What the mapping does not know keeps its own name, marked, so that the difference shows where the money went.
        return BookingLine(
            account=self.mapping.canonical_account(account, legal_entity=self.legal_entity) or f"{account} of the ERP",
            amount=to_amount(line["amount_second_currency"]) if rate is not None else functional,
            functional_amount=functional,
            dimensions=self._dimensions(texts.get(line["origin"] or "") or line["description"]),
            party=party["code"] if party else None,
            tax_code=self._tax_code(tax["tax"]["name"]) if tax else None,
            tax_base=_base(tax_parts, functional, currency, rate) if tax and "base" in tax_parts else None,
        )

    def _dimensions(self, text: str | None) -> Dimensions:
        canonical = {native: name for name, native in self.mapping.dimensions.items()}
        return tuple(sorted((canonical.get(name, name), value) for name, value in read_dimensions(text)))

    def _tax_code(self, native: str) -> str:
        return self.mapping.canonical_tax_code(native, legal_entity=self.legal_entity) or f"{native} of the ERP"


def _rate(lines: Sequence[Row]) -> Decimal:
    """Functional for one of the move's currency, by its largest line: the rounding shows least there."""
    largest = max(lines, key=lambda line: abs(to_amount(line["amount_second_currency"])))
    amount = to_amount(largest["amount_second_currency"])
    return (to_amount(largest["debit"]) - to_amount(largest["credit"])) / amount if amount else Decimal(1)


def _base(parts: dict[str, Row], functional: Decimal, currency: str, rate: Decimal | None) -> Decimal:
    """The tax base in the move's currency, signed like the line: Tryton keeps it in functional currency, above zero on both sides."""
    base, tax = to_amount(parts["base"]["amount"]), to_amount(parts["tax"]["amount"])
    signed = base if (functional > 0) == (tax > 0) else -base
    return signed if not rate else round_money(signed / rate, currency)


def texts_of_lines(invoice: Row) -> dict[str, str | None]:
    """The texts of an invoice's lines, by the name that its move's lines give as their origin."""
    return {f"account.invoice.line,{line['id']}": line["description"] for line in invoice["lines"] or ()}
