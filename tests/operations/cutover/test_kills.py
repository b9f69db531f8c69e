"""Whatever moment a cutover or a rollback dies at, the region is in before or after, whole, and the next run goes through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hybrid_erp.model.cutover import Direction
from tests.operations.cutover.kills import Harness
from tests.operations.cutover.region import STEPS, Region
from tests.operations.cutover.two_runners import TwoRunners

#: Every moment takes minutes: `python -m tests.operations.cutover.kills` and `... .two_runners`. Here every so-manieth of each step.
KILLED_EVERY = 20
STOPPED_EVERY = 80
#: Before and after each statement and call of both moves: fewer would mean that the harness has lost sight of some.
MOMENTS_MIN = 1_900


@pytest.mark.timeout(900)
def test_whatever_moment_a_move_is_killed_at_nothing_is_lost_or_twice(region: Region, progress: Callable[[str], None]) -> None:
    tally = Harness(region, every=KILLED_EVERY).kill_everywhere()

    progress(str(tally))
    assert tally.failures == []
    assert tally.moments.total() >= MOMENTS_MIN
    assert tally.kills.total() >= MOMENTS_MIN / 2 / KILLED_EVERY
    assert set(tally.kills) == {(direction, step) for direction in Direction for step in STEPS}


@pytest.mark.timeout(900)
def test_whatever_moment_a_runner_is_stopped_at_it_does_no_harm_when_it_goes_on(region: Region, progress: Callable[[str], None]) -> None:
    both = TwoRunners(region, every=STOPPED_EVERY)

    both.stop_everywhere()

    progress(f"{both.stops.total()} stops of a runner while another one went on")
    assert both.failures == []
    assert set(both.stops) == {(direction, step) for direction in Direction for step in STEPS}
