"""Send dead letters again after their cause has been repaired.

**When**: a person has corrected a mapping, a missing customer, a closed period. Trigger it with the postings' ids, or with a region and a
class of failure, and a reason. `dry_run` (the default) lists which postings it would be and changes nothing.

**Safe**: the key stays the same, so that nothing can be booked twice; where an earlier request may have arrived, the ERP is asked first.
The posting goes to whichever ERP owns it now.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from hybrid_erp.wiring.configuration import settings

FAILURES = ["", "validation", "period_closed", "conflict", "mapping_gap", "duplicate", "forbidden", "partial"]

with DAG(
    dag_id="replay_dead_letters",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["hybrid-erp", "replay"],
    params={
        "reason": Param("", type="string", title="Reason", description="What was repaired; goes to the audit trail.", section="Replay"),
        "posting_ids": Param([], type="array", items={"type": "string"}, title="Postings", section="Replay"),
        "region": Param("", type="string", enum=["", *sorted(settings().regions)], title="or all of a region", section="Replay"),
        "failure": Param("", type="string", enum=FAILURES, title="and of a class of failure", section="Replay"),
        "dry_run": Param(True, type="boolean", title="Dry run", description="List what would be sent; change nothing.", section="Replay"),
    },
) as built:

    @task(retries=2)
    def replay(**context: Any) -> dict[str, Any]:
        """Make the chosen dead letters wait again."""
        from hybrid_erp.wiring.tasks import replay_dead_letters

        run = context["dag_run"]
        return replay_dead_letters(dict(run.conf or {}), requested_by=str(run.triggering_user_name or "unknown"))

    replay()
