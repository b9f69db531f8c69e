"""A move that takes longer than it may is told: in a log, in the run's note, and once in the audit trail.

Nothing is stopped here. What protects the books are limits of the store: a freeze that ends by itself, and budgets within the steps.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from hybrid_erp.adapters.store.cutovers import PostgresCutovers
from hybrid_erp.model.cutover import Cutover
from hybrid_erp.model.cutover_plan import CutoverPlan
from hybrid_erp.wiring.cutover_note import expected_of, note_plan_against_actual
from hybrid_erp.wiring.delivery import store_connection

log: Final = logging.getLogger(__name__)


def budget_alert(region: str, plan: CutoverPlan) -> DeadlineAlert:
    """Airflow's own alarm for a whole run. It counts from the moment that the run is asked for, and is rung by Airflow's triggerer."""
    terms = {"region": region, "budget_seconds": plan.run_seconds_max}
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=plan.run_seconds_max),
        callback=AsyncCallback(tell_run_over_budget, kwargs=terms),
        name="budget of the run",
    )


async def tell_run_over_budget(region: str, budget_seconds: float, context: Mapping[str, Any]) -> None:
    """What the alert does."""
    await asyncio.to_thread(run_over_budget, region, str(context["dag_run"]["dag_run_id"]), budget_seconds)


def run_over_budget(region: str, run: str, budget_seconds: float) -> bool:
    """Tell of a run whose whole budget is used up; False: it has ended, or changes nothing."""
    with store_connection("cutover") as connection:
        store = PostgresCutovers(connection, "deadline")
        found = store.of_run(region, run)
        if found is None or found.ended_at is not None:
            log.info("The run %s has ended, or changes nothing.", run)
            return False
        store.note_over_budget(found.cutover_id, budget_seconds)
    _tell(found, f"asked for at {found.requested_at:%H:%M} UTC, it may take {budget_seconds / 60:.0f} minutes and is {found.phase} still")
    return True


def tell_late_step(found: Cutover) -> bool:
    """Tell of a move that is frozen, and whose present step takes longer than nine of ten did, or will not switch in time."""
    expected = expected_of(found)
    late = [each for each in expected.steps if each.is_under_way and each.is_late]
    if not found.active or not (late or expected.should_turn_back):
        return False
    told = [
        f"{each.step} has taken {each.actual_seconds:.0f} s, nine of ten took {each.plan.p90_seconds:.0f} s" for each in late if each.plan
    ]
    if expected.should_turn_back:
        told.append(f"the switch is expected after {expected.limit_at:%H:%M:%S} UTC, when the freeze ends by itself: turn back")
    _tell(found, "; ".join(told))
    return True


def _tell(found: Cutover, what: str) -> None:
    log.warning("%s %s of %s is over its budget: %s.", found.mode, found.direction, found.region, what)
    note_plan_against_actual(found, warning=f"Over its budget: {what}.")
