"""The canonical documents and the event types that carry them, for example `hybrid-erp.invoice.v1`."""

from __future__ import annotations

from typing import Final

from hybrid_erp.model.documents.base import (
    FIRM,
    NO_DIMENSIONS,
    CanonicalDocument,
    Dependency,
    Dimensions,
    DocumentType,
    FreeDimension,
    Intercompany,
    ReferenceDocument,
    TaxLine,
)
from hybrid_erp.model.documents.billing import Application, CreditMemo, Invoice, InvoiceLine, Payment
from hybrid_erp.model.documents.ledger import (
    JournalEntry,
    JournalLine,
    JournalType,
    OpeningBalance,
    OpeningLine,
    OpenItem,
    PlannedRecognition,
    RevenueSchedule,
)
from hybrid_erp.model.documents.project import Expense, Milestone, Project, ProjectTask, ResourceAssignment, TimeEntry
from hybrid_erp.model.documents.reference import BillingMethod, Contract, ContractLine, Customer, Rate, RateCard, Worker

_DOCUMENTS: Final[tuple[type[CanonicalDocument], ...]] = (
    Customer,
    Worker,
    RateCard,
    Contract,
    Project,
    ProjectTask,
    ResourceAssignment,
    TimeEntry,
    Expense,
    Milestone,
    Invoice,
    CreditMemo,
    Payment,
    JournalEntry,
    RevenueSchedule,
    OpeningBalance,
    OpenItem,
)


def event_type(document: type[CanonicalDocument]) -> str:
    """The CloudEvents type that carries this document in its schema version."""
    return f"hybrid-erp.{document.document_type}.v{document.schema_version}"


DOCUMENTS_BY_TYPE: Final[dict[str, type[CanonicalDocument]]] = {event_type(document): document for document in _DOCUMENTS}
"""Every event type that is served."""

__all__ = [
    "DOCUMENTS_BY_TYPE",
    "FIRM",
    "NO_DIMENSIONS",
    "Application",
    "BillingMethod",
    "CanonicalDocument",
    "Contract",
    "ContractLine",
    "CreditMemo",
    "Customer",
    "Dependency",
    "Dimensions",
    "DocumentType",
    "Expense",
    "FreeDimension",
    "Intercompany",
    "Invoice",
    "InvoiceLine",
    "JournalEntry",
    "JournalLine",
    "JournalType",
    "Milestone",
    "OpenItem",
    "OpeningBalance",
    "OpeningLine",
    "Payment",
    "PlannedRecognition",
    "Project",
    "ProjectTask",
    "Rate",
    "RateCard",
    "ReferenceDocument",
    "ResourceAssignment",
    "RevenueSchedule",
    "TaxLine",
    "TimeEntry",
    "Worker",
    "event_type",
]
