"""Keep the store fit and the ERPs tidy: seal, make partitions, count dead letters, tell outages, look for what arrived late.

* `keep_store` seals the audit trail, makes the next months' partitions and returns the number of dead letters.
* `keep_heads` keeps the seals outside the store, signed, where the Airflow Connection `hybrid_erp_audit_heads` says.
* `tell_outages` says which companies do not answer, since when, and when they are asked again; for each it returns the seconds.
* `look_again` asks the ERPs for dead letters whose request may have arrived all the same; what is found goes back to its delivery.
* `tell_hypercare` says of each region in hypercare what is open before its way back may be closed.
* `sweep_drafts` deletes drafts that arrived after their posting was settled: they would block the close of their period. A draft
  that bears our mark and whose posting the store does not know is told in its log, and a person decides.

A company that does not answer fails no task here; the log names it, and it is looked at again next time.

**Red**: the store cannot be reached. `keep_heads` also where the place outside cannot be reached, and where the store no longer holds what
was kept of it (`audit-trail-changed`): that is an incident. Keep the store as it is, find the first row with `hybrid-erp audit-heads`, and
call whoever answers for the audit trail.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, task

from hybrid_erp.wiring.reconcile_again import REGIONS_TO_RECONCILE, to_be_reconciled

WATCH_MOVES = """Watch regions that are cut over, every minute.

A freeze whose run is gone has ended by itself; this undoes what was locked out, and opens the owner again. A release that an ERP
had kept from its end goes on. Every lock-out that should stand is read back. While a move waits for people, its region is reconciled again
every `reconciliation_every_minutes` of its plan: the asset that this task then updates begins `reconcile_<region>`.

**Red**: somebody may post in an ERP that its region has left. The log says who and where. Take the right away; what was posted is
captured; reconcile the region.
"""

with DAG(
    dag_id="watch",
    schedule=CronTriggerTimetable("7-59/15 * * * *", timezone="UTC"),
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
    def keep_heads() -> dict[str, int]:
        """Keep what was sealed outside the store."""
        from hybrid_erp.wiring.audit_heads import keep_heads_outside

        return keep_heads_outside()

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

    @task(retries=3, retry_delay=timedelta(seconds=10))
    def tell_hypercare() -> dict[str, int]:
        """Say what keeps each region in hypercare."""
        from hybrid_erp.wiring.moves import tell_hypercare

        return tell_hypercare()

    keep_store() >> keep_heads()
    tell_outages()
    look_again()
    sweep_drafts()
    tell_hypercare()

with DAG(
    dag_id="watch_moves",
    schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=WATCH_MOVES,
    tags=["hybrid-erp", "watch"],
) as moves:

    @task(retries=1, retry_delay=timedelta(seconds=10), outlets=[REGIONS_TO_RECONCILE])
    def watch_moves(**context: Any) -> dict[str, int]:
        """End orphaned freezes; read lock-outs back; have regions reconciled whose move waits."""
        from hybrid_erp.wiring.moves import to_reconcile, watch_moves

        found = watch_moves()
        for region in to_reconcile():
            context["outlet_events"][REGIONS_TO_RECONCILE].add(to_be_reconciled(region))
        return found

    watch_moves()
