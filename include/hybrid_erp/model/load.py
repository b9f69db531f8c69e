"""The load of one legal entity into its cloud ERP: what is brought, what cannot be, of which state of the books (ACCOUNTING C17 to C19)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from hybrid_erp.model.books import AccountMovement, Reading
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.posting import Posting


class LoadState(StrEnum):
    """How far a load is. A legal entity has one load at a time that is not abandoned."""

    READ = "read"
    """The snapshot and its work list are stored, once; nothing or not all of it has been sent."""
    SENT = "sent"
    """All of the work list waits for the cloud ERP, or is there."""
    VERIFIED = "verified"
    """The cloud ERP itself has shown that it holds what was loaded; the dual run may start."""
    ABANDONED = "abandoned"
    """Given up before an opening figure reached the cloud ERP."""


class GapClass(StrEnum):
    """Why something of the legacy ERP is not loaded."""

    UNMAPPED_ACCOUNT = "unmapped_account"
    CONTROL_ACCOUNT = "control_account"
    OUT_OF_BALANCE = "out_of_balance"
    NOT_LEVEL_BEFORE = "not_level_before"
    PERIOD_CLOSED = "period_closed"
    CUSTOMER_UNKNOWN = "customer_unknown"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    CURRENCY_RESIDUAL = "currency_residual"
    DRAFT = "draft"
    NOT_KEPT = "not_kept"
    NO_DOCUMENT = "no_document"

    @property
    def remedy(self) -> str:
        """What a person does about it."""
        return _REMEDIES[self]


_REMEDIES = {
    GapClass.UNMAPPED_ACCOUNT: "Add the account to config/mappings/ of the ERP that is named.",
    GapClass.CONTROL_ACCOUNT: "Make the subledger and its control account agree in the legacy ERP; only then can it be brought.",
    GapClass.OUT_OF_BALANCE: "Find and correct the entry that does not balance in the legacy ERP.",
    GapClass.NOT_LEVEL_BEFORE: "Reverse in the cloud ERP what was posted there before the load, or begin with a fresh company.",
    GapClass.PERIOD_CLOSED: "Open the accounting period in the cloud ERP, or load on a day of an open one.",
    GapClass.CUSTOMER_UNKNOWN: "Give the customer a number in the legacy ERP.",
    GapClass.INCOMPLETE: "Complete the record in the legacy ERP.",
    GapClass.REFUSED: "Correct the record in the legacy ERP, or the configuration that refuses it.",
    GapClass.CURRENCY_RESIDUAL: "It is brought as it stands, in functional currency; have the realised currency difference booked.",
    GapClass.DRAFT: "Finish or withdraw the draft in the legacy ERP; finished after the load, it comes by dual posting or capture.",
    GapClass.NOT_KEPT: "Nothing: neither ERP holds documents of this type; they stay with their source.",
    GapClass.NO_DOCUMENT: "Nothing in the ERPs: the source that owns the entries keeps them.",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not loaded. One that blocks is mended first: nothing is sent while there is one."""

    gap_class: GapClass
    subject: str
    """What it is about: `account 5700`, `customer entity_credit_account,7`."""
    reason: str
    blocks: bool
    amount: Decimal | None = None
    """In functional currency, debit positive, where money stands on it."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.gap_class}: {self.subject}: {self.reason} {self.gap_class.remedy}"


@dataclass(frozen=True, slots=True)
class LoadItem:
    """One document on its way to the cloud ERP: a posting that the store has already, or one that the load makes."""

    document_type: DocumentType
    number: str
    posting_id: UUID
    posting: Posting | None = field(default=None, repr=False)
    """Made by the load; None: the store's own posting is delivered to the cloud ERP too."""
    currency: str | None = None
    amount: Decimal = ZERO
    """In the document's currency, debit positive; hours of a time entry."""
    functional_amount: Decimal = ZERO
    party: str | None = None
    """Of an open item: its customer."""
    due_on: date | None = None
    legacy_id: str | None = None
    """Of an open item: what it is called in the legacy ERP."""

    @property
    def is_figure(self) -> bool:
        """Whether it books an opening figure."""
        return self.document_type in OPENING_FIGURES


OPENING_FIGURES = frozenset({DocumentType.OPEN_ITEM, DocumentType.OPENING_BALANCE})


@dataclass(frozen=True, slots=True)
class LoadTotal:
    """Count and sums of one type in one currency."""

    document_type: DocumentType
    currency: str
    """Empty for what states no money."""
    count: int
    amount: Decimal
    functional_amount: Decimal

    def __str__(self) -> str:
        """For people."""
        money = f", {self.amount:,.2f} {self.currency}" if self.currency else ""
        return f"{self.count:,} {words(self.document_type, self.count)}{money}"


