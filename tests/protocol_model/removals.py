"""Which guard is taken away where, and what breaks: alone, or in the combination that the protocol names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.protocol_model.delivery import actions as delivery
from tests.protocol_model.delivery.model import Scenario
from tests.protocol_model.explore import Exploration
from tests.protocol_model.guards import without
from tests.protocol_model.runbook import actions as runbook
from tests.protocol_model.runbook.state import Bounds

REDUNDANT = "nothing"


@dataclass(frozen=True, slots=True)
class Removal:
    """Guards that are taken away together."""

    guards: tuple[str, ...]
    where: Scenario | Bounds
    breaks: str
    """The promise that is broken; REDUNDANT: none, everywhere in this scope."""
    steps: int = 0
    """Of the shortest counter-example."""

    @property
    def name(self) -> str:
        """For people."""
        return " and ".join(each.replace("_", " ") for each in self.guards) + f": {self.breaks}"

    def search(self) -> Exploration:
        """Look for a counter-example."""
        if isinstance(self.where, Scenario):
            return delivery.search(self.where, without(*self.guards), stop_at_first=True)
        return runbook.search(self.where, without(*self.guards), stop_at_first=True)


def removal(guards: str, where: Scenario | Bounds, breaks: str, steps: int = 0) -> Removal:
    """A removal, its guards written in one line."""
    return Removal(tuple(guards.split()), where, breaks, steps)


def of(guard: str, removals: tuple[Removal, ...]) -> Iterator[Removal]:
    """The removals that tell about a guard: alone first."""
    yield from sorted((each for each in removals if guard in each.guards), key=lambda each: len(each.guards))
