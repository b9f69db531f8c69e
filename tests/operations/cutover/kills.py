"""Kill a cutover and a rollback before and after every statement and every call to an ERP, in turn, and look at what is left.

`PYTHONPATH=include:. .venv/bin/python -m tests.operations.cutover.kills` kills at every moment, and goes on from every one of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from hybrid_erp.model.cutover import Direction, Limits, Step
from hybrid_erp.model.errors import HybridErpError
from tests.operations.cutover.children import ACTS, Act, Child, Fate, fork
from tests.operations.cutover.region import STEPS, Region, Run, Runner, a_region
from tests.operations.cutover.snapshots import Snapshot, snapshot, state_of

#: A moment that is gone back to is as old as the harness has run.
UNHURRIED: Final = Limits(
    lease_seconds=36_000, freeze_seconds_max=72_000, verification_seconds_max=36_000, read_back_seconds_max=36_000, approval_minutes_max=600
)
#: Steps before which the firm goes on living: the first ones of each phase.
LIVELY: Final = (Step.FREEZE, Step.DRAIN, Step.LOCK_OUT, Step.FINAL_DELTA, Step.SMOKE_TEST)


@dataclass
class Stage:
    """A run before one of its steps."""

    run: Run
    step: Step
    before: Snapshot
    locked_before: str | None
    """The ERP that a move before this one has left locked out."""
    moments: list[str] = field(default_factory=list)
    """Those of the step, when nobody disturbs it."""

    def take(self, runner: Runner) -> None:
        """The step itself."""
        runner.take(self.run, self.step)

    def begun(self, fate: Fate | None = None) -> Child:
        """A process that takes the step from its beginning, and the ERPs served until it ends or is stopped."""
        self.before.restore()
        child = fork(self.before.region, self.take, fate)
        child.serve()
        return child

    def fates(self, *, both_sides: bool) -> Iterator[Fate]:
        """Every way to die in it. What lies after one statement or call lies before the next: that place is one, unless both are wanted."""
        for at, moment in enumerate(self.moments, 1):
            if both_sides or at == 1 or moment.startswith("after"):
                yield Fate(at)
            if moment.startswith("before") and moment.split()[-1] in ACTS:
                yield Fate(at, Act.KILL_LATE)


def stages(region: Region) -> Iterator[Stage]:
    """A cutover and its rollback, stage by stage; each begins from a moment that can be gone back to."""
    locked: str | None = None
    for direction in (Direction.CUTOVER, Direction.ROLLBACK):
        run = Run(direction, limits=UNHURRIED)
        region.begin(run)
        found = []
        for step in STEPS:
            if step in LIVELY:
                region.go_on_living()
            found.append(Stage(run, step, snapshot(region), locked))
            region.here.take(run, step)
        end = snapshot(region)
        region.require_open(run.new, locked=run.old)
        region.require_whole()
        for stage in found:
            undisturbed = stage.begun()
            assert undisturbed.ended == "done", undisturbed.ended
            region.require_allowed()
            stage.moments = undisturbed.moments
            yield stage
        end.restore()
        locked = run.old


@dataclass
class Tally:
    """What was done."""

    moments: Counter[tuple[Direction, Step]] = field(default_factory=Counter)
    """Before and after each statement and call."""
    kills: Counter[tuple[Direction, Step]] = field(default_factory=Counter)
    gone_on: int = 0
    """How often the region went on from a kill up to its end, or up to a state from which it has been seen to reach it."""
    replayed: int = 0
    """Traces, each from the region's beginning up to where it was left, that were held against the protocol."""
    failures: list[str] = field(default_factory=list)
    seconds: float = 0

    def __str__(self) -> str:
        steps = ", ".join(f"{step} {self.kills[Direction.CUTOVER, step]}+{self.kills[Direction.ROLLBACK, step]}" for step in STEPS)
        return (
            f"{self.kills.total()} kills at {self.moments.total()} moments of a cutover and its rollback ({steps}); "
            f"gone on {self.gone_on} times; {self.replayed} traces replayed; {len(self.failures)} failures; {self.seconds:.0f} s"
        )


