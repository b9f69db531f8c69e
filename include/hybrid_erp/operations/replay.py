"""Replay: what a person has repaired goes the same way again (PROTOCOL Y1). The key stays, so nothing can be booked a second time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from hybrid_erp.model.errors import NotReplayableError


class DeadLetters(Protocol):
    """The delivery duty's side of the store."""

    def reopen(self, posting_ids: Sequence[UUID], *, by: str, reason: str) -> Sequence[UUID]:
        """Make dead letters wait again; which ones were."""

    def matching(self, *, region: str | None, failure: str | None, limit: int) -> Sequence[UUID]:
        """Dead letters of a region or of a class of failure."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Which dead letters to send again: named one by one, or by region and class of failure."""

    posting_ids: tuple[UUID, ...]
    region: str | None
    failure: str | None
    reason: str
    requested_by: str
    dry_run: bool
    limit: int = 1000


def replay(request: ReplayRequest, dead_letters: DeadLetters) -> Sequence[UUID]:
    """Send dead letters again, or with `dry_run` say which ones it would be.

    Raises:
        NotReplayableError: No reason is given, nothing is chosen, or a named posting is no dead letter; nothing was changed.
    """
    if not request.reason.strip():
        raise NotReplayableError("A replay needs a reason; it is written to the audit trail.")
    chosen = request.posting_ids or dead_letters.matching(region=request.region, failure=request.failure, limit=request.limit)
    if not request.posting_ids and request.region is None and request.failure is None:
        raise NotReplayableError("Name postings, a region or a class of failure.")
    if request.dry_run:
        return chosen
    return dead_letters.reopen(chosen, by=request.requested_by, reason=request.reason)
