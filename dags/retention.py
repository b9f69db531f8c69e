"""Erase payloads whose time has passed, by `config/retention.yaml`.

Every night, one task. As long as `dry_run` is true in that file it only says in its log what it would erase, what it keeps, and why; so
does `hybrid-erp payloads` at any time. What is not settled, may be in an ERP all the same, is of an open period or of a region that
moves, or has not been compared by a reconciliation, is kept beyond its time. What is erased is in the audit trail, with whose rule it was.

**Red**: the store cannot be reached, or is not believed after a restore. What was erased stays so. **Clearing** is safe.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, task

from hybrid_erp.wiring.configuration import settings

# Where nothing is ever erased, there is nothing to do every night.
has_rules = settings().retention is not None

with DAG(
    dag_id="retention",
    schedule=CronTriggerTimetable("40 5 * * *", timezone="UTC") if has_rules else None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    tags=["hybrid-erp", "retention"],
) as built:

    @task
    def erase_payloads() -> dict[str, int]:
        """Erase, or tell."""
        from hybrid_erp.wiring.retention import erase_what_is_due

        return erase_what_is_due(settings())

    erase_payloads()
