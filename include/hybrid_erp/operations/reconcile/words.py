"""A document as a controller reads it: number, date, amount, and how far it is."""

from __future__ import annotations

from hybrid_erp.model.comparison import ObservedDocument
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.posting_facts import DeliveryFacts


def in_words(documents: tuple[ObservedDocument, ...], at: DeliveryFacts | None) -> str:
    """What one ERP holds of a posting, or why it holds nothing."""
    if documents:
        return "; ".join(map(_document, documents))
    return f"nothing ({at.state.value.replace('_', ' ')})" if at else "nothing"


def _document(document: ObservedDocument) -> str:
    amount = sum((line.amount for line in document.lines if line.amount > 0), ZERO)
    lines = ", ".join(f"{line.account} {line.amount:+,}" for line in document.lines[:6])
    more = f" and {len(document.lines) - 6} more" if len(document.lines) > 6 else ""
    state = "" if document.posted else " draft"
    gone = f", gone since {document.deleted_at:%Y-%m-%d %H:%M}" if document.deleted_at else ""
    name = document.legal_number or document.number
    return f"{name}{state} of {document.accounting_on}, {amount:,} {document.currency}: {lines}{more}{gone}"