@dataclass
class Harness:
    """Kills at every moment of every stage, and lets the region go on from there in two ways."""

    region: Region
    thorough: bool = False
    """Kill on both sides of a moment, and go on from every kill up to the end, also from states that were seen before."""
    every: int = 1
    """Of the moments of a step, the first and every so-manieth after it."""
    tell: Callable[[str], None] = lambda line: None
    tally: Tally = field(default_factory=Tally)
    proven: set[tuple[object, ...]] = field(default_factory=set)
    """States from which the region has been seen to reach its end, whole. From the same state everything goes the same way."""

    def kill_everywhere(self) -> Tally:
        """All of it; what was done, and what failed."""
        began = time.monotonic()
        for stage in stages(self.region):
            place, told = (stage.run.direction, stage.step), len(self.tally.failures)
            self.tally.moments[place] = len(stage.moments)
            for fate in islice(stage.fates(both_sides=self.thorough), 0, None, self.every):
                self.tally.kills[place] += 1
                try:
                    self.kill(stage, fate)
                except (AssertionError, HybridErpError) as error:
                    where = f"{stage.run.direction}, {stage.step}: {fate.act.value} at {fate.at}, {stage.moments[fate.at - 1]}"
                    self.tally.failures.append(f"{where}: {type(error).__name__} {error}")
            for line in self.tally.failures[told:]:
                self.tell(line)
            self.tell(f"{' '.join(place)}: {self.tally.kills[place]} kills, {time.monotonic() - began:.0f} s")
        self.tally.seconds, self.tally.replayed = time.monotonic() - began, self.region.recording.replayed
        return self.tally

    def kill(self, stage: Stage, fate: Fate) -> None:
        """Kill, and go on in both ways, unless it was gone on from there before."""
        child = self.killed(stage, fate)
        known = self.known("killed", stage, child)
        if not known:
            self.tally.gone_on += 1
            self.run_again(stage, child)
            self.region.require_allowed()
            self.run_from_a_release(stage, self.killed(stage, fate))
        self.region.require_allowed()

    def killed(self, stage: Stage, fate: Fate) -> Child:
        """One that is dead."""
        child = stage.begun(fate)
        assert child.ended == "killed", child.ended
        assert child.moments == stage.moments[: fate.at], "it went another way than before"
        return child

    def known(self, place: str, stage: Stage, child: Child) -> bool:
        """Whether the region has reached its end from this state before, or is on its way."""
        if self.thorough:
            return False
        key = place, stage.run, len(child.late), state_of(self.region)
        if key in self.proven:
            return True
        self.proven.add(key)
        return False

    def live_on(self) -> None:
        """Time passes, and the firm lives on."""
        self.region.time_passes()
        self.region.go_on_living()

    def run_again(self, stage: Stage, child: Child) -> None:
        """From its first step, as when its tasks are cleared; where it gives up, it is released, and another run is asked for."""
        self.live_on()
        for step in STEPS:
            try:
                self.region.here.take(stage.run, step)
            except HybridErpError:
                self.from_a_release(stage, child)
                return
            if STEPS.index(step) >= STEPS.index(stage.step) and self.known(f"after {step}", stage, child):
                return
        require_moved(stage, child)

    def run_from_a_release(self, stage: Stage, child: Child) -> None:
        """The release alone, as the teardown and the watcher take it."""
        self.live_on()
        self.from_a_release(stage, child)

    def from_a_release(self, stage: Stage, child: Child) -> None:
        """Another run, if the region has not moved."""
        if not give_up(stage):
            if self.known("released", stage, child):
                return
            self.region.here.go(Run(stage.run.direction, limits=UNHURRIED))
        elif self.known("moved", stage, child):
            return
        require_moved(stage, child)


def give_up(stage: Stage) -> bool:
    """Release, and say whether the region has moved; it is in before or after."""
    region, run = stage.before.region, stage.run
    if region.cutover(run) is not None:
        with suppress(HybridErpError):  # it has switched, and its smoke test has not passed: a person tries it again
            region.here.take(run, Step.RELEASE)
        found = region.cutover(run)
        assert found is not None
        if found.ended_at is None:
            assert found.switched_at is not None
            region.here.take(run, Step.SMOKE_TEST)
            region.here.take(run, Step.RELEASE)
    moved = region.owner() == run.new
    region.require_open(run.new if moved else run.old, locked=run.old if moved else stage.locked_before)
    return moved


def require_moved(stage: Stage, child: Child) -> None:
    """After, whole; also when the last call of the dead arrives at last."""
    region, run = stage.before.region, stage.run
    for arrives in child.late:
        arrives()
    region.require_open(run.new, locked=run.old)
    region.require_whole()


def main() -> None:
    """Every moment, told step by step."""
    from tests.stores import running_cluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="go on once from each state that the kills leave, as `make test` does")
    asked = parser.parse_args()
    with running_cluster("kills") as cluster, ExitStack() as stack:
        region = a_region(cluster, stack)
        tally = Harness(region, thorough=not asked.quick, tell=lambda line: print(line, flush=True)).kill_everywhere()
    print(tally)
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
