"""Open, widen, show and end a region's dual run (ACCOUNTING C19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from hybrid_erp.model.errors import OwnershipConflictError

WHOLE = 10_000


class DualRunStep(StrEnum):
    """What a migration lead asks for."""

    SHOW = "show"
    START = "start"
    RAISE_SHARE = "raise_share"
    END = "end"


class DualRuns(Protocol):
    """The cutover duty's side of the store; refuses what does not fit the region's state."""

    def start(self, region: str, kinds: Sequence[str], legal_entities: Sequence[str], candidate: str, *, by: str, reason: str) -> None:
        """Open the dual run; nothing is copied before its share is raised."""

    def raise_share(self, region: str, kinds: Sequence[str], share: int, *, by: str, reason: str) -> int:
        """Copy a larger share of entities; how many copies of earlier postings were written first."""

    def end(self, region: str, kinds: Sequence[str], legal_entities: Sequence[str], *, by: str, reason: str) -> int:
        """Give the dual run up; how many waiting copies were cancelled."""

    def lacking(self, region: str, kinds: Sequence[str], share: int) -> int:
        """How many copies a share would write at once."""

    def backlog(self, region: str) -> Sequence[dict[str, Any]]:
        """Copies that are not posted, counted by legal entity, kind and state."""

    def phases(self, region: str) -> Sequence[dict[str, Any]]:
        """Phase, owner, candidate and open share of each kind."""


@dataclass(frozen=True, slots=True)
class DualRunRequest:
    """One step, asked for by a named person."""

    region: str
    kinds: tuple[str, ...]
    legal_entities: tuple[str, ...]
    candidate: str
    step: DualRunStep
    share_percent: Decimal
    reason: str
    by: str
    dry_run: bool

    @property
    def share(self) -> int:
        """In parts of 10,000."""
        return int(self.share_percent * 100)


def run_step(request: DualRunRequest, runs: DualRuns) -> list[str]:
    """Take the step, or with `dry_run` say what it would do; lines for people.

    Raises:
        OwnershipConflictError: The region is not in the state that the step needs, or no reason is given; nothing was changed.
    """
    told = [f"{row['kind']}: {row['phase']}, owner {row['owner']}, candidate {row['candidate'] or 'none'}, {row['share']:.2%} copied"
            for row in runs.phases(request.region)]  # fmt: skip
    told += [f"{row['legal_entity']} {row['kind']}: {row['copies']} copies {row['state']}" for row in runs.backlog(request.region)]
    if request.step is DualRunStep.SHOW:
        return told
    if len(request.reason.strip()) < 3:
        raise OwnershipConflictError("A reason is needed: it goes to the audit trail. Nothing was changed.")
    terms = {"by": request.by, "reason": request.reason}
    match request.step:
        case DualRunStep.START:
            if request.dry_run:
                return [*told, f"would open the dual run with {request.candidate} as the candidate; nothing is copied yet"]
            runs.start(request.region, request.kinds, request.legal_entities, request.candidate, **terms)
            return [*told, f"the dual run with {request.candidate} is open; raise its share next"]
        case DualRunStep.RAISE_SHARE:
            if not 0 < request.share <= WHOLE:
                raise OwnershipConflictError("The share is a percentage above 0 and up to 100, in steps of 0.01. Nothing was changed.")
            if request.dry_run:
                lacking = runs.lacking(request.region, request.kinds, request.share)
                return [*told, f"would copy {request.share_percent} % of the entities, beginning with {lacking} postings booked before"]
            written = runs.raise_share(request.region, request.kinds, request.share, **terms)
            return [*told, f"{request.share_percent} % of the entities are copied; {written} postings booked before are due first"]
        case _:
            if request.dry_run:
                return [*told, "would end the dual run and cancel the copies that wait; to begin again, the candidate is loaded anew"]
            cancelled = runs.end(request.region, request.kinds, request.legal_entities, **terms)
            return [*told, f"the dual run is ended; {cancelled} copies that waited are cancelled"]
