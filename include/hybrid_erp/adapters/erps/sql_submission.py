"""A submission in the ERP's own words: one JSON value that a SQL pack's statement takes."""

from __future__ import annotations

import json
from typing import Any, Final

from hybrid_erp.adapters.erps.sql_pack import SqlPack
from hybrid_erp.adapters.erps.sql_settlements import NativeLine, settlements
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.delivery import Role, Submission
from hybrid_erp.model.documents import DocumentType, Payment
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.ownership import PostingKind

# The fence of a (kind, role) in the company's own database. Every running worker relies on the numbers: never reuse one.
_KIND_NUMBER: Final = {PostingKind.REFERENCE: 10, PostingKind.PROJECT: 20, PostingKind.BILLING: 30, PostingKind.LEDGER: 40}
_ROLE_NUMBER: Final = {Role.CONTROL: 1, Role.CANDIDATE: 2, Role.RUN_OFF: 3}
# Amounts, dates and keys as text: a JSON number would not keep every digit. In ASCII, whatever the session's encoding is.
_JSON: Final = json.JSONEncoder(default=str)


def fence(kind: PostingKind, role: Role) -> int:
    """The second key of the advisory lock that a lock-out takes exclusively (PROTOCOL S6, L3)."""
    return _KIND_NUMBER[kind] + _ROLE_NUMBER[role]


def native_submission(submission: Submission, pack: SqlPack, mapping: Mapping) -> str:
    """The whole submission as JSON.

    Raises:
        UnmappedError: An account, a tax code or a payment term has no counterpart in the ERP.
        UnbalancedEntryError: The posting rules book a payment in lines that cannot be shared out among its invoices.
    """
    document, booking = submission.document, submission.booking
    lines = native_lines(booking, document.document_type, pack, mapping) if booking else []
    numbered = document.document_type in pack.numbered
    stated = document.model_dump(mode="json")
    term = stated.get("payment_term")
    content: dict[str, Any] = {
        "key": submission.key,
        "content_hash": submission.content_hash,
        "document_type": document.document_type,
        "number": document.number,
        "version": document.version,
        "role": submission.role,
        "fence": fence(document.kind, submission.role),
        "legal_number": submission.legal_number or stated.get("legal_number"),
        "draws_number": numbered and submission.role is not Role.CANDIDATE,  # a copy never takes a number of the statutory series
        "accounting_on": booking.accounting_on if booking else document.accounting_on,
        "currency": booking.currency if booking else None,
        "functional_currency": booking.functional_currency if booking else None,
        "exchange_rate": (document.monetary or (None, None))[1],
        "party": stated.get("customer"),
        "payment_term": mapping.native_payment_term(term, legal_entity=document.legal_entities[0]) if term else None,
        "lines": lines,
        "settlements": settlements(document, lines, booking) if isinstance(document, Payment) and booking else [],
        "document": stated,
    }
    return _JSON.encode(content)


def native_lines(booking: Booking, document_type: DocumentType, pack: SqlPack, mapping: Mapping) -> list[NativeLine]:
    """The booking in the ERP's accounts, tax codes, dimensions and sign.

    Raises:
        UnmappedError: One of them has no counterpart.
    """
    return [_native_line(line, booking, document_type, pack, mapping) for line in booking.lines]


def _native_line(line: BookingLine, booking: Booking, document_type: DocumentType, pack: SqlPack, mapping: Mapping) -> NativeLine:
    legal_entity = booking.legal_entity
    account = mapping.native_account(
        line.account, legal_entity=legal_entity, document_type=document_type, dimensions=line.dimensions, on=booking.accounting_on
    )
    kept = {mapping.dimensions[name]: value for name, value in line.dimensions if name in pack.dimensions and name in mapping.dimensions}
    return NativeLine(
        account=account,
        amount=pack.sign * line.amount,
        functional_amount=pack.sign * line.functional_amount,
        dimensions=kept,
        party=line.party,
        tax_code=mapping.native_tax_code(line.tax_code, legal_entity=legal_entity) if line.tax_code else None,
        tax_base=None if line.tax_base is None else pack.sign * line.tax_base,
        description=line.description,
    )
