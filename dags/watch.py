"""Keep the store fit: seal the audit trail, make next months' partitions, count dead letters, look again for lost ones.

A dead letter whose request may have arrived at an ERP all the same is looked for there; what is found goes back to its delivery.

**Red**: the store cannot be reached. Whether the audit trail still matches its seals is asked by `hybrid-erp audit-export` and
`hybrid-erp audit-verify`; a finding there is an incident: keep the store as it is and call whoever answers for the audit trail.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, task

with DAG(
    dag_id="watch",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["hybrid-erp", "watch"],
) as built:

    @task(retries=3, retry_delay=timedelta(seconds=10))
    def keep_store() -> dict[str, int]:
        """Seal, partition, count."""
        from hybrid_erp.wiring.tasks import keep_store

        return keep_store()

    @task(retries=3, retry_delay=timedelta(seconds=30))
    def look_again() -> dict[str, int]:
        """Ask the ERPs for dead letters that may have arrived after all."""
        from hybrid_erp.wiring.tasks import look_again_everywhere

        return look_again_everywhere()

    keep_store()
    look_again()
