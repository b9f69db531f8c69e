"""What an attempt came to. Success, "already there" and "found" all pass through one comparison with what the ERP holds (PROTOCOL T2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hybrid_erp.model.booking import Booking, compare
from hybrid_erp.model.claim import (
    Claim,
    SettledDead,
    SettledInDoubt,
    SettledPosted,
    SettledRetry,
    SettledWorking,
    Settlement,
)
from hybrid_erp.model.delivery import Accepted, Capability, FailureClass, InDoubt, NativeDocument, Posted, Rejected, Retry

MAX_WAIT_SECONDS: Final = 300.0


def wait_seconds(attempt: int, asked: float | None = None) -> float:
    """How long to wait before the next attempt: what the ERP asked for, else 1, 2, 4 ... seconds up to five minutes."""
    return asked if asked is not None else min(2.0 ** (attempt - 1), MAX_WAIT_SECONDS)


def settlement_of(outcome: Retry | Rejected | InDoubt | Accepted, claim: Claim) -> Settlement:
    """What to write down for an outcome that is not a success."""
    match outcome:
        case Retry(failure, message, retry_after_seconds, nothing_sent):
            return SettledRetry(failure, message, wait_seconds(claim.attempt, retry_after_seconds), nothing_sent)
        case Rejected(failure, message):
            return SettledDead(failure, message)
        case InDoubt(message):
            return SettledInDoubt(message, wait_seconds(claim.attempt))
        case Accepted(job):
            return SettledWorking(job, wait_seconds(claim.attempt))


def settlement_of_found(
    claim: Claim, expected: Booking | None, capability: Capability, found: Sequence[NativeDocument], outcome: Posted
) -> Settlement:
    """What to write down when the ERP says that it holds the posting, by what was read back from it.

    Equal in key, content, date, currency, amounts, accounts, dimensions, tax and party: posted. Unequal: a conflict for a person, never
    posted. Not readable at this moment: in doubt, although the ERP said yes.
    """
    posted = [native for native in found if native.posted]
    if not posted:
        return SettledInDoubt(f"The ERP says that {outcome.native_id} is posted, but does not show it.", wait_seconds(claim.attempt))
    if len(posted) > 1:
        return conflict_of_many(posted)
    native = posted[0]
    if native.content_hash != claim.content_hash:
        reason = f"The ERP holds {native.native_id} under this key with other content ({native.content_hash[:12]}...)."
        return _conflict(native, reason)
    if expected is not None:
        if native.booking is None:
            return _conflict(native, f"The ERP shows {native.native_id}, but no booking for it.")
        if differences := compare(comparable(expected, capability), comparable(native.booking, capability)):
            text = "; ".join(map(str, differences[:5]))
            return _conflict(native, f"The ERP altered {native.native_id}: {text}.")
    booked_on = native.booking.accounting_on if native.booking else None
    return SettledPosted(native.native_id, native.native_number, native.legal_number, booked_on)


def conflict_of_many(posted: Sequence[NativeDocument]) -> SettledDead:
    """What must never be: an ERP holds a posting more than once."""
    ids = ", ".join(native.native_id for native in posted)
    return _conflict(posted[0], f"The ERP holds this posting more than once: {ids}. Reverse all but one there.")


def _conflict(native: NativeDocument, reason: str) -> SettledDead:
    return SettledDead(FailureClass.CONFLICT, reason, native.native_id)


def comparable(booking: Booking, capability: Capability) -> Booking:
    """The booking with the dimensions that the ERP can keep; what it cannot keep is not held against it."""
    kept = capability.dimensions
    if all(name in kept for line in booking.lines for name, _ in line.dimensions):
        return booking
    lines = (replace(line, dimensions=tuple(item for item in line.dimensions if item[0] in kept)) for line in booking.lines)
    return replace(booking, lines=tuple(lines))
