"""From the answer to a single event until the ERP has booked it, through a real Airflow at a quiet time. At most 5 s for 95 of 100."""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg
import requests

from benchmarks.report import Figure, Report
from sandbox import airflow_parts
from sandbox.demo.facade import FacadeClient
from sandbox.site import Site
from sandbox.store_setup import DATABASE
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import wait_for

EVENTS = 40
STATE = "SELECT state FROM outbox WHERE posting_id = %s"

# When Airflow begins, every schedule and every bell begins a run at once: the quiet time comes after them.
QUIET = "SELECT coalesce(bool_and(coalesce(end_date < clock_timestamp() - make_interval(secs => %s), false)), false) FROM dag_run"


def run(site: Site, report: Report) -> None:
    """`notify_to_posted_p95_s`."""
    client = FacadeClient(site, "lead")
    client.wait_until_listening()
    wait_until_quiet(site, seconds=5)
    with psycopg.connect(site.cluster.dsn(DATABASE), autocommit=True) as connection:
        waits = [_one(site, client, connection, number) for number in range(EVENTS)]
    p95 = statistics.quantiles(waits, n=20)[-1]
    note = f"p50 {statistics.median(waits):.2f} s, max {max(waits):.2f} s; LedgerSMB and Tryton in turn"
    print(note)
    report.add(Figure("notify_to_posted_p95_s", p95, None, None, "s", EVENTS, limit=5.0, note=note))


def wait_until_quiet(site: Site, seconds: float) -> None:
    """Until runs have ended, and the last one so long ago."""
    with psycopg.connect(site.cluster.dsn(airflow_parts.DATABASE), autocommit=True) as connection:
        wait_for(lambda: connection.execute(QUIET, (seconds,)).fetchone() == (True,), "Airflow's runs to end", timeout=180)


def _one(site: Site, client: FacadeClient, connection: psycopg.Connection[tuple[Any, ...]], number: int) -> float:
    event = a_journal_entry(("DE01", "AU01")[number % 2])
    answer = client.post_events(event)
    assert answer.status_code == requests.codes.accepted, answer.text
    began_at, posting_id = time.perf_counter(), answer.json()["posting_id"]
    while connection.execute(STATE, (posting_id,)).fetchone() != ("posted",):
        assert time.perf_counter() < began_at + 60, f"{posting_id} is not posted after a minute"
        time.sleep(0.02)
    waited = time.perf_counter() - began_at
    wait_until_quiet(site, seconds=1)  # the run that delivered it stays for a moment, and would take the next one at once
    return waited
