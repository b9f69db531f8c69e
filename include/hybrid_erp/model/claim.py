"""A worker's right to send a few postings, with an end; and what a worker reports when it is done with one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.documents import CanonicalDocument
from hybrid_erp.model.errors import LeaseTooShortError

#: What of a lease must be left to begin a call, in seconds: the worker, not the ERP, decides when it is too late.
LEASE_MARGIN_SECONDS: Final = 5.0


def boot_clock() -> float:
    """Seconds since boot, sleep included: a machine that slept must not think that its lease still runs (PROTOCOL S1)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Claim:
    """One posting that this worker may send to one company of one ERP until the deadline."""

    posting_id: UUID
    legal_entity: str
    erp: str
    role: Role
    region: str
    ownership_id: int
    """The ownership row that the claim was made under; what settles it takes the same lock."""
    destination: str
    """The outbox row's fixed destination; empty for what is routed when it is claimed."""
    accepted_on: date
    content_hash: str
    correlation_id: str
    traceparent: str | None
    document: CanonicalDocument
    token: UUID
    deadline: float
    """By `boot_clock`."""
    attempt: int
    maybe_there: bool
    """The mark as it was before this claim: an earlier request may have reached the ERP. Ask before sending."""
    period: str | None
    """The accounting period that it was routed by; None: the current one."""
    look_up_only: bool
    """The owner is another ERP by now; this claim only finds out whether an earlier request arrived here (PROTOCOL C4)."""
    draft_id: str | None = None
    accounting_on: date | None = None
    """Decided by an earlier attempt, or for a candidate's copy by the control."""
    legal_number: str | None = None
    """Of a candidate's copy: the number that the control gave."""
    quiet_seconds: float | None = None
    """Since the lease of the previous attempt ended; None on the first."""
    waited_seconds: float | None = None
    """From its acceptance to this claim, by the store's clock."""

    @property
    def thread(self) -> str:
        """How a log line names it: as it is found here, at its sender, and in traces."""
        trace = f" trace {self.traceparent}" if self.traceparent else ""
        return f"posting {self.posting_id} correlation {self.correlation_id}{trace}"

    def require_lease(self) -> None:
        """Raise if too little of the lease is left to begin a call.

        Raises:
            LeaseTooShortError: Nothing may be sent any more.
        """
        if boot_clock() > self.deadline - LEASE_MARGIN_SECONDS:
            raise LeaseTooShortError(f"Posting {self.posting_id} was claimed too long ago.")


@dataclass(frozen=True, slots=True)
class SettledPosted:
    """The ERP holds it, and what it booked is what should be booked."""

    native_id: str
    native_number: str | None
    legal_number: str | None
    accounting_on: date | None


@dataclass(frozen=True, slots=True)
class SettledRetry:
    """Nothing was booked; again after a wait."""

    failure: FailureClass
    message: str
    wait_seconds: float
    nothing_sent: bool


@dataclass(frozen=True, slots=True)
class SettledInDoubt:
    """It may be there; look again after a wait."""

    message: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class SettledDead:
    """Refused for good; waits for a person."""

    failure: FailureClass
    message: str
    native_id: str | None = None
    """What the ERP holds under the key all the same: the mark stays, so that the posting goes nowhere else before it is looked at."""


@dataclass(frozen=True, slots=True)
class SettledWorking:
    """The ERP works on it; poll the job after a wait."""

    job: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class SettledAbsent:
    """Decisively not at this ERP: the mark is cleared, the posting may go elsewhere."""


@dataclass(frozen=True, slots=True)
class SettledNotKept:
    """This ERP does not hold documents of this type, by the configuration's word; the posting is done with here."""


Settlement = SettledNotKept | SettledPosted | SettledRetry | SettledInDoubt | SettledDead | SettledWorking | SettledAbsent
