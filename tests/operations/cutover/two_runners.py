"""Stop a runner at every moment of every step, let another one finish the move or release it, and let the first one go on.

`PYTHONPATH=include:. .venv/bin/python -m tests.operations.cutover.two_runners` stops it at every moment.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from hybrid_erp.model.cutover import Direction, Step
from hybrid_erp.model.errors import HybridErpError
from tests.operations.cutover.children import RUNNER, Act, Child, Fate
from tests.operations.cutover.kills import UNHURRIED, Stage, give_up, require_moved, stages
from tests.operations.cutover.region import Region, Run, a_region

# A session that stops inside a transaction is ended: by PostgreSQL's time-outs, or when its machine is given up. Inside a pipeline, where
# PostgreSQL waits for the rest of what it was sent, it calls itself active.
IDLES: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = %s
    AND (state = 'idle in transaction' OR (state = 'active' AND wait_event = 'ClientRead'))
"""


@dataclass
class TwoRunners:
    """The stale one and the other."""

    region: Region
    every: int = 1
    """Of the moments of a step, the first and every so-manieth after it."""
    tell: Callable[[str], None] = lambda line: None
    stops: Counter[tuple[Direction, Step]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def stop_everywhere(self) -> None:
        """All of it."""
        began = time.monotonic()
        for stage in stages(self.region):
            place, told = (stage.run.direction, stage.step), len(self.failures)
            places = [at for at, moment in enumerate(stage.moments, 1) if at == 1 or moment.startswith("after")]
            for at in places[:: self.every]:
                for meanwhile in (self.another_finishes, self.another_releases, self.another_releases_and_moves):
                    self.stops[place] += 1
                    try:
                        self.stop(stage, Fate(at, Act.STOP), meanwhile)
                    except (AssertionError, HybridErpError) as error:
                        where = f"{' '.join(place)}: stopped at {at}, {stage.moments[at - 1]}; {meanwhile.__name__}"
                        self.failures.append(f"{where}: {type(error).__name__} {error}")
            for line in self.failures[told:]:
                self.tell(line)
            self.tell(f"{' '.join(place)}: {self.stops[place]} stops, {time.monotonic() - began:.0f} s")

    def stop(self, stage: Stage, fate: Fate, meanwhile: Callable[[Stage, Child], None]) -> None:
        """Once."""
        child = stage.begun(fate)
        assert child.ended is None, child.ended
        try:
            self.region.sql(IDLES, RUNNER)
            self.region.time_passes()
            self.region.go_on_living()
            meanwhile(stage, child)
        finally:
            child.kill()
        require_moved(stage, child)
        self.region.require_allowed()

    def another_finishes(self, stage: Stage, child: Child) -> None:
        """The same run, taken by another worker from its first step to its end."""
        self.region.here.go(stage.run)
        self.goes_on(stage, child)

    def another_releases(self, stage: Stage, child: Child) -> None:
        """And the next run comes when the stale one has ended."""
        moved = give_up(stage)
        self.goes_on(stage, child)
        if not moved:
            assert self.region.owner() == stage.run.old
            self.region.here.go(Run(stage.run.direction, limits=UNHURRIED))

    def another_releases_and_moves(self, stage: Stage, child: Child) -> None:
        """And the next run has moved the region before the stale one goes on."""
        if not give_up(stage):
            self.region.here.go(Run(stage.run.direction, limits=UNHURRIED))
        self.goes_on(stage, child)

    def goes_on(self, stage: Stage, child: Child) -> None:
        """It ends in some way of its own, but never by an error that nobody has foreseen."""
        ended = child.resume()
        found = self.region.cutover(stage.run)
        if found is not None and found.ended_at is None and found.switched_at is None:
            self.region.here.take(stage.run, Step.RELEASE)  # its own teardown
        assert ended == "done" or not ended.startswith("Traceback") or "psycopg.errors" in ended or "OperationalError" in ended, ended


def main() -> None:
    """Every moment, told step by step."""
    from tests.stores import running_cluster

    with running_cluster("two-runners") as cluster, ExitStack() as stack:
        both = TwoRunners(a_region(cluster, stack), tell=lambda line: print(line, flush=True))
        both.stop_everywhere()
    print(f"{both.stops.total()} stops, {len(both.failures)} failures")
    sys.exit(bool(both.failures))


if __name__ == "__main__":
    main()
