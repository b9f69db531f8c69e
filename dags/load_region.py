"""Load a region into its cloud ERP: opening figures, open items, master data and unbilled time of one snapshot of the legacy ERP.

**When**: once for each legal entity, before the region's dual run. The first run is a *dry run*, unless you switch that off: its
log says for each legal entity what would be brought, and what must be mended first. Nothing is changed by it.

**What it does**: `read` takes one snapshot of the legacy ERP and stores it with its work list; a run that comes later goes on with
that list and never takes a second snapshot. `send` puts the list into the outbox, behind live traffic; `shadow_<cloud ERP>`
delivers it. `wait` tells how far it is. `verify` asks the cloud ERP itself: its trial balance, its open items and their ageing,
the clearing account, customers, projects, time. Once all agree, the boundary is drawn and `dual_run_<region>` may start.

**Red**: something must be mended first (an account that is not mapped, a subledger that differs from its control account, a
closed period), the cloud ERP refused a document, or a figure does not agree. The log names each, with what to do. Mend it (a
refused document: run `replay_dead_letters`), then run the load again or clear the red task: nothing is ever sent twice.

**To take another snapshot**, give the load up first, in the form; that needs a reason, and the cloud ERP must hold nothing of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, get_parsing_context, task
from airflow.sdk.definitions.param import ParamsDict

from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.form import text
from hybrid_erp.wiring.load_retries import PatientRetryPolicy

SECTION = "Load"
TRIES: dict[str, Any] = {"retries": 4, "retry_delay": timedelta(seconds=30), "retry_policy": PatientRetryPolicy()}
LOOK_EVERY_SECONDS = 20
DAYS_TO_DELIVER = 3


def load_dag(region: str, legal_entities: list[str]) -> DAG:
    """The load of one region, legal entity by legal entity."""
    with DAG(
        dag_id=f"load_{region}",
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        max_active_runs=1,
        default_args=TRIES,
        doc_md=__doc__,
        tags=["hybrid-erp", "load", region],
    ) as built:

        @task
        def request(region: str, **context: Any) -> list[str]:
            """Check the form; the legal entities to load."""
            from hybrid_erp.wiring.load import request_load

            return request_load(region, context["dag_run"].conf or {}, requested_by=who(context))

        @task(map_index_template="{{ task.op_kwargs['legal_entity'] }}")
        def read(region: str, legal_entity: str, **context: Any) -> str:
            """Read both ERPs, say what would be brought, and store the snapshot with its work list unless there is one."""
            from hybrid_erp.wiring.load import read_load

            read_load(region, legal_entity, context["dag_run"].conf or {}, requested_by=who(context))
            return legal_entity

        @task.short_circuit
        def go_on(read: list[str], **context: Any) -> list[str]:
            """A dry run ends here."""
            return [] if (context["dag_run"].conf or {}).get("dry_run", True) else list(read)

        @task(map_index_template="{{ task.op_kwargs['legal_entity'] }}")
        def send(region: str, legal_entity: str, **context: Any) -> int:
            """Put the work list into the outbox, behind live traffic."""
            from hybrid_erp.wiring.load import send_load

            return send_load(region, legal_entity, requested_by=who(context))

        @task.sensor(poke_interval=LOOK_EVERY_SECONDS, timeout=DAYS_TO_DELIVER * 86_400, mode="reschedule")
        def wait(region: str, legal_entities: list[str]) -> bool:
            """Until the cloud ERP has taken everything; tells how far it is."""
            from hybrid_erp.wiring.load_proof import is_delivered

            return is_delivered(region, legal_entities)

        @task(map_index_template="{{ task.op_kwargs['legal_entity'] }}")
        def verify(region: str, legal_entity: str, **context: Any) -> dict[str, int]:
            """Ask the cloud ERP for its figures."""
            from hybrid_erp.wiring.load_proof import verify

            return verify(region, legal_entity, requested_by=who(context))

        @task
        def verdict(region: str, legal_entities: list[str]) -> dict[str, str]:
            """What the store says of each load."""
            from hybrid_erp.wiring.load_proof import verdict_on_load

            return verdict_on_load(region, legal_entities)

        # Airflow hands over what the task before it returned.
        loaded: Any = read.partial(region=region).expand(legal_entity=request(region))
        chosen: Any = go_on(loaded)
        sent = send.partial(region=region).expand(legal_entity=chosen)
        delivered = wait(region, chosen)
        verified = verify.partial(region=region).expand(legal_entity=chosen)
        sent >> delivered >> verified >> verdict(region, chosen)
    # Given before, they would be copied deeply into each task, several times.
    built.params = ParamsDict(_params(legal_entities))
    return built


def _params(legal_entities: list[str]) -> dict[str, Param]:
    return {
        "dry_run": Param(True, type="boolean", title="Dry run", description="Say what would be brought.", section=SECTION),
        "legal_entities": Param(
            None, type=["null", "array"], items={"type": "string"}, examples=legal_entities, title="Legal entities",
            description="One a line; all of the region unless some are named.", section=SECTION,
        ),
        "load_on": Param(
            None, type=["null", "string"], format="date", title="Load date",
            description="The accounting date of all opening figures; the day of the snapshot unless it is given.", section=SECTION,
        ),
        "give_up": Param(False, type="boolean", title="Give the load up", description="To take another snapshot.", section=SECTION),
        "reason": text(title="Reason", description="Of giving up; to the audit trail.", section=SECTION),
    }  # fmt: skip


def who(context: dict[str, Any]) -> str:
    """Who started the run."""
    return str(context["dag_run"].triggering_user_name or "unknown")


# A task parses the whole file; it needs its own DAG alone.
only = get_parsing_context().dag_id
for name, configured in settings().regions.items():
    if configured.plan is not None and only in (None, f"load_{name}"):
        globals()[f"load_{name}"] = load_dag(name, sorted(configured.legal_entities))
