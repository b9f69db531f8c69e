"""What a preflight asks about a region, and what the store, the ERPs and the machine answer: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from hybrid_erp.model.cutover import Direction, Mode
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.ownership import Phase, PostingKind

WHOLE = 10_000
"""A share of 100 %, in parts of 10,000."""


@dataclass(frozen=True, slots=True)
class KindState:
    """Who owns one kind of a region in the period that is asked about, and how far its dual run is."""

    kind: PostingKind
    phase: Phase
    owner: str | None
    candidate: str | None
    open_share: int
    """How much of it is copied, in parts of 10,000."""
    cutover_id: UUID | None
    """Of the cutover that it is frozen by."""
    dual_run_since: datetime | None
    """Since when it has been copied whole, without an interruption."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A cutover that has not ended."""

    direction: Direction
    run: str
    requested_by: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class MoveMade:
    """A cutover that has ended."""

    direction: Direction
    mode: Mode
    kinds: frozenset[PostingKind]
    outcome: str
    """`refused`, `released`, `rehearsed` or `switched`."""
    ended_at: datetime
    configuration: str
    mappings: Mapping[str, str]
    package: str


@dataclass(frozen=True, slots=True)
class IssuedNumber:
    """A legal number that an owner has given to a document."""

    legal_entity: str
    legal_number: str


@dataclass(frozen=True, slots=True)
class Issued:
    """What an owner has issued since it owns."""

    since: datetime | None
    """The switch that made it the owner; None: it was never switched to."""
    from_period: str | None
    """The first period that it has owned since."""
    numbers: tuple[IssuedNumber, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """By how much one cell of the trial balance differs, cloud less legacy."""

    period: str
    account: str
    """Canonical."""
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class RemainingDifference:
    """One difference that need not be zero for a flip, as it is listed for whoever signs it (ACCOUNTING D23)."""

    legal_entity: str
    difference_class: str
    aspect: str
    posting_id: UUID | None
    legacy_id: str | None
    cloud_id: str | None
    number: str
    document_type: str
    amount: Decimal
    """The money it moves, in functional currency, never negative."""
    why: str
    cells: tuple[Cell, ...] = ()
    """Empty: it moves nothing between accounts."""


@dataclass(frozen=True, slots=True)
class LetPass:
    """Differences that a rule of the region's plan lets pass; none of them moves money."""

    legal_entity: str
    difference_class: str
    aspect: str
    rule: str
    """Whose, and why."""
    count: int


@dataclass(frozen=True, slots=True)
class LatestReconciliation:
    """The last reconciliation of a region that has ended."""

    reconciliation_id: UUID
    finished_at: datetime
    passed: bool
    reasons: tuple[str, ...]
    legal_entities: frozenset[str]
    configuration: str
    mappings: Mapping[str, str]
    differences: Mapping[str, tuple[int, Decimal]] = field(default_factory=dict)
    """Count and sum of the differences of each class, without what has arrived since."""
    remaining: tuple[RemainingDifference, ...] = ()
    """Each that need not be zero for a flip, without what a rule lets pass."""
    let_pass: tuple[LetPass, ...] = ()


@dataclass(frozen=True, slots=True)
class Stuck:
    """Deliveries that do not go on by themselves, or of which nobody knows whether they arrived."""

    legal_entity: str
    kind: str
    erp: str
    role: str
    what: str
    """For people: `dead letters`, `in doubt`, `marked`, `given up`."""
    postings: int

    def __str__(self) -> str:
        """For people."""
        noun = "copies" if self.role == "candidate" else "postings"
        return f"{self.postings} {self.kind} {noun} of {self.legal_entity} {self.what}" + (f" at {self.erp}" if self.erp else "")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be delivered."""

    legal_entity: str
    erp: str
    """Empty: the owner."""
    role: str
    postings: int
    oldest_at: datetime
    """Since when the oldest could have been there: a copy from when the owner booked it."""


@dataclass(frozen=True, slots=True)
class BusiestHour:
    """The hour in which an ERP took the most copies."""

    began_at: datetime
    copies: int


@dataclass(frozen=True, slots=True)
class BookedLine:
    """One sort of line that a company has booked, as the mirror of its books knows it."""

    document_type: DocumentType | None
    account: str
    """Canonical, or the ERP's own number, marked."""
    dimensions: tuple[tuple[str, str], ...]
    tax_code: str | None
    last_on: date


@dataclass(frozen=True, slots=True)
class HalfPair:
    """An intercompany document of which the partner's half is missing, unposted or unequal."""

    legal_entity: str
    partner: str
    pair_id: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """What the store's PostgreSQL says of itself."""

    timeline: str | None
    """Which system on which line of its history; None: it does not say."""
    standbys: int
    synchronous_standbys: str
    """PostgreSQL's own setting; empty: a commit waits for no standby."""
    clock_ahead_seconds: float
    """Of the worker's clock against the database's."""
    connections_max: int
    connections_used: int
    database_bytes: int


@dataclass(frozen=True, slots=True)
class LoudThing:
    """Something in an ERP that could print, send, collect or dun a copy."""

    name: str
    """The ERP's own word: a module, a job."""
    what: str


@dataclass(frozen=True, slots=True)
class Quietness:
    """What an ERP's company says of how loud a copy could be (ACCOUNTING B12)."""

    because: str
    """By what native means a copy is quiet, and what the ERP could not be asked."""
    loud: tuple[LoudThing, ...] = ()
