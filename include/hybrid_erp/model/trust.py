"""Whether a store is believed: after a restore, a failover or a copy it has forgotten what it sent (DESIGN, invariant 14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoreTrust:
    """What the store says of itself. Times are UTC."""

    identity: str
    """Server, line of its history, database and table: what changes with a failover, a recovery, a copy, a dump read back."""
    believed: str
    """The identity that a person, or the first migration, last believed."""
    since: datetime
    resumed_by: str | None
    reason: str | None
    is_recovering: bool
    """Every first attempt looks first: an earlier one may have been forgotten."""
    open_deliveries: int
    open_postings: int
    newest_at: datetime | None
    """The last thing that this store remembers: what came after it is forgotten."""

    @property
    def is_believed(self) -> bool:
        """Whether anything is claimed."""
        return self.identity == self.believed


@dataclass(frozen=True, slots=True)
class LastOfSource:
    """The last event of a source that the store remembers; the source sends everything after it again."""

    source: str
    event_id: str
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Witness:
    """What an ERP remembers of our lock-outs, beside what the store does: an ERP forgets nothing when our store is restored."""

    region: str
    erp: str
    legal_entity: str
    generation: int
    store_epoch: int

    @property
    def contradicts(self) -> bool:
        """The ERP has seen a later move than the store knows: a move was forgotten."""
        return self.generation > self.store_epoch


def contradictions(witnesses: Sequence[Witness]) -> list[str]:
    """In words, one for each company."""
    return [
        f"{each.legal_entity} at {each.erp} has seen lock-out {each.generation}, and this store knows of {each.store_epoch} at most: "
        f"a move of {each.region} is forgotten"
        for each in witnesses
        if each.contradicts
    ]
