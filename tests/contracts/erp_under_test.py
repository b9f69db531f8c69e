"""What the contract suite asks of an ERP beside its connector: faults on the line, alterations, the wrong company, counts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from typing import Any, Protocol
from uuid import uuid4

from hybrid_erp.model.claim import boot_clock
from hybrid_erp.model.delivery import Role, Submission
from hybrid_erp.model.documents import CanonicalDocument, DocumentType
from hybrid_erp.ports import ErpConnector
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import FaultProxy


class ErpUnderTest(Protocol):
    """One company of one ERP, and a second company beside it."""

    @property
    def legal_entity(self) -> str:
        """The company's code."""

    def connector(self, proxy: FaultProxy | None = None) -> ErpConnector:
        """A new connector, through the proxy if one is given."""

    def proxy(self) -> AbstractContextManager[FaultProxy]:
        """A proxy before the ERP's server."""

    def connector_to_the_wrong_company(self) -> ErpConnector:
        """A connector of the company whose connection leads to another company."""

    def documents(self) -> int:
        """How many documents, posted and drafts, the ERP holds in both companies, counted without the connector."""

    def alter(self, document_type: DocumentType, native_id: str, aspect: str) -> None:
        """Change what the ERP has booked, behind the connector: `date`, `account` or `amount`."""

    def open_amount(self, legal_number: str) -> str:
        """What is open on an invoice or credit memo by the ERP's own reckoning, with two decimal places; negative for a credit."""


def a_submission(settings: Settings, document: CanonicalDocument, **changes: Any) -> Submission:
    """A submission of a claim that has a minute left."""
    legal_entity = document.legal_entities[0]
    functional = settings.legal_entity(legal_entity).functional_currency
    booking = None
    if settings.posting_rules.books(document.document_type):
        booking = settings.posting_rules.book(
            document, functional_currency=functional, accounting_on=document.accounting_on or date(2026, 3, 5)
        )
    submission = Submission(
        posting_id=uuid4(),
        content_hash="5a" * 32,
        document=document,
        booking=booking,
        role=Role.CONTROL,
        claim_token=uuid4(),
        deadline=boot_clock() + 60,
    )
    return replace(submission, **changes)
