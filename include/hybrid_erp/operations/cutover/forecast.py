"""Plan against actual: how long each step took before, when this run will end, and until when it can turn back.

A percentile is a duration that occurred (nearest rank), so with a few runs the ninth of ten is the longest. Those of several steps are
added up, which is on the safe side. A step that no earlier run has taken counts nothing and is named: the forecast is then a lower bound.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from hybrid_erp.model.cutover import Step
from hybrid_erp.model.forecast import StepPlan, StepRun

ORDER: Final = tuple(Step)
#: What stands between the freeze and the switch; preflight and approvals take as long as people take.
UP_TO_SWITCH: Final = ORDER[ORDER.index(Step.FREEZE) : ORDER.index(Step.SWITCH) + 1]
UP_TO_END: Final = ORDER[ORDER.index(Step.FREEZE) :]


@dataclass(frozen=True, slots=True)
class StepForecast:
    """One step of a run: what was planned, and how it went."""

    step: Step
    plan: StepPlan | None
    """None: no earlier run has taken it."""
    actual_seconds: float | None
    """All tries so far; None: not begun."""
    is_under_way: bool

    @property
    def deviation_seconds(self) -> float | None:
        """By how much it took longer than half of the earlier runs; none while it is under way."""
        if self.plan is None or self.actual_seconds is None or self.is_under_way:
            return None
        return self.actual_seconds - self.plan.p50_seconds

    @property
    def is_late(self) -> bool:
        """Whether it has taken longer than nine of ten."""
        return self.plan is not None and self.actual_seconds is not None and self.actual_seconds > self.plan.p90_seconds


@dataclass(frozen=True, slots=True)
class Forecast:
    """A run as it is expected to go on from an instant."""

    at: datetime
    steps: tuple[StepForecast, ...]
    ends_at_p50: datetime
    ends_at_p90: datetime
    switches_at_p90: datetime | None
    """None once the switch is done: what turns back then is a rollback."""
    limit_at: datetime | None
    """When the freeze may last no longer, or the deadline: whichever is first."""
    turn_back_at: datetime | None
    """If the step that is under way has not ended by then, what is left up to the switch would pass the limit."""
    without_history: tuple[Step, ...]
    """Steps still to come that count nothing."""

    @property
    def should_turn_back(self) -> bool:
        """Whether what is left up to the switch is expected to pass the limit."""
        return self.switches_at_p90 is not None and self.limit_at is not None and self.switches_at_p90 > self.limit_at


def plan_of(history: Iterable[Mapping[Step, float]]) -> dict[Step, StepPlan]:
    """The plan that earlier runs make: the seconds of each step in each."""
    durations: dict[Step, list[float]] = defaultdict(list)
    for run in history:
        for step, seconds in run.items():
            durations[step].append(seconds)
    return {step: StepPlan(step, _rank(all_, 0.5), _rank(all_, 0.9), len(all_)) for step, all_ in durations.items()}


def forecast(
    plan: Mapping[Step, StepPlan],
    runs: Sequence[StepRun],
    *,
    at: datetime,
    frozen_at: datetime | None = None,
    freeze_seconds_max: float | None = None,
    deadline_at: datetime | None = None,
) -> Forecast:
    """How a run is expected to go on at an instant, given what it has done."""
    steps = tuple(_step(step, plan.get(step), [run for run in runs if run.step is step], at) for step in ORDER)
    left = [each for each in steps if each.step in UP_TO_END and (each.actual_seconds is None or each.is_under_way)]
    up_to_switch = [each for each in left if each.step in UP_TO_SWITCH]
    is_switched = not any(each.step is Step.SWITCH for each in left)
    freeze_ends_at = frozen_at + timedelta(seconds=freeze_seconds_max) if frozen_at and freeze_seconds_max is not None else None
    limit_at = min((each for each in (freeze_ends_at, deadline_at) if each is not None), default=None)
    not_begun = sum(each.plan.p90_seconds for each in up_to_switch if each.plan and not each.is_under_way)
    return Forecast(
        at,
        steps,
        ends_at_p50=at + timedelta(seconds=sum(_left(each, each.plan.p50_seconds) for each in left if each.plan)),
        ends_at_p90=at + timedelta(seconds=sum(_left(each, each.plan.p90_seconds) for each in left if each.plan)),
        switches_at_p90=None if is_switched else at + timedelta(seconds=_left_at_p90(up_to_switch)),
        limit_at=limit_at,
        turn_back_at=None if is_switched or limit_at is None else limit_at - timedelta(seconds=not_begun),
        without_history=tuple(each.step for each in left if each.plan is None),
    )


def _left_at_p90(steps: Sequence[StepForecast]) -> float:
    return sum(_left(each, each.plan.p90_seconds) for each in steps if each.plan)


def _left(step: StepForecast, planned_seconds: float) -> float:
    return max(planned_seconds - (step.actual_seconds or 0.0), 0.0)


def _step(step: Step, plan: StepPlan | None, tries: Sequence[StepRun], at: datetime) -> StepForecast:
    """The last try tells whether it is under way; one before it that never ended died, and took until the next began."""
    if not tries:
        return StepForecast(step, plan, None, is_under_way=False)
    ordered = sorted(tries, key=lambda run: run.began_at)
    ends = [run.ended_at or following.began_at for run, following in pairwise(ordered)]
    ends.append(ordered[-1].ended_at or max(at, ordered[-1].began_at))
    seconds = sum((end - run.began_at).total_seconds() for run, end in zip(ordered, ends, strict=True))
    return StepForecast(step, plan, seconds, is_under_way=ordered[-1].ended_at is None)


def _rank(values: Sequence[float], share: float) -> float:
    """The smallest of the values that so much of them do not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def told(region: str, expected: Forecast) -> str:
    """Plan against actual in markdown, short enough for the note of a run."""
    return "\n".join([*_headlines(region, expected), "", *_table(expected)])


