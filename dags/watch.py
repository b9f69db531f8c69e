"""Keep the store fit and the ERPs tidy: seal, make partitions, count dead letters, tell outages, look for what arrived late.

* `keep_store` seals the audit trail, makes the next months' partitions and returns the number of dead letters.
* `tell_outages` says which companies do not answer, since when, and when they are asked again; for each it returns the seconds.
* `look_again` asks the ERPs for dead letters whose request may have arrived all the same; what is found goes back to its delivery.
* `sweep_drafts` deletes drafts that arrived after their posting was settled: they would block the close of their period. A draft
  that bears our mark and whose posting the store does not know is told in its log, and a person decides.

A company that does not answer fails no task here; the log names it, and it is looked at again next time.

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
        from hybrid_erp.wiring.watching import keep_store

        return keep_store()

    @task(retries=3, retry_delay=timedelta(seconds=30))
    def look_again() -> dict[str, int]:
        """Ask the ERPs for dead letters that may have arrived after all."""
        from hybrid_erp.wiring.watching import look_again_everywhere

        return look_again_everywhere()

    @task(retries=3, retry_delay=timedelta(seconds=10))
    def tell_outages() -> dict[str, int]:
        """Say which companies do not answer."""
        from hybrid_erp.wiring.watching import tell_outages

        return tell_outages()

    @task(retries=3, retry_delay=timedelta(seconds=30))
    def sweep_drafts() -> dict[str, int]:
        """Delete drafts that arrived too late."""
        from hybrid_erp.wiring.watching import sweep_drafts_everywhere

        return sweep_drafts_everywhere()

    keep_store()
    tell_outages()
    look_again()
    sweep_drafts()
