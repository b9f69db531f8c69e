"""Entries as a reader tells them, with valid defaults, and a firm's books of any size from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.books import Entry, Origin
from hybrid_erp.model.documents import DocumentType

DAY = date(2026, 3, 5)
READ_AT = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)


def a_line(account: str, amount: str, **changes: Any) -> BookingLine:
    """One line in the functional currency."""
    return replace(BookingLine(account, Decimal(amount), Decimal(amount)), **changes)


def a_booking(*lines: BookingLine, **changes: Any) -> Booking:
    """100.00 EUR of revenue for a customer."""
    given = lines or (a_line("1200", "100.00", party="C-1"), a_line("4000", "-100.00", dimensions=(("project", "P-1"),)))
    return replace(Booking("DE01", DAY, "EUR", "EUR", given), **changes)


def an_entry(native_id: str = "ar,1", *, posting_id: UUID | None = None, booking: Booking | None = None, **changes: Any) -> Entry:
    """A posted document; with our key it came by the facade."""
    origin = Origin.FACADE if posting_id else Origin.NATIVE
    entry = Entry(native_id, f"no. {native_id}", origin, True, booking or a_booking(), posting_id=posting_id, changed_at=READ_AT)
    return replace(entry, **changes)


def with_lines(entry: Entry, *lines: BookingLine) -> Entry:
    """The same document with other lines."""
    return replace(entry, booking=replace(entry.booking, lines=lines))


def with_line(entry: Entry, index: int, **changes: Any) -> Entry:
    """The same document with another line in one place."""
    lines = list(entry.booking.lines)
    lines[index] = replace(lines[index], **changes)
    return with_lines(entry, *lines)


def booked(entry: Entry, **changes: Any) -> Entry:
    """The same document with another header of its booking."""
    return replace(entry, booking=replace(entry.booking, **changes))


@dataclass(frozen=True, slots=True)
class Books:
    """A firm's documents, four lines each: invoices in two currencies, payments and journal entries of one year."""

    seed: int
    documents: int
    erp: str

    def entries(self) -> Iterator[Entry]:
        """Every document as this ERP tells it: the same content under the same keys in both, with native ids of its own."""
        chance = random.Random(self.seed)
        for number in range(self.documents):
            yield self._entry(chance, number)

    def _entry(self, chance: random.Random, number: int) -> Entry:
        posting_id = UUID(int=chance.getrandbits(128))
        day = date(2026, 1, 1) + timedelta(days=chance.randrange(360))
        net = Decimal(chance.randrange(1_000, 5_000_000)) / 100
        project = f"P-{chance.randrange(200)}"
        kind = chance.choice((DocumentType.INVOICE, DocumentType.INVOICE, DocumentType.PAYMENT, DocumentType.JOURNAL_ENTRY))
        lines, currency = _lines(chance, kind, net, project)
        invoice = kind is DocumentType.INVOICE
        return Entry(
            native_id=f"{self.erp},{number}",
            number=f"{self.erp}-{number}",
            origin=Origin.FACADE,
            posted=True,
            booking=Booking("DE01", day, currency, "EUR", lines),
            document_type=kind,
            posting_id=posting_id,
            legal_number=f"2026/{number:06}" if invoice else None,
            party=lines[0].party,
            issued_on=day if invoice else None,
            due_on=day + timedelta(days=30) if invoice else None,
            changed_at=READ_AT,
        )


def _lines(chance: random.Random, kind: DocumentType, net: Decimal, project: str) -> tuple[tuple[BookingLine, ...], str]:
    party, dimensions = f"C-{chance.randrange(300)}", (("cost_centre", f"CC-{chance.randrange(20)}"), ("project", project))
    foreign = chance.random() < 0.3
    rate = Decimal("0.9") if foreign else Decimal(1)

    def line(account: str, amount: Decimal, **more: Any) -> BookingLine:
        return BookingLine(account, amount, (amount * rate).quantize(Decimal("0.0001")), **more)

    half = (net / 2).quantize(Decimal("0.01"))
    if kind is DocumentType.INVOICE:
        tax = (net * Decimal("0.19")).quantize(Decimal("0.01"))
        lines = (
            line("1200", net + tax, party=party),
            line("4000", -half, dimensions=dimensions),
            line("4010", half - net, dimensions=dimensions),
            line("1770", -tax, tax_code="DE19", tax_base=-net),
        )
    elif kind is DocumentType.PAYMENT:
        lines = (line("1200", -net, party=party), line("1000", net - 3), line("6800", Decimal(2)), line("6810", Decimal(1)))
    else:
        lines = (
            line("5000", half, dimensions=dimensions),
            line("5100", net - half, dimensions=dimensions),
            line("2000", -half),
            line("2100", half - net),
        )
    return lines, "USD" if foreign else "EUR"
