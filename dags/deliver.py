"""Deliver what waits to the ERP that owns it: one Airflow DAG for each ERP.

**When it runs**: as soon as a posting is accepted (a bell on the store), and every ten minutes as a safety net.

**What it does**: `survey` asks the store at which companies work is due. What is little it delivers itself; each company with
much work, or one whose ERP cannot be reached, gets a `deliver` task of its own, named after the company. A task works until its
queue is empty or its time is up. What it has settled stays settled.

**Limits**: `deliver` tasks need Airflow's pool of the ERP (`hybrid-erp pools` writes it; a task whose pool is missing waits
without a word). The store has the same limits once more, as leases: so many companies of an ERP at once, and one writer a company.
A task that finds its company's turn taken ends at once, green, and its log says who has it until when. Some runs may go on side by
side, so that a company that is tried again holds up no other.

**Red or waiting to retry**: the ERP is down or asks to wait. Nothing is lost: postings wait in the store, and delivery goes on
by itself when the ERP answers. A run tries three times more within a minute; then the store lets the company rest, for up to a
minute or as long as the ERP asks, and a new run tries again. The task's log says which company waits and why, and under "Post
Execute" when it is tried again; the survey's log tells which company rests. While a task waits, Airflow shows its number in
place of the company's name: the last lines of the survey's log say which number is which company.

**A posting that the ERP refuses for good** is a *dead letter*: it fails no task; repair its cause and run `replay_dead_letters`.

**Clearing, marking, killing a task** is always safe: who may send what is decided in the store, and every second attempt asks
the ERP first.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, get_parsing_context, task

from hybrid_erp.wiring.bell import DeliveryBell
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.pools import pool_of
from hybrid_erp.wiring.retries import ErpRetryPolicy

SECONDS_OF_WORK = 25
LITTLE = 100
# One that delivers, one that tries again, and one that serves the companies beside them.
RUNS_AT_ONCE = 3


def delivery_dag(erp: str, lease_seconds: int) -> DAG:
    """The way of one ERP's postings."""
    bell = Asset(f"hybrid-erp://due/{erp}", watchers=[AssetWatcher(name=f"bell_{erp}", trigger=DeliveryBell(erp))])
    with DAG(
        dag_id=f"deliver_{erp}",
        schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("*/10 * * * *", timezone="UTC"), assets=[bell]),
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        max_active_runs=RUNS_AT_ONCE,
        doc_md=__doc__,
        tags=["hybrid-erp", "deliver", erp],
    ) as built:

        @task(retries=3, retry_delay=timedelta(seconds=3))
        def survey(erp: str) -> list[str]:
            """Deliver what is little; name the companies that need a task of their own."""
            from hybrid_erp.wiring.tasks import survey_and_deliver

            return survey_and_deliver(erp, little=LITTLE, seconds=SECONDS_OF_WORK)

        @task(
            map_index_template="{{ task.op_kwargs['legal_entity'] }}",
            pool=pool_of(erp),
            retry_policy=ErpRetryPolicy(),
            retries=3,
            retry_delay=timedelta(seconds=5),
            # Longer than any call to an ERP may take: what is still there then hangs.
            execution_timeout=timedelta(seconds=SECONDS_OF_WORK + 2 * lease_seconds),
        )
        def deliver(erp: str, legal_entity: str) -> dict[str, int]:
            """Deliver one company's postings, as its only writer."""
            from hybrid_erp.wiring.tasks import deliver_company_visibly

            return deliver_company_visibly(erp, legal_entity, seconds=SECONDS_OF_WORK)

        deliver.partial(erp=erp).expand(legal_entity=survey(erp))
    return built


# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
for name, configured in settings().erps.items():
    if only in (None, f"deliver_{name}"):
        globals()[f"deliver_{name}"] = delivery_dag(name, configured.lease_seconds)
