"""Whatever a person does to the tasks of a run by hand, the region is in before or after, and the next run goes through.

Cleared: a step is taken again. Marked success: it is left out. Marked failed: the release comes next. Run twice: two workers take it at
once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Final

import pytest

from hybrid_erp.model.cutover import Step
from hybrid_erp.model.errors import HybridErpError, SmokeTestFailedError
from tests.operations.cutover.region import STEPS, Region, Run
from tests.stores import CLOUD, LEGACY

#: What the release finds when a step was left out; the smoke test's and the release's own leave the region closed until a person goes on.
LEFT_OUT: Final = {
    Step.APPROVAL: "refused",
    Step.FREEZE: "refused",
    Step.DRAIN: "released",
    Step.LOCK_OUT: "released",
    Step.FINAL_DELTA: "released",
    Step.VERIFY: "released",
    Step.SWITCH: "released",
    Step.SMOKE_TEST: None,
    Step.RELEASE: None,
}


def outcome(region: Region, run: Run) -> str | None:
    found = region.cutover(run)
    assert found is not None
    return found.outcome


def next_run_goes_through(region: Region, run: Run) -> None:
    """From where the region is: whole, on one side, and then on the other."""
    if outcome(region, run) != "switched":
        region.require_open(LEGACY, locked=None)
        region.here.go(Run())
    region.require_open(CLOUD, locked=LEGACY)
    region.require_whole()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_cleared_and_run_again_does_nothing_twice(region: Region, step: Step) -> None:
    run = Run()
    region.begin(run)
    region.here.go(run, until=step)

    region.here.take(run, step)
    region.here.go(run)

    next_run_goes_through(region, run)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_marked_success_is_missed_by_a_later_one(region: Region, step: Step) -> None:
    run = Run()
    region.begin(run)
    if step is Step.APPROVAL:
        region.here.request(run)

    with suppress(HybridErpError):
        for each in STEPS:
            if each not in (step, Step.RELEASE):
                region.here.take(run, each)
    closed = LEFT_OUT[step] is None
    if step is Step.SMOKE_TEST:
        with pytest.raises(SmokeTestFailedError):
            region.here.take(run, Step.RELEASE)
    elif not closed:
        region.here.take(run, Step.RELEASE)

    assert outcome(region, run) == LEFT_OUT[step]
    if closed:
        assert region.phases() == {"switched"}
        region.here.go(run)
    next_run_goes_through(region, run)


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_step_that_is_marked_failed_is_followed_by_the_release(region: Region, step: Step) -> None:
    run = Run()
    region.begin(run)
    region.here.go(run, until=STEPS[STEPS.index(step) - 1])

    if step is Step.SMOKE_TEST:
        with pytest.raises(SmokeTestFailedError):
            region.here.take(run, Step.RELEASE)
    elif step is not Step.RELEASE:
        region.here.take(run, Step.RELEASE)

    assert outcome(region, run) == LEFT_OUT[step]
    if LEFT_OUT[step] is None:
        assert region.phases() == {"switched"}
        region.here.go(run)
    next_run_goes_through(region, run)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_two_workers_take_at_once_is_taken_once(region: Region, step: Step) -> None:
    run = Run()
    region.begin(run)
    if step is not Step.APPROVAL:
        region.here.go(run, until=STEPS[STEPS.index(step) - 1])
    twins = [region.runner(f"twin-{number}", region.companies_ask, passes=lambda: None) for number in (1, 2)]

    with closing(twins[0].connections), closing(twins[1].connections), ThreadPoolExecutor(2) as pool:
        taken = [pool.submit(twin.take, run, step) for twin in twins]
        errors = [error for error in (each.exception() for each in taken) if error is not None]

    assert all(isinstance(error, HybridErpError) for error in errors), errors
    try:
        region.here.go(run)
    except HybridErpError:
        region.here.take(run, Step.RELEASE)
    next_run_goes_through(region, run)
