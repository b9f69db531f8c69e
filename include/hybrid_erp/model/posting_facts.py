"""What the store knows of a posting at each ERP, and of the load's boundary: by this a difference finds its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from hybrid_erp.model.books import AccountMovement
from hybrid_erp.model.delivery import FailureClass, PostingState


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """How far a posting is at one ERP."""

    state: PostingState
    attempt: int = 0
    failure: FailureClass | None = None
    native_id: str | None = None
    settled_at: datetime | None = None
    reason: str = ""
    after_reading: bool = False
    """It was settled after the reading of the ERPs began: their figures may lack it."""
    waits_for: str = ""
    """What it depends on and the ERP does not hold: `customer C-100`."""

    @property
    def open(self) -> bool:
        """Whether it may still be posted without a person."""
        return self.state not in (PostingState.POSTED, PostingState.DEAD_LETTERED, PostingState.CANCELLED)

    @property
    def altered(self) -> bool:
        """Whether the ERP booked something else than it was sent, as read back found at once."""
        return self.state is not PostingState.POSTED and self.failure is FailureClass.CONFLICT


@dataclass(frozen=True, slots=True)
class PostingFacts:
    """What the store knows of a posting."""

    posting_id: UUID
    source: str
    number: str
    document_type: str
    at: Mapping[str, DeliveryFacts] = field(default_factory=dict)
    """By the name of the ERP; one that it was never to go to is missing."""
    captured_from: str | None = None
    """The ERP in which people posted the original."""
    joins_later: bool = False
    """The share of dual posting leaves its entity out so far."""


@dataclass(frozen=True, slots=True)
class TimeTerms:
    """At what a time entry is to be billed, as its source said."""

    billable: bool
    rate: Decimal | None
    """For an hour, in `currency`."""
    currency: str | None


@dataclass(frozen=True, slots=True)
class Boundary:
    """Up to where the load of a legal entity reaches (ACCOUNTING C19). Without a load it lies before everything."""

    legacy_before: tuple[AccountMovement, ...] = ()
    """The legacy ERP's own totals at the load's snapshot."""
    cloud_before: tuple[AccountMovement, ...] = ()
    """The cloud ERP's own totals before anything was sent."""
    legacy_cursor: str | None = None
    """Changes after it are not in the load."""
    cloud_cursor: str | None = None
    accounting_on: date | None = None
    """Of the loaded figures."""
    seen: frozenset[str] = field(default=frozenset(), repr=False)
    """Native ids of the legacy documents that were posted in the snapshot."""