def _headlines(region: str, expected: Forecast) -> list[str]:
    if not any(each.plan for each in expected.steps):
        return [f"No earlier rehearsal or cutover of {region} has gone through: there is no plan to hold this run against."]
    lower = f" at least (no history: {', '.join(each.value for each in expected.without_history)})" if expected.without_history else ""
    lines = [f"Forecast end: {_clock(expected.ends_at_p50)} (P50), {_clock(expected.ends_at_p90)} (P90){lower}"]
    if expected.should_turn_back:
        lines.append(f"**Turn back:** at P90 the switch comes after {_clock(expected.limit_at)}, when this run may last no longer.")
    elif expected.turn_back_at is not None:
        lines.append(f"Latest moment to turn back: {_clock(expected.turn_back_at)}")
    return lines


def _table(expected: Forecast) -> list[str]:
    rows = [
        f"| {each.step.value} | {_planned(each.plan)} | {_actual(each)} | {_off(each)} |"
        for each in expected.steps
        if each.plan is not None or each.actual_seconds is not None
    ]
    return ["| step | P50 / P90 s | actual s | off s |", "|---|--:|--:|--:|", *rows] if rows else []


def _planned(plan: StepPlan | None) -> str:
    return f"{plan.p50_seconds:.1f} / {plan.p90_seconds:.1f}" if plan else "no history"


def _actual(each: StepForecast) -> str:
    seconds = "" if each.actual_seconds is None else f"{each.actual_seconds:.1f}"
    return f"{seconds} so far" if each.is_under_way else seconds


def _off(each: StepForecast) -> str:
    deviation = "" if each.deviation_seconds is None else f"{each.deviation_seconds:+.1f}"
    return f"{deviation} late".strip() if each.is_late else deviation


def _clock(at: datetime | None) -> str:
    return f"{at:%H:%M:%S} UTC" if at else "no limit"
