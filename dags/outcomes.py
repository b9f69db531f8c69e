"""Tell upstream systems what became of their postings, by their webhooks.

* `due_webhooks` names the sources that have a webhook with something due. It is an empty list most of the time.
* `send`, one task a source, sends outcomes in order, at least once, until all are told, the receiver does not take one, or 40 seconds
  are over; the next run goes on.

A receiver that is down fails no task and holds up no other source: its outcomes wait and are sent again after 5 seconds to 10 hours. One
that is not taken in nine tries is dead: `hybrid-erp webhooks` shows it, `hybrid-erp webhooks-replay` sends it again.

**Red**: the store cannot be reached, or a webhook's Connection is missing or wrong; the log says which. Nothing is lost: what was not
told is told when it is put right. **Clearing** is safe: at worst an outcome is sent twice, under the same id.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, task

from hybrid_erp.wiring.configuration import settings

# Where no source has a webhook, there is nobody to be told every minute.
told = any(source.webhook_connection for source in settings().sources.values())

with DAG(
    dag_id="send_outcomes",
    schedule=CronTriggerTimetable("* * * * *", timezone="UTC") if told else None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["hybrid-erp", "outcomes"],
) as built:

    @task
    def due_webhooks() -> list[str]:
        """Name the sources that have something to be told."""
        from hybrid_erp.wiring.outcomes import due_webhooks

        return due_webhooks(settings())

    @task(map_index_template="{{ task.op_kwargs['source'] }}", execution_timeout=timedelta(seconds=90))
    def send(source: str) -> dict[str, int]:
        """Tell one source."""
        from hybrid_erp.wiring.outcomes import send_outcomes_of

        return send_outcomes_of(source, settings(), seconds=40)

    send.expand(source=due_webhooks())
