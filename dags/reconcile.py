"""Reconcile a region's two ERPs: to the cent, with exactly one class for each thing on which they disagree.

**When**: every night while the region runs on two ERPs, on demand, before every cutover, and again and again while a move of the region
waits for people (`watch_moves` then updates the asset that begins a run). The form narrows it to some legal entities; *depth* `all` also
looks for what somebody altered underneath the ERPs, which costs a look at every row.

**What it does**: `begin` refuses early (no plan, a rule that has ended). `reconcile`, one task a legal entity: both ERPs' own trial
balances, open items, projects and series; the documents that changed since the last time; where they disagree, the documents that
differ, each with its class. What is in flight is waited for and looked at again before anybody is told. `verdict` writes the result.

**Red**: the two do not agree within the tolerances of the region's plan (`verdict`), an ERP cannot be read (`reconcile`: it is tried
again and goes on where it was), or the request does not fit (`begin`). The log of `verdict` names each reason and the report, which
leads from each difference to the document in both ERPs and says what to do.

**Clearing** is safe: what was found once in a run is evidence and stays; legal entities that are missing are reconciled. For new
figures start a new run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, get_parsing_context, task

from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.load_retries import PatientRetryPolicy
from hybrid_erp.wiring.reconcile_again import to_be_reconciled

SECTION = "Reconciliation"
DEPTHS = {"changed": "What changed since the last time", "all": "Also what was altered underneath the ERPs"}


def reconcile_dag(region: str, legal_entities: list[str], *, minute: int) -> DAG:
    """The reconciliation of one region; `minute` of the third hour, so that regions do not all begin at once."""
    with DAG(
        dag_id=f"reconcile_{region}",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(f"{minute} 3 * * *", timezone="UTC"), assets=[to_be_reconciled(region)]
        ),
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        max_active_runs=1,
        doc_md=__doc__,
        default_args={"retries": 4, "retry_delay": timedelta(seconds=30), "retry_policy": PatientRetryPolicy()},
        tags=["hybrid-erp", "reconcile", region],
        params={
            "legal_entities": Param(
                None,
                type=["null", "array"],
                items={"type": "string"},
                examples=legal_entities,
                title="Legal entities",
                description="All of the region unless some are named.",
                section=SECTION,
            ),
            "depth": Param("changed", type="string", enum=list(DEPTHS), values_display=DEPTHS, title="Depth", section=SECTION),
        },
    ) as built:

        @task
        def begin(region: str, **context: Any) -> list[str]:
            """Check the request; the legal entities to reconcile."""
            from hybrid_erp.wiring.reconciliation import begin_reconciliation

            run = context["dag_run"]
            requested_by = str(run.triggering_user_name or "schedule")
            return begin_reconciliation(region, run.conf or {}, run=run.run_id, requested_by=requested_by)

        @task(map_index_template="{{ task.op_kwargs['legal_entity'] }}")
        def reconcile(region: str, legal_entity: str, **context: Any) -> dict[str, int]:
            """Reconcile one legal entity."""
            from hybrid_erp.wiring.reconciliation import reconcile_legal_entity

            return reconcile_legal_entity(region, legal_entity, run=context["dag_run"].run_id)

        @task(trigger_rule="all_done")
        def verdict(region: str, **context: Any) -> dict[str, str]:
            """Give the verdict; fail visibly if it is not a pass."""
            from hybrid_erp.wiring.reconciliation import conclude_reconciliation

            return conclude_reconciliation(region, dag_id=context["dag"].dag_id, run=context["dag_run"].run_id)

        reconcile.partial(region=region).expand(legal_entity=begin(region)) >> verdict(region)
    return built


# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
for place, (name, configured) in enumerate(sorted(settings().regions.items())):
    if name in settings().moving and only in (None, f"reconcile_{name}"):
        globals()[f"reconcile_{name}"] = reconcile_dag(name, sorted(configured.legal_entities), minute=place % 60)
