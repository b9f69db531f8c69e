"""Erase payloads whose time has passed. Keys, hashes, receipts and the audit trail stay: what was posted is proven as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

from hybrid_erp.model.retention import Terms

#: Postings in one transaction: moves of regions wait for its end.
BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to, by document type."""

    erased: Counter[str] = field(default_factory=Counter)
    """Or would be, in a dry run."""
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Whose time has passed all the same, with the reason."""


class Payloads(Protocol):
    """The store's payloads."""

    def days(self, terms: Terms) -> Iterable[date]:
        """On which days something was accepted whose time may have passed."""

    def due(self, terms: Terms, accepted_on: date) -> Mapping[tuple[str, str | None], int]:
        """How many payloads of a day have had their time, by document type and by what still needs them (None: nothing)."""

    def erase(self, terms: Terms, accepted_on: date, *, limit: int, by: str) -> Mapping[str, int]:
        """Erase up to so many of a day that nothing needs; the store itself looks again. How many were, by document type."""


def erase_payloads(terms: Terms, payloads: Payloads, *, by: str, dry_run: bool) -> Found:
    """Erase what nothing needs any more, or with `dry_run` say what it would be.

    Raises:
        OwnershipConflictError: The store is not believed, or is being recovered. What was erased stays so.
    """
    found = Found()
    for day in payloads.days(terms):
        for (document_type, kept_because), count in payloads.due(terms, day).items():
            if kept_because is not None:
                found.kept[document_type, kept_because] += count
            elif dry_run:
                found.erased[document_type] += count
        while not dry_run:
            erased = payloads.erase(terms, day, limit=BATCH, by=by)
            found.erased.update(erased)
            if sum(erased.values()) < BATCH:
                break
    return found
