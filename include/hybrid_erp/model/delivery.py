"""One posting at one ERP: what is sent, what may come of it, and the ERP's proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from hybrid_erp.model.booking import Booking
from hybrid_erp.model.documents import CanonicalDocument, DocumentType


class Role(StrEnum):
    """As what an ERP gets a posting; each role has a credential of its own (PROTOCOL L2)."""

    CONTROL = "control"
    CANDIDATE = "candidate"
    RUN_OFF = "run_off"


class PostingState(StrEnum):
    """Where an accepted posting is: exactly one of these (DESIGN invariant 1)."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    WORKING = "working"
    DRAFT = "draft"
    PARTLY_POSTED = "partly_posted"
    IN_DOUBT = "in_doubt"
    POSTED = "posted"
    DEAD_LETTERED = "dead_lettered"
    CANCELLED = "cancelled"


class FailureClass(StrEnum):
    """Why an ERP did not post. Connectors turn every failure into exactly one of these."""

    VALIDATION = "validation"
    DUPLICATE = "duplicate"
    PERIOD_CLOSED = "period_closed"
    CONFLICT = "conflict"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    WRONG_SYSTEM = "wrong_system"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    IN_DOUBT = "in_doubt"
    PARTIAL = "partial"
    MAPPING_GAP = "mapping_gap"


class ConnectorClass(StrEnum):
    """What keeps a document type from being booked twice at an ERP (PROTOCOL, words)."""

    UNIQUE = "unique"
    DRAFT = "draft"
    LOOK_UP_ONLY = "look_up_only"


@dataclass(frozen=True, slots=True)
class Capability:
    """What an ERP can do with one document type."""

    connector_class: ConnectorClass
    native: str
    """The ERP's own word for what is made, for example `account.move`."""
    dimensions: frozenset[str] = frozenset({"project", "cost_centre", "department"})
    """The dimensions that the ERP keeps and read back returns; others are not compared."""


Capabilities = dict[DocumentType, Capability]


@dataclass(frozen=True, slots=True)
class ErpIdentity:
    """Who a system says that it is; compared with erps.yaml before anything is sent (DESIGN invariant 3)."""

    database: str
    company: str
    functional_currency: str
    version: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One document on its way to one company of one ERP."""

    posting_id: UUID
    """The idempotency key at the ERP: `str(posting_id)` goes into a field that can be looked up."""
    content_hash: str
    """64 hexadecimal digits; goes into the ERP beside the key, so that other content under the same key shows."""
    document: CanonicalDocument
    booking: Booking | None
    """What must be booked; None for a document that books nothing, like a project."""
    role: Role
    claim_token: UUID
    deadline: float
    """By CLOCK_BOOTTIME, in seconds: every call must have ended before."""
    legal_number: str | None = None
    """The number to carry, where it was given before (candidate copy, upstream issuer); None: the ERP draws it."""
    draft_id: str | None = None
    """The stored native id of a draft made by an earlier attempt: only this one may ever be posted (PROTOCOL S5)."""
    correlation_id: str = ""
    traceparent: str | None = None

    @property
    def key(self) -> str:
        """The idempotency key as the ERP stores it."""
        return str(self.posting_id)


@dataclass(frozen=True, slots=True)
class NativeDocument:
    """What an ERP holds under one of our keys, read from the ERP and told in canonical terms."""

    posting_id: UUID
    content_hash: str
    native_id: str
    native_number: str | None
    posted: bool
    """False: a draft, outside every balance."""
    legal_number: str | None = None
    booking: Booking | None = None


@dataclass(frozen=True, slots=True)
class DeliveredAs:
    """What the store knows of a posting's delivery to one company of one ERP."""

    document_type: DocumentType
    state: PostingState
    """Of the delivery; waiting, where it was never delivered here."""
    native_id: str | None

    def makes_garbage(self, draft: NativeDocument) -> bool:
        """Whether nobody may ever post this draft: the posting is posted here as another document, or was given up by a person."""
        if self.state is PostingState.POSTED:
            return self.native_id is not None and self.native_id != draft.native_id
        return self.state is PostingState.CANCELLED


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ERP's proof that it posted."""

    native_id: str
    native_number: str | None
    legal_number: str | None
    accounting_on: date | None
    posted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """The ERP says that the document is posted under this key: now, or by an earlier attempt. Read back decides."""

    native_id: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The ERP works on it asynchronously; not posted."""

    job: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The ERP refused it for good, and nothing of it exists there."""

    failure: FailureClass
    message: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Certainly nothing was booked by this attempt; trying again later is right."""

    failure: FailureClass
    message: str
    retry_after_seconds: float | None = None
    nothing_sent: bool = field(default=False)
    """Not even a byte of this posting left us: the mark may be taken back (PROTOCOL S3)."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It may have been booked, or may yet be. Only the ERP's own answer resolves it."""

    message: str


Outcome = Posted | Accepted | Rejected | Retry | InDoubt
