"""There and back again and again, while everybody goes on working: the two ERPs end up equal, and hold what was sent and typed in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from hybrid_erp.model.cutover import Direction, Step
from tests.operations.cutover.load import TRIED_AGAIN, load
from tests.operations.cutover.region import PLAN, Region, Run
from tests.stores import CLOUD, LEGACY

FLIPS: Final = 50
#: A move may be given up, when something is in its way for too long; then the next one begins.
RUNS_MAX: Final = 100
# What waits for its next attempt is due; live claims run on.
DUE: Final = "UPDATE outbox SET due_at = clock_timestamp() WHERE state IN ('waiting', 'in_doubt') AND due_at > clock_timestamp()"


@pytest.mark.timeout(900)
def test_fifty_flips_under_load_lose_nothing_and_post_nothing_twice(region: Region, progress: Callable[[str], None]) -> None:
    mover = region.here
    mover.clock.passes = lambda: region.sql(DUE)
    mover.plan = PLAN.model_copy(update={"drain_seconds_max": 600, "delta_seconds_max": 600})
    owner, flips, runs = LEGACY, 0, 0

    with load(region):
        while flips < FLIPS:
            runs += 1
            assert runs <= RUNS_MAX
            run = Run(Direction.CUTOVER if owner == LEGACY else Direction.ROLLBACK)
            try:
                mover.go(run)
            except TRIED_AGAIN:
                with suppress(*TRIED_AGAIN):
                    mover.take(run, Step.RELEASE)
            if region.owner() == run.new:
                owner, flips = run.new, flips + 1

    mover.clock.passes = region.time_passes
    region.require_open(owner, locked=CLOUD if owner == LEGACY else LEGACY)
    region.require_whole()
    refused = sum(len(company.refused) for company in region.companies.of.values())
    progress(f"{flips} flips in {runs} runs: {len(region.accepted)} postings, {len(region.typed_in)} typed in, {refused} refused")
