"""How long the steps of a region's moves took. Needs the rights of `hybrid_erp_reader` alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from hybrid_erp.model.cutover import Direction, Step
from hybrid_erp.model.forecast import StepRun

#: So many runs back a region was another one.
RUNS_MAX: Final = 20
# A run that was given up says little of how long a step takes that goes through.
HISTORY: Final = """
    WITH past AS (
        SELECT cutover_id FROM cutover WHERE region = %(region)s AND direction = %(direction)s AND outcome IN ('rehearsed', 'switched')
        AND cutover_id IS DISTINCT FROM %(but)s::uuid ORDER BY ended_at DESC, cutover_id LIMIT %(runs_max)s
    )
    SELECT cutover_id, step, sum(extract(epoch FROM ended_at - began_at))::double precision
    FROM cutover_step JOIN past USING (cutover_id) WHERE ended_at IS NOT NULL AND step = ANY(%(steps)s)
    GROUP BY cutover_id, step ORDER BY cutover_id, step
"""
RUNS: Final = """
    SELECT step, began_at, ended_at FROM cutover_step WHERE cutover_id = %(cutover_id)s AND step = ANY(%(steps)s) ORDER BY step_id
"""
STEPS: Final = [step.value for step in Step]


@dataclass(frozen=True, slots=True)
class PostgresForecast:
    """Each method is one statement."""

    connection: Connection[tuple[Any, ...]]

    def history(self, region: str, direction: Direction, *, but: UUID | None = None) -> Sequence[dict[Step, float]]:
        """The seconds of each step in the last rehearsals and moves of a region that went through; `but` one of them."""
        terms = {"region": region, "direction": direction.value, "but": but, "runs_max": RUNS_MAX, "steps": STEPS}
        found: dict[UUID, dict[Step, float]] = defaultdict(dict)
        for cutover_id, step, seconds in self.connection.execute(HISTORY, terms):
            found[cutover_id][Step(step)] = seconds
        return list(found.values())

    def runs(self, cutover_id: UUID) -> Sequence[StepRun]:
        """What a run has done so far."""
        rows = self.connection.execute(RUNS, {"cutover_id": cutover_id, "steps": STEPS})
        return [StepRun(Step(step), began_at, ended_at) for step, began_at, ended_at in rows]
