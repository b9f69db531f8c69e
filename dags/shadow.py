"""Bring the candidate level: copies of what the owner booked, to the ERP that a region moves to. One Airflow DAG for each such ERP.

**When it runs**: as soon as a copy is due (a bell on the store), and every two minutes.

**What it does**: `survey` and `deliver` send the copies, as the owner booked them: its number, its accounting date, its amounts,
in the order in which it booked them. They work like those of `deliver_`, with a pool, retries and dead letters of their own: a
candidate that is down, slow or refuses never delays, fails or occupies an owner. `capture` follows the books of both ERPs of the
region for what people posted in the ERPs' own screens, and brings it to the other one, or flags it, as the region's plan says.

**Red or waiting to retry**: the candidate is down, or the books of one of the two cannot be read. Copies wait in the store.

**A copy that the candidate refuses** is a *dead letter* of that copy alone: what the owner booked stays as it is. Repair the cause
and run `replay_dead_letters`. Until then the reconciliation of the region does not pass.

**Clearing, marking, killing a task** is always safe, as with every delivery.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import get_parsing_context, task

from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery_dag import delivery_dag, every
from hybrid_erp.wiring.retries import ErpRetryPolicy

# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
moving = {erp for region in settings().regions.values() if region.plan is not None for erp in (region.legacy, region.cloud)}
for place, name in enumerate(sorted(moving & set(settings().erps))):
    dag_id = f"shadow_{name}"
    if only in (None, dag_id):
        configured = settings().erps[name]
        slots, lease_seconds = configured.slots_of(Role.CANDIDATE), configured.lease_seconds
        with delivery_dag(
            dag_id, name, Role.CANDIDATE, clock=every(2, place), lease_seconds=lease_seconds, slots=slots, doc_md=__doc__
        ) as built:

            @task(retries=2, retry_delay=timedelta(seconds=10), retry_policy=ErpRetryPolicy(), max_active_tis_per_dag=1)
            def capture(candidate: str) -> dict[str, int]:
                """Follow the books of both ERPs of each region that this one is the candidate of."""
                from hybrid_erp.wiring.capture import capture_for

                return capture_for(candidate)

            capture(name)
        globals()[dag_id] = built
