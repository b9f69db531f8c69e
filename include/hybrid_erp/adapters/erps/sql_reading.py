"""What a SQL pack's statements answer, told in canonical terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from hybrid_erp.adapters.erps.sql_pack import SqlPack
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.delivery import NativeDocument
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.money import ZERO


def native_documents(rows: Iterable[dict[str, Any]], *, legal_entity: str, pack: SqlPack, mapping: Mapping) -> Iterator[NativeDocument]:
    """The documents that bear a key of ours; what people made in the ERP is none of them."""
    for row in rows:
        if (posting_id := posting_id_of(row["key"])) is not None:
            yield NativeDocument(
                posting_id=posting_id,
                content_hash=row.get("content_hash") or "",
                native_id=row["native_id"],
                native_number=row.get("native_number"),
                posted=row["posted"],
                legal_number=row.get("legal_number"),
                booking=booking_of(row, legal_entity, pack, mapping) if "lines" in row else None,
            )


def posting_id_of(key: str | None) -> UUID | None:
    """A key of ours; None for a word that people have entered."""
    try:
        return UUID(key or "")
    except ValueError:
        return None


def booking_of(row: dict[str, Any], legal_entity: str, pack: SqlPack, mapping: Mapping) -> Booking:
    """What a document books, in canonical accounts and sign."""
    return Booking(
        legal_entity=legal_entity,
        accounting_on=date.fromisoformat(row["accounting_on"]),
        currency=row["currency"],
        functional_currency=row["functional_currency"],
        lines=tuple(_line(line, legal_entity, pack, mapping) for line in row["lines"]),
    )


def _line(line: dict[str, Any], legal_entity: str, pack: SqlPack, mapping: Mapping) -> BookingLine:
    account, tax_code = line["account"], line.get("tax_code")
    names = mapping.canonical_dimensions
    dimensions = ((names[name], value) for name, value in line["dimensions"].items() if name in names)
    # What the mapping does not know keeps its own name, marked, so that the difference shows where the money went.
    return BookingLine(
        account=mapping.canonical_account(account, legal_entity=legal_entity) or f"{account} of the ERP",
        amount=_amount(line["amount"], pack),
        functional_amount=_amount(line["functional_amount"], pack),
        dimensions=tuple(sorted(dimensions)),
        party=line.get("party"),
        tax_code=(mapping.canonical_tax_code(tax_code, legal_entity=legal_entity) or f"{tax_code} of the ERP") if tax_code else None,
        tax_base=_amount(line["tax_base"], pack) if tax_code and line.get("tax_base") is not None else None,
        description=line.get("description") or "",
    )


def _amount(written: str, pack: SqlPack) -> Decimal:
    """Debit positive; nothing is nothing, not a negative zero."""
    return pack.sign * Decimal(written) + ZERO