def totals_of(items: Iterable[LoadItem]) -> tuple[LoadTotal, ...]:
    """Count and sums by type and currency, in order of the types."""
    sums: dict[tuple[DocumentType, str], tuple[int, Decimal, Decimal]] = {}
    for item in items:
        key = (item.document_type, item.currency or "")
        count, amount, functional = sums.get(key, (0, ZERO, ZERO))
        sums[key] = (count + 1, amount + item.amount, functional + item.functional_amount)
    in_order = list(DocumentType)
    keys = sorted(sums, key=lambda key: (in_order.index(key[0]), key[1]))
    return tuple(LoadTotal(key[0], key[1], *sums[key]) for key in keys)


def words(document_type: DocumentType, count: int = 2) -> str:
    """The type for people, in the plural unless there is one."""
    singular = document_type.replace("_", " ")
    if count == 1:
        return singular
    return f"{singular[:-1]}ies" if singular.endswith("y") else f"{singular}s"


@dataclass(frozen=True, slots=True)
class NativeDocumentSeen:
    """A document that the snapshot showed: it is in the opening figures, and comes by nothing else."""

    native_id: str
    posting_id: UUID | None
    posted: bool


Named = tuple[DocumentType, str]
"""A document's type and number, in one legal entity."""


@dataclass(frozen=True, slots=True)
class KnownToStore:
    """What the store knows of a legal entity's documents."""

    at_cloud: frozenset[Named] = frozenset()
    """What the cloud ERP holds, delivered or adopted."""
    postings: Mapping[Named, UUID] = field(default_factory=dict)
    """The latest state of each reference document, and of each project and task that the legacy ERP holds."""
    time: frozenset[UUID] = frozenset()
    """Time entries that were posted in the legacy ERP."""
    numbers: Mapping[UUID, str] = field(default_factory=dict)
    """What each document is called that the legacy ERP has booked for the facade."""
    counts: Mapping[DocumentType, int] = field(default_factory=dict)
    """How many documents of each type the store knows."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Everything that the load of one legal entity would bring, of one state of the legacy ERP."""

    region: str
    legal_entity: str
    legacy: str
    cloud: str
    ordinal: int
    """1 for the first load of the legal entity, 2 after one was abandoned."""
    accounting_on: date
    functional_currency: str
    reading: Reading
    """Of the legacy ERP."""
    cloud_reading: Reading
    settle_position: int
    """Every posting that the legacy ERP settled up to here is in the snapshot."""
    baseline: tuple[AccountMovement, ...]
    """The legacy ERP's trial balance at the snapshot."""
    cloud_before: tuple[AccountMovement, ...]
    """The cloud ERP's, before anything was sent."""
    seen: tuple[NativeDocumentSeen, ...] = field(repr=False)
    items: tuple[LoadItem, ...] = field(repr=False)
    loaded: Mapping[str, Decimal] = field(default_factory=dict)
    """What the opening figures book on each canonical account, in functional currency, debit positive."""
    gaps: tuple[Gap, ...] = ()

    @property
    def totals(self) -> tuple[LoadTotal, ...]:
        """What would be brought."""
        return totals_of(self.items)

    @property
    def blocking(self) -> tuple[Gap, ...]:
        """What must be mended first."""
        return tuple(gap for gap in self.gaps if gap.blocks)


@dataclass(frozen=True, slots=True)
class StoredLoad:
    """A load as the store keeps it."""

    load_id: UUID
    region: str
    legal_entity: str
    legacy: str
    cloud: str
    ordinal: int
    accounting_on: date
    functional_currency: str
    state: LoadState


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the documents of one type are."""

    document_type: DocumentType
    waiting: int
    """Not yet sent, or on the way."""
    posted: int
    dead: int
    not_kept: int = 0

    @property
    def total(self) -> int:
        """All of the type."""
        return self.waiting + self.posted + self.dead + self.not_kept

    def told(self, erp: str) -> str:
        """For people: `312 of 1,204 open items at tryton-emea`."""
        dead = f", {self.dead:,} refused" if self.dead else ""
        return f"{self.posted + self.not_kept:,} of {self.total:,} {words(self.document_type)} at {erp}{dead}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a load must prove, by the cloud ERP's own word."""

    name: str
    expected: str
    found: str
    source: str = ""
    """What was asked."""

    @property
    def passed(self) -> bool:
        """Whether the ERP said what it should."""
        return self.expected == self.found

    def __str__(self) -> str:
        """For people."""
        said = "agrees" if self.passed else f"expected {self.expected}"
        return f"{self.name}: {self.found} ({said})"


@dataclass(frozen=True, slots=True)
class LoadVerdict:
    """What the cloud ERP showed after the load."""

    legal_entity: str
    checks: Sequence[Check]

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not."""
        return tuple(check for check in self.checks if not check.passed)
