"""A cutover or rollback with all that its steps need. Nothing is remembered between two steps but what the store and the ERPs hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hybrid_erp.model.cutover import Cutover
from hybrid_erp.model.cutover_plan import CutoverPlan
from hybrid_erp.model.errors import CutoverGivenUpError
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.needs import Cutovers, Work

Found = dict[str, Any]
"""What a step came to, in counts and names: for the record and the log."""

#: How often what has to arrive is looked for.
LOOK_SECONDS = 0.5

_ORDER = (Phase.FROZEN, Phase.DRAINED, Phase.LOCKED, Phase.VERIFIED, Phase.SWITCHED)


@dataclass(frozen=True, slots=True)
class Move:
    """One cutover or rollback."""

    cutover_id: UUID
    store: Cutovers
    work: Work
    plan: CutoverPlan
    closers: Callable[[str, str], frozenset[str]]
    """Of an ERP and a legal entity: the native logins of people who may post on while it is locked out."""
    report: Callable[[str], None] = lambda line: None
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep

    @property
    def now(self) -> Cutover:
        """As the store knows it at this moment."""
        found = self.store.find(self.cutover_id)
        if found is None:
            raise CutoverGivenUpError(f"There is no cutover {self.cutover_id}.")
        return found

    def past(self, phase: Phase) -> bool:
        """Whether the region has reached a phase in this cutover, or its end; then the step that leads there has nothing to do.

        Raises:
            CutoverGivenUpError: It is being released, or was, or the region is not frozen by it: nothing more is done under it.
        """
        now = self.now
        if now.ended_at is not None:
            if now.outcome == "switched":
                return True
            raise CutoverGivenUpError(f"This {now.direction} of {now.region} has ended: {now.outcome}.")
        if now.active and now.phase is Phase.RELEASING:
            raise CutoverGivenUpError(f"This {now.direction} of {now.region} is being released.")
        if not now.active:
            if phase is Phase.FROZEN:
                return False
            raise CutoverGivenUpError(f"Region {now.region} is not frozen by this {now.direction}.")
        return now.phase in _ORDER and _ORDER.index(now.phase) >= _ORDER.index(phase)

    def until_settled(self, seconds: float, told: str) -> Iterator[None]:
        """Look again and again, while the freeze is kept, until whoever asks stops.

        Raises:
            CutoverGivenUpError: The time is up, or the freeze has ended by itself or reached its longest.
        """
        ends = self.clock() + seconds
        while True:
            self.keep_frozen()
            yield
            if self.clock() > ends:
                left = "; ".join(map(str, self.store.unsettled(self.cutover_id))) or "nothing is known to stand in the way"
                raise CutoverGivenUpError(f"{told} has taken more than {seconds:.0f} s: {left}.")
            self.wait(LOOK_SECONDS)

    def keep_frozen(self) -> None:
        """Let the freeze run on.

        Raises:
            CutoverGivenUpError: It has ended by itself, or may not run any longer.
        """
        if not self.store.renew(self.cutover_id):
            raise CutoverGivenUpError("The freeze has ended by itself, or has reached its longest.")
