"""Send dead letters again after their cause has been repaired.

**When**: a person has corrected a mapping, a missing customer, a closed period. Say why, and which: the postings' ids, or a
region, a class of failure, or both. The first run is a *dry run*, unless you switch that off: its log lists the postings, and
nothing is changed.

**Safe**: the key stays the same, so that nothing can be booked twice; where an earlier request may have arrived, the ERP is
asked first. The posting goes to whichever ERP owns it now.

**Red**: the request does not fit (no reason, nothing chosen, a posting that is no dead letter, an unknown word). Nothing was
changed; the log says what to correct.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.form import text
from hybrid_erp.wiring.retries import ErpRetryPolicy

FAILURES = ["validation", "period_closed", "conflict", "mapping_gap", "duplicate"]


def choice(among: list[str], title: str, description: str) -> Param:
    """A choice that may be left empty; the form insists on every parameter that has no null."""
    return Param(
        None,
        type=["null", "string"],
        enum=[None, *among],
        title=title,
        description=description,
        section="Replay",
        values_display={"null": "(any)"},
    )


with DAG(
    dag_id="replay_dead_letters",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["hybrid-erp", "replay"],
    params={
        "reason": text(title="Reason", description="What was repaired; goes to the audit trail.", section="Replay"),
        "posting_ids": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            title="Postings",
            description="Their ids, one a line; then region and failure do not count.",
            section="Replay",
        ),
        "region": choice(sorted(settings().regions), "Region", "All dead letters of a region."),
        "failure": choice(FAILURES, "Failure", "All dead letters of a class of failure; with a region: of that region alone."),
        "dry_run": Param(True, type="boolean", title="Dry run", description="List what would be sent; change nothing.", section="Replay"),
    },
) as built:

    @task(retries=2, retry_delay=timedelta(seconds=10), retry_policy=ErpRetryPolicy())
    def replay(**context: Any) -> dict[str, Any]:
        """Make the chosen dead letters wait again."""
        from hybrid_erp.wiring.tasks import replay_dead_letters

        run = context["dag_run"]
        return replay_dead_letters(dict(run.conf or {}), requested_by=str(run.triggering_user_name or "unknown"))

    replay()
