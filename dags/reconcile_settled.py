"""Compare our receipts with the ERP that owns them, for every region that does not move.

**When**: every night and on demand. The form narrows it to some legal entities; *depth* `all` also looks for what somebody altered
underneath the ERP, which costs a look at every row.

**What it does**: `begin` refuses what does not fit. `reconcile`, one task a legal entity: every document that we posted is in the ERP
still, posted, once, and books what was sent; the ERP's own totals are those of its documents; control accounts equal their open items;
number series have no gap that nothing explains; intercompany pairs are whole. What people post there natively is no difference. The first
run reads the ERP's books once from the beginning; after that only what changed. `verdict` writes the result.

**Red**: something of ours was altered, deleted, taken back or posted twice (`verdict`), or the ERP cannot be read (`reconcile`: it is
tried again and goes on where it was). The log of `verdict` names each reason and the report.

**Clearing** is safe: what was found once in a run is evidence and stays. For new figures start a new run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from hybrid_erp.wiring.load_retries import PatientRetryPolicy

SECTION = "Reconciliation"
DEPTHS = {"changed": "What changed since the last time", "all": "Also what was altered underneath the ERP"}

with DAG(
    dag_id="reconcile_settled",
    schedule=CronTriggerTimetable("30 4 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 4, "retry_delay": timedelta(seconds=30), "retry_policy": PatientRetryPolicy()},
    tags=["hybrid-erp", "reconcile"],
    params={
        "legal_entities": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Legal entities",
            description="All that do not move unless some are named.",
            section=SECTION,
        ),
        "depth": Param("changed", type="string", enum=list(DEPTHS), values_display=DEPTHS, title="Depth", section=SECTION),
    },
) as built:

    @task
    def begin(**context: Any) -> list[str]:
        """Check the request; the legal entities to compare."""
        from hybrid_erp.wiring.settled import begin_settled

        run = context["dag_run"]
        requested_by = str(run.triggering_user_name or "schedule")
        return begin_settled(run.conf or {}, run=run.run_id, requested_by=requested_by)

    @task(map_index_template="{{ task.op_kwargs['legal_entity'] }}")
    def reconcile(legal_entity: str, **context: Any) -> dict[str, int]:
        """Compare one legal entity."""
        from hybrid_erp.wiring.settled import reconcile_settled

        return reconcile_settled(legal_entity, run=context["dag_run"].run_id)

    @task(trigger_rule="all_done")
    def verdict(**context: Any) -> dict[str, str]:
        """Give the verdict on each region; fail visibly if one does not pass."""
        from hybrid_erp.wiring.settled import conclude_settled

        return conclude_settled(dag_id=context["dag"].dag_id, run=context["dag_run"].run_id)

    reconcile.expand(legal_entity=begin()) >> verdict()
