"""An event goes in by HTTP and is in the books of the ERP that owns it, whatever part of Airflow dies meanwhile."""

from __future__ import annotations

import os
import signal

import psycopg
import requests

from sandbox import airflow_parts
from sandbox.demo.facade import FacadeClient
from sandbox.leftovers import programs_of
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import ThroughAirflow, wait_for

NOT_FOR_LOGS = "Settlement with J. Doe"
COMES_BACK_SECONDS = 90


def test_an_event_is_booked_once_by_the_erp_that_owns_it_and_by_no_other(airflow: ThroughAirflow) -> None:
    ledger, cloud = airflow.accept(a_journal_entry("DE01"), a_journal_entry("AU01"))
    airflow.wait_until_settled([ledger, cloud])

    assert airflow.booked("ledgersmb-emea", "DE01")[ledger] == 1
    assert airflow.booked("tryton-apac", "AU01")[cloud] == 1
    assert airflow.booked("tryton-emea", "DE01")[ledger] == 0
    assert airflow.booked("ledgersmb-apac", "AU01")[cloud] == 0


def test_a_refused_posting_is_a_dead_letter_and_fails_no_task(airflow: ThroughAirflow) -> None:
    earlier = airflow.runs_so_far("ledgersmb-emea")
    good = [a_journal_entry("UK01") for _ in range(120)]  # more than `survey` delivers by itself
    bad = a_journal_entry(
        "UK01", lines=[{"account": "5200", "debit": "1.00", "dimensions": {"cost_centre": "NONE"}}, {"account": "1000", "credit": "1.00"}]
    )
    ids = airflow.accept(*good[:60], bad, *good[60:])
    airflow.wait_until_settled(ids)

    assert airflow.states(ids) == {"posted": 120, "dead_lettered": 1}
    (instance,) = wait_for(lambda: airflow.deliveries("ledgersmb-emea", state="success", but=earlier), "the task to end")
    assert (instance["try_number"], instance["rendered_map_index"]) == (1, "UK01")
    delivery = airflow.lead.get(f"/v1/postings/{ids[60]}").json()["deliveries"][0]
    assert (delivery["state"], delivery["failure"]) == ("dead_lettered", "validation")
    assert "NONE" in delivery["message"]


def test_the_routes_are_locked_for_strangers_and_for_those_who_may_only_read(airflow: ThroughAirflow) -> None:
    site, event = airflow.site, a_journal_entry()
    api = f"{site.airflow_url}/hybrid-erp"
    viewer = FacadeClient(site, "viewer")

    assert requests.post(f"{api}/v1/events", json=event, timeout=30).status_code == 401
    assert requests.get(f"{api}/v1/ownership", timeout=30).status_code == 401
    assert viewer.get("/v1/ownership").status_code == 200
    assert viewer.post_events(event).status_code == 403
    cookie = {"_token": str(airflow.lead.session.headers["Authorization"]).removeprefix("Bearer ")}
    assert requests.get(f"{api}/v1/ownership", cookies=cookie, timeout=30).status_code == 200
    assert airflow.store("SELECT count(*) FROM posting WHERE event_id = %s", (event["id"],)) == [(0,)]


def test_a_killed_triggerer_comes_back_and_no_posting_waits_for_ever(airflow: ThroughAirflow) -> None:
    killed = programs_of(airflow.site.folder, "airflow-triggerer")
    for program in killed:
        os.kill(program.pid, signal.SIGKILL)
    ids = airflow.accept(a_journal_entry("DE01"), a_journal_entry("AU01"))

    assert airflow.wait_until_settled(ids, timeout=COMES_BACK_SECONDS) < COMES_BACK_SECONDS
    assert airflow.states(ids) == {"posted": 2}
    alive = {program.pid for program in programs_of(airflow.site.folder, "airflow-triggerer")}
    assert alive
    assert not alive & {program.pid for program in killed}


def test_no_log_and_no_xcom_holds_what_a_document_says(airflow: ThroughAirflow) -> None:
    ids = airflow.accept(a_journal_entry("DE01", description=NOT_FOR_LOGS), a_journal_entry("AU01", description=NOT_FOR_LOGS))
    airflow.wait_until_settled(ids)

    for log in airflow.site.folder.glob("**/*.log"):
        assert NOT_FOR_LOGS not in log.read_text(errors="replace"), log
    with psycopg.connect(airflow.site.cluster.dsn(airflow_parts.DATABASE)) as connection:
        values = [str(value) for (value,) in connection.execute("SELECT value FROM xcom")]
    assert values
    assert not [value for value in values if NOT_FOR_LOGS in value]
