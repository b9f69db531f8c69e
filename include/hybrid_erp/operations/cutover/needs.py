"""What the steps of a cutover need of the store and of the rest of the product."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from hybrid_erp.model.cutover import Cutover, DesiredLockOut, FailedReconciliation, Unsettled
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import Phase
from hybrid_erp.ports import LockOut


class Cutovers(Protocol):
    """The cutover duty's side of the store. Everything raises OwnershipConflictError where the region is not in the state that it needs."""

    def find(self, cutover_id: UUID) -> Cutover | None:
        """One cutover."""

    def freeze(self, cutover_id: UUID) -> Phase:
        """Stop new control claims; the phase that the region is in afterwards."""

    def failed_while_it_waited(self, cutover_id: UUID) -> Sequence[FailedReconciliation]:
        """The legal entities whose latest reconciliation since the move was asked for did not pass."""

    def renew(self, cutover_id: UUID) -> bool:
        """Let the freeze run on; False: it has ended by itself or reached its longest."""

    def unsettled(self, cutover_id: UUID) -> Sequence[Unsettled]:
        """What stands between the region and its new owner."""

    def drained(self, cutover_id: UUID) -> int:
        """Call the region drained; how many postings that were begun at the old owner stand in the way."""

    def intend_lock_out(self, cutover_id: UUID, erp: str, legal_entity: str, taken: Collection[PostingRight]) -> int | None:
        """Write down whose rights are to be taken; the generation. None: locked out since an earlier move."""

    def note_read_back(
        self, erp: str, legal_entity: str, generation: int, *, as_desired: bool, quiet: bool, read_back: Mapping[str, Any]
    ) -> bool:
        """Write down what the ERP said of a company; False: a later generation is under way."""

    def lock_outs(self, *, cutover_id: UUID | None = None, erp: str | None = None) -> Sequence[DesiredLockOut]:
        """How companies should be."""

    def confirm_lock_out(self, cutover_id: UUID) -> None:
        """Call the region locked, by the read back of every company."""

    def verified(self, cutover_id: UUID, reconciliation_id: UUID) -> None:
        """Call the region verified."""

    def switch(self, cutover_id: UUID, *, configuration: str, mappings: Mapping[str, str]) -> str:
        """Make the new owner own."""

    def send_canary(self, cutover_id: UUID, posting_ids: Sequence[UUID]) -> None:
        """Let a smoke test's entries go."""

    def intend_opening(self, cutover_id: UUID) -> Sequence[str]:
        """Write down that the new owner is to be opened; the companies concerned."""

    def open_after_switch(self, cutover_id: UUID, *, smoke_test: Mapping[str, Any]) -> str:
        """Open claims at the new owner."""

    def begin_release(self, cutover_id: UUID, *, reason: str) -> str:
        """The first half of a release: `nothing`, `releasing`, or `switched`."""

    def finish_release(self, cutover_id: UUID) -> str:
        """Open the old owner again; the outcome."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One legal entity's smoke test: an entry of the smallest amount and its reversal."""

    legal_entity: str
    posting_ids: tuple[UUID, ...]
    states: tuple[str, ...]
    """Of each, in the outbox."""
    native_ids: tuple[str | None, ...]
    """At the new owner."""

    @property
    def passed(self) -> bool:
        """Whether the new owner has booked both, and what it booked was as it should be."""
        return bool(self.states) and all(state == "posted" for state in self.states)


class Work(Protocol):
    """What the rest of the product does for a cutover. Everything that asks an ERP raises ErpUnavailableError, WrongSystemError."""

    def deliver(self, erp: str, legal_entity: str, role: Role, *, seconds: float) -> None:
        """Deliver what is due to a company, in its turn, as the deliveries do; returns when nothing is due or the time is up."""

    def look_again(self, erp: str, legal_entity: str) -> None:
        """Look for dead letters that may be at a company all the same."""

    def capture(self, cutover: Cutover, erp: str, legal_entity: str) -> None:
        """Capture what was posted natively at a company up to now."""

    def lock_out(self, erp: str, legal_entity: str) -> AbstractContextManager[LockOut]:
        """The lock-out of a company."""

    def reconcile(self, cutover: Cutover) -> UUID:
        """Reconcile the whole region now, whatever comes of it."""

    def high_water(self, erp: str, legal_entity: str, *, from_period: str) -> str:
        """The company's own totals from a period on: as long as they are the same, nothing was posted."""

    def accept_canaries(self, cutover: Cutover) -> Sequence[UUID]:
        """Take the smoke test's entries in, once; their postings."""

    def canaries(self, cutover: Cutover) -> Sequence[Canary]:
        """How far the smoke test's entries are."""

    def wake(self, erps: Collection[str]) -> None:
        """Tell the deliveries that claims are open."""
