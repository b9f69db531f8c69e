"""The DAG of an ERP's deliveries: of the postings that it owns, or of the copies that it gets as a candidate."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pendulum
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, task

from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.bell import DeliveryBell
from hybrid_erp.wiring.pools import pool_of
from hybrid_erp.wiring.retries import ErpRetryPolicy

SECONDS_OF_WORK: Final = 25
LITTLE: Final = 100
#: A run costs Airflow about as much as a hundred postings cost the ERP: under steady traffic one stays for as long as it may.
STAY_SECONDS: Final = 5.0
#: One that delivers, one that tries again, and one that serves the companies beside them.
RUNS_AT_ONCE: Final = 3


def every(minutes: int, place: int) -> CronTriggerTimetable:
    """Every so many minutes (a divisor of 60), each DAG at a minute of its own: all at once, they hold up whatever rings just then."""
    return CronTriggerTimetable(f"{place % minutes}-59/{minutes} * * * *", timezone="UTC")


def delivery_dag(
    dag_id: str, erp: str, role: Role, *, clock: CronTriggerTimetable, lease_seconds: int, slots: int, doc_md: str | None
) -> DAG:
    """`survey`, and a `deliver` for each company with much work; woken by a bell, and by the clock as a safety net."""
    verb, _, _ = dag_id.partition("_")
    trigger = DeliveryBell(erp, role.value, slots)
    bell = Asset(f"hybrid-erp://{verb}/{erp}", watchers=[AssetWatcher(name=f"bell_{dag_id}", trigger=trigger)])
    with DAG(
        dag_id=dag_id,
        schedule=AssetOrTimeSchedule(timetable=clock, assets=[bell]),
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        max_active_runs=RUNS_AT_ONCE,
        doc_md=doc_md,
        tags=["hybrid-erp", verb, erp],
    ) as built:
        # Both longer than any call to an ERP may take: what is still there then hangs.
        @task(
            retry_policy=ErpRetryPolicy(),
            retries=3,
            retry_delay=timedelta(seconds=3),
            execution_timeout=timedelta(seconds=2 * (SECONDS_OF_WORK + lease_seconds)),
        )
        def survey(erp: str, role: str) -> list[str]:
            """Deliver what is little; name the companies that need a task of their own."""
            from hybrid_erp.wiring.tasks import survey_and_deliver

            return survey_and_deliver(erp, little=LITTLE, seconds=SECONDS_OF_WORK, stay_seconds=STAY_SECONDS, role=Role(role))

        @task(
            map_index_template="{{ task.op_kwargs['legal_entity'] }}",
            pool=pool_of(erp, role),
            retry_policy=ErpRetryPolicy(),
            retries=3,
            retry_delay=timedelta(seconds=5),
            execution_timeout=timedelta(seconds=SECONDS_OF_WORK + 2 * lease_seconds),
        )
        def deliver(erp: str, role: str, legal_entity: str) -> dict[str, int]:
            """Deliver one company's postings, as its only writer."""
            from hybrid_erp.wiring.tasks import deliver_company_visibly

            return deliver_company_visibly(erp, legal_entity, seconds=SECONDS_OF_WORK, role=Role(role))

        deliver.partial(erp=erp, role=role.value).expand(legal_entity=survey(erp, role.value))
    return built
