"""How long the steps of a region's move took, and how long they are expected to take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hybrid_erp.model.cutover import Step


@dataclass(frozen=True, slots=True)
class StepRun:
    """One try of a step in a run."""

    step: Step
    began_at: datetime
    ended_at: datetime | None
    """None while it is under way, or if whoever did it died."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What earlier runs say of a step."""

    step: Step
    p50_seconds: float
    p90_seconds: float
    runs: int
    """Of how many runs."""
