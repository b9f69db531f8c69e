"""Run a region on two ERPs: open the dual run once the cloud ERP is loaded, and widen it entity by entity.

**Steps**, chosen in the form: *show* tells where the region stands; *start* opens the dual run, with nothing copied yet; *raise
share* copies a larger share of the entities (projects, customers), 1 %, 10 %, 100 %: what those that join have booked since the
load goes first, in order; *end* gives the dual run up. Balances can be compared at 100 % alone.

**Dry run** is on unless you switch it off: the log says what the step would do. A reason is needed; it goes to the audit trail.

**Red**: the region is not in the state that the step needs (not loaded, a copy under way, a share that would fall), or the request
does not fit. Nothing was changed; the log says what to do. **Clearing** a step repeats it, which changes nothing a second time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, get_parsing_context, task

from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.form import text
from hybrid_erp.wiring.retries import ErpRetryPolicy

STEPS = {"show": "Show where it stands", "start": "Start", "raise_share": "Raise the share", "end": "End"}


def dual_run_dag(region: str) -> DAG:
    """The steps of one region's dual run."""
    with DAG(
        dag_id=f"dual_run_{region}",
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        max_active_runs=1,
        doc_md=__doc__,
        tags=["hybrid-erp", "dual-run", region],
        params={
            "step": Param("show", type="string", enum=list(STEPS), values_display=STEPS, title="Step", section="Dual run"),
            "share_percent": Param(
                100, type="number", minimum=0.01, maximum=100, title="Share", description="Per cent of entities.", section="Dual run"
            ),
            "reason": text(title="Reason", description="Goes to the audit trail.", section="Dual run"),
            "dry_run": Param(True, type="boolean", title="Dry run", description="Say what it would do.", section="Dual run"),
        },
    ) as built:

        @task(retries=2, retry_delay=timedelta(seconds=10), retry_policy=ErpRetryPolicy())
        def step(region: str, **context: Any) -> list[str]:
            """Take the step that was asked for."""
            from hybrid_erp.wiring.dual_run import dual_run

            run = context["dag_run"]
            return dual_run(region, run.conf or {}, requested_by=str(run.triggering_user_name or "unknown"))

        step(region)
    return built


# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
for name, configured in settings().regions.items():
    if configured.plan is not None and only in (None, f"dual_run_{name}"):
        globals()[f"dual_run_{name}"] = dual_run_dag(name)
