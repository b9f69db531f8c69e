"""Two ERPs side by side, as the comparator sees them: cells, documents, and on what they differ. Why is said by classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from hybrid_erp.model.books import Origin
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Place


class Aspect(StrEnum):
    """On what two ERPs differ about one document."""

    MISSING_IN_LEGACY = "missing in the legacy ERP"
    MISSING_IN_CLOUD = "missing in the cloud ERP"
    DELETED_IN_LEGACY = "deleted in the legacy ERP"
    DELETED_IN_CLOUD = "deleted in the cloud ERP"
    DUPLICATE = "several documents under one key"
    POSTED = "posted"
    ACCOUNTING_DATE = "accounting date"
    PERIOD = "period"
    CURRENCY = "currency"
    FUNCTIONAL_CURRENCY = "functional currency"
    SIGN = "sign"
    AMOUNT = "amount"
    FUNCTIONAL_AMOUNT = "functional amount"
    ACCOUNT = "account"
    PROJECT = "project"
    DIMENSION = "dimension"
    LINE_PARTY = "party of a line"
    PARTY = "party"
    TAX_CODE = "tax code"
    TAX_BASE = "tax base"
    COMBINATION = "dimensions, party and tax code in another combination"
    LEGAL_NUMBER = "legal number"
    ISSUE_DATE = "issue date"
    DUE_DATE = "due date"


@dataclass(frozen=True, slots=True)
class ObservedLine:
    """What a document books under one account, dimensions, party and tax code, in sum. Debit positive."""

    account: str
    dimensions: tuple[tuple[str, str], ...]
    party: str | None
    tax_code: str | None
    amount: Decimal
    """In the document's currency."""
    functional_amount: Decimal
    tax_base: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ObservedDocument:
    """One document of one ERP, as it was posted there or last read there."""

    native_id: str
    posting_id: UUID | None
    origin: Origin
    document_type: DocumentType | None
    number: str
    legal_number: str | None
    party: str | None
    from_native_id: str | None
    period_run: str | None
    posted: bool
    accounting_on: date
    period: str
    currency: str
    functional_currency: str
    issued_on: date | None
    due_on: date | None
    line_count: int
    """How many lines the ERP told, before they were summed."""
    read: bool
    """False: known from our own receipt; the ERP was not asked since."""
    first_seen_at: datetime
    changed_at: datetime | None
    """By the ERP's own clock."""
    deleted_at: datetime | None
    """When it was noticed to be gone."""
    changes: int
    """How often it was found to be another than before."""
    books_changed: bool
    """Whether one of the changes was to what it books."""
    lines: tuple[ObservedLine, ...]


@dataclass(frozen=True, slots=True)
class DocumentPair:
    """What both ERPs hold under one key; what was deleted is in it too."""

    legal_entity: str
    match_key: UUID
    legacy: tuple[ObservedDocument, ...]
    cloud: tuple[ObservedDocument, ...]


@dataclass(frozen=True, slots=True)
class LineDifference:
    """One account, dimensions, party and tax code on which the sums differ; None: that ERP books nothing there."""

    legacy: ObservedLine | None
    cloud: ObservedLine | None

    @property
    def functional_amount(self) -> Decimal:
        """By how much it differs in functional currency: cloud less legacy."""
        return (self.cloud.functional_amount if self.cloud else ZERO) - (self.legacy.functional_amount if self.legacy else ZERO)


@dataclass(frozen=True, slots=True)
class DocumentDifference:
    """One document on which two ERPs differ, with every aspect of it."""

    pair: DocumentPair
    aspects: frozenset[Aspect]
    amounts: tuple[tuple[Place, Decimal], ...]
    """By how much each cell of the trial balance differs because of it: cloud less legacy. Over all documents, that is the difference."""
    lines: tuple[LineDifference, ...] = ()

    @property
    def posting_id(self) -> UUID | None:
        """The posting that it is, if any side bears our key."""
        return next((each.posting_id for each in (*self.pair.legacy, *self.pair.cloud) if each.posting_id), None)


@dataclass(frozen=True, slots=True)
class UnequalCell:
    """A cell of the trial balance, by the documents' currency, on which two mirrors differ. Debit positive."""

    legal_entity: str
    period: str
    account: str
    currency: str
    legacy: Decimal
    cloud: Decimal
    functional_legacy: Decimal
    functional_cloud: Decimal


@dataclass(frozen=True, slots=True)
class ObservedMovement:
    """What a period moved on a canonical account in documents of one currency. Debit positive."""

    period: str
    account: str
    currency: str
    amount: Decimal
    functional_amount: Decimal


@dataclass(frozen=True, slots=True)
class ObservedTotal:
    """Count and sum of the posted documents of one type in one ERP."""

    erp: str
    legal_entity: str
    document_type: DocumentType | None
    period: str
    currency: str
    documents: int
    amount: Decimal
    """The debit side, in the documents' currency."""
    functional_amount: Decimal


@dataclass(frozen=True, slots=True)
class PartyBalance:
    """What one party's documents sum up to on a control account, where two ERPs differ. Functional currency, debit positive."""

    legal_entity: str
    account: str
    party: str
    legacy: Decimal
    cloud: Decimal


@dataclass(frozen=True, slots=True)
class ProjectSums:
    """What the documents of one ERP come to on one project since the load, in functional currency."""

    erp: str
    project: str
    billed: Decimal
    """By invoices less credit memos, without tax."""
    cost: Decimal
    """On expense accounts."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of observing a batch."""

    new: int = 0
    unchanged: int = 0
    confirmed: int = 0
    """Known from our own receipt, read for the first time, and books the same."""
    changed: int = 0
    returned: int = 0
    """Had been deleted and is there again."""
    deleted: int = 0

    def __add__(self, other: Observed) -> Observed:
        """Both together."""
        return Observed(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Position:
    """How far a comparison has come: give it back to go on after it."""

    legal_entity: str
    match_key: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the documents that two ERPs differ on, and where to go on."""

    pairs: Sequence[DocumentPair]
    next: Position | None
    """None: that was the last."""
