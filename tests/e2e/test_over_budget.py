"""A move that waits for people, in a real Airflow: its region is reconciled meanwhile, and its deadline is told when it has passed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from hybrid_erp.adapters.store.cutovers import PostgresCutovers
from hybrid_erp.model.cutover import CutoverRequest, Direction, Limits, Mode, Versions
from hybrid_erp.model.ownership import OWNED_KINDS
from sandbox.site import Site
from sandbox.store_setup import DATABASE, login_of
from tests.e2e.through_airflow import ThroughAirflow, wait_for

DAG = "cutover_emea"
#: The budget of the site's plan, and how long Airflow may need to notice.
TOLD_WITHIN_SECONDS = 95 + 60
LEGACY, CLOUD = "ledgersmb-emea", "tryton-emea"
TOLD = "SELECT actor, details->>'budget_seconds' FROM audit WHERE action = 'over_budget' AND details->>'cutover' = %s"


@contextmanager
def cutovers(site: Site) -> Iterator[PostgresCutovers]:
    with psycopg.connect(site.cluster.dsn(DATABASE, login_of("cutover")), autocommit=True) as connection:
        yield PostgresCutovers(connection, "tests")


def requested(store: PostgresCutovers, run: str) -> str:
    """What the preflight of a run writes once all is well."""
    asked = CutoverRequest(
        region="emea",
        direction=Direction.CUTOVER,
        mode=Mode.LIVE,
        kinds=OWNED_KINDS,
        legal_entities=("DE01", "UK01"),
        from_period="2026-11",
        old_owner=LEGACY,
        new_owner=CLOUD,
        run=run,
        requested_by="lead",
        reason="it is time",
        ticket="CHG-1",
    )
    limits = Limits(10, 30, 120, 15, 1)
    return str(store.request(asked, limits, Versions("f" * 64, {LEGACY: "1", CLOUD: "1"}, "1", "0.1.0")))


def reconciled_again(airflow: ThroughAirflow) -> bool:
    """Whether what watches the move has begun a reconciliation, and it has ended."""
    runs = airflow.lead.airflow("GET", "/dags/reconcile_emea/dagRuns")["dag_runs"]
    return any(each["run_type"] == "asset_triggered" and each["state"] == "success" for each in runs)


def test_a_run_that_waits_for_too_long_is_told_in_its_note_and_in_the_audit_trail(airflow: ThroughAirflow) -> None:
    lead = airflow.lead
    lead.airflow("PATCH", f"/dags/{DAG}", json={"is_paused": True})  # so that the run stands still, whatever would stop it otherwise
    run = lead.airflow("POST", f"/dags/{DAG}/dagRuns", json={"logical_date": None, "conf": {"mode": "live"}})["dag_run_id"]
    with cutovers(airflow.site) as store:
        cutover = requested(store, run)

        wait_for(lambda: reconciled_again(airflow), "the region to be reconciled while its move waits", timeout=TOLD_WITHIN_SECONDS)
        told = wait_for(lambda: airflow.store(TOLD, (cutover,)), "the deadline to be told", timeout=TOLD_WITHIN_SECONDS)

        assert told == [("deadline", "95")]
        note = wait_for(lambda: lead.airflow("GET", f"/dags/{DAG}/dagRuns/{run}")["note"], "the note of the run")
        assert "Over its budget: asked for at" in note
        assert "it may take 2 minutes and is legacy_only still" in note
        store.begin_release(store.under_way("emea")[0].cutover_id, reason="the test is over")
    lead.airflow("DELETE", f"/dags/{DAG}/dagRuns/{run}")
    lead.airflow("PATCH", f"/dags/{DAG}", json={"is_paused": False})
