"""Observed documents, with a handle for what a test is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from hybrid_erp.model.books import Origin
from hybrid_erp.model.comparison import DocumentDifference, DocumentPair, ObservedDocument, ObservedLine
from hybrid_erp.model.delivery import FailureClass, PostingState
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.posting_facts import DeliveryFacts, PostingFacts
from hybrid_erp.operations.compare import difference_of

LEGACY, CLOUD = "ledgersmb-emea", "tryton-emea"
NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


def a_line(account: str, amount: str, functional: str | None = None, **changes: Any) -> ObservedLine:
    values: dict[str, Any] = {"dimensions": (), "party": None, "tax_code": None, "tax_base": None} | changes
    return ObservedLine(account=account, amount=Decimal(amount), functional_amount=Decimal(functional or amount), **values)


def a_document(*lines: ObservedLine, **changes: Any) -> ObservedDocument:
    values: dict[str, Any] = {
        "native_id": "gl,1",
        "posting_id": None,
        "origin": Origin.FACADE,
        "document_type": DocumentType.JOURNAL_ENTRY,
        "number": "JE-1",
        "legal_number": None,
        "party": None,
        "from_native_id": None,
        "period_run": None,
        "posted": True,
        "accounting_on": date(2026, 3, 5),
        "currency": "EUR",
        "functional_currency": "EUR",
        "issued_on": None,
        "due_on": None,
        "read": True,
        "first_seen_at": NOW,
        "changed_at": None,
        "deleted_at": None,
        "changes": 0,
        "books_changed": False,
    }
    values["lines"] = lines or (a_line("5200", "100.10"), a_line("1000", "-100.10"))
    values |= changes
    values.setdefault("period", f"{values['accounting_on']:%Y-%m}")
    values.setdefault("line_count", len(values["lines"]))
    return ObservedDocument(**values)


def differing(
    legacy: Iterable[ObservedDocument] = (), cloud: Iterable[ObservedDocument] = (), *, key: UUID | None = None
) -> DocumentDifference:
    """What the comparator says of a pair that differs."""
    found = difference_of(DocumentPair("DE01", key or uuid4(), tuple(legacy), tuple(cloud)))
    assert found is not None, "they do not differ"
    return found


def posted(native_id: str = "N-1", **changes: Any) -> DeliveryFacts:
    return DeliveryFacts(PostingState.POSTED, 1, native_id=native_id, settled_at=NOW, **changes)


def not_posted(state: PostingState, attempt: int = 0, failure: FailureClass | None = None, reason: str = "") -> DeliveryFacts:
    return DeliveryFacts(state, attempt, failure, reason=reason)


def known(key: UUID, *, legacy: DeliveryFacts | None = None, cloud: DeliveryFacts | None = None, **changes: Any) -> PostingFacts:
    at = {erp: facts for erp, facts in ((LEGACY, legacy), (CLOUD, cloud)) if facts is not None}
    return PostingFacts(key, changes.pop("source", "billing"), "JE-1", "journal_entry", at, **changes)
