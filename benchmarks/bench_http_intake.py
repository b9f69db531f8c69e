"""Intake over HTTP, by the API as a process of its own: how many events a second in batches, and how long a single one waits.

The baseline is the same ASGI server under an application that reads the body and answers an empty 202: what is above it is the product's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import requests

from benchmarks.report import Figure, Report
from benchmarks.store import a_bench_store
from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from sandbox.ports import free_ports
from sandbox.postgres import HOST
from sandbox.site import Site
from sandbox.store_setup import login_of
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import wait_for

CLIENTS, BATCH, BATCHES, ROUNDS = 4, 500, 12, 3
SINGLE_PER_SECOND, SINGLE_SECONDS = 50, 12
SOURCE: Final = "ledger"
OURS: Final = ("-m", "hybrid_erp.wiring.cli", "api", "--port")
EMPTY: Final = ("-m", "benchmarks.empty_api")


def run(site: Site, report: Report) -> None:
    """`intake_http_per_s` and `intake_http_p99_ms`."""
    database = a_bench_store(site, "bench_http_intake")
    with psycopg.connect(site.cluster.dsn(database, login_of("cutover")), autocommit=True) as connection:
        until = datetime.now(UTC) + timedelta(days=1)
        token = PostgresSourceKeys(connection).issue(SOURCE, expires_at=until, by="bench", reason="bench").text
    with _served(site, database, OURS) as ours, _served(site, database, EMPTY) as empty:
        _batched(ours, token, BATCHES)  # warm: connections, statements, caches
        pairs = [(_batched(ours, token, BATCHES), _batched(empty, token, BATCHES)) for _ in range(ROUNDS)]
        per_second, baseline = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        p99, quick = _single(ours, token), _single(empty, token)
    with psycopg.connect(site.cluster.dsn(database)) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM posting").fetchone() or (0,)
    sent = (ROUNDS + 1) * CLIENTS * BATCHES * BATCH + SINGLE_PER_SECOND * SINGLE_SECONDS
    assert stored == sent, f"{stored} of {sent} events were stored, so the figures mean nothing"
    note = f"{CLIENTS} clients with batches of {BATCH}; baseline: an empty 202 by the same server"
    report.add(Figure("intake_http_per_s", per_second, baseline, ratio, "1/s", sent, higher_is_better=True, note=note))
    note = f"single events at {SINGLE_PER_SECOND} a second; baseline as above"
    report.add(Figure("intake_http_p99_ms", p99, quick, p99 / quick, "ms", SINGLE_PER_SECOND * SINGLE_SECONDS, note=note))


@contextmanager
def _served(site: Site, database: str, program: Sequence[str]) -> Iterator[str]:
    """A process that answers; its address."""
    (port,) = free_ports(1)
    stores = {
        f"AIRFLOW_CONN_HYBRID_ERP_{duty.upper()}": f"postgres://hybrid_erp_{duty}_login@{HOST}:{site.cluster.port}/{database}"
        for duty in ("intake", "reader")
    }
    with (site.folder / f"http-intake-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *program, str(port)], env=site.environment() | stores, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        url = f"http://{HOST}:{port}"
        wait_for(lambda: process.poll() is not None or _answers(url), f"{' '.join(program)} to answer")
        assert process.poll() is None, (site.folder / f"http-intake-{port}.log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/live", timeout=5).ok
    except requests.ConnectionError:
        return False


def _session(token: str) -> requests.Session:
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    return session


def _batched(url: str, token: str, batches: int) -> float:
    """Events a second, sent by all clients at once."""
    bodies = [[_body(BATCH) for _ in range(batches)] for _ in range(CLIENTS)]
    begin = threading.Barrier(CLIENTS + 1, timeout=60)

    def send(mine: list[bytes]) -> None:
        with _session(token) as session:
            begin.wait()
            for body in mine:
                answer = session.post(f"{url}/v1/events", data=body, timeout=120)
                assert answer.status_code == requests.codes.accepted, answer.text[:500]

    with ThreadPoolExecutor(CLIENTS) as pool:
        sent = [pool.submit(send, mine) for mine in bodies]
        begin.wait()
        began_at = time.perf_counter()
        for each in sent:
            each.result()
    return CLIENTS * batches * BATCH / (time.perf_counter() - began_at)


def _single(url: str, token: str) -> float:
    """99 of 100 single events are answered in so many milliseconds after the moment at which each is due, however slow the ones before."""
    bodies = [_body(None) for _ in range(SINGLE_PER_SECOND * SINGLE_SECONDS)]
    local = threading.local()
    began_at = time.perf_counter() + 0.5

    def send(number: int) -> float:
        if not hasattr(local, "session"):
            local.session = _session(token)
        due_at = began_at + number / SINGLE_PER_SECOND
        time.sleep(max(due_at - time.perf_counter(), 0))  # the load itself: so many a second, whatever the answers take
        answer = local.session.post(f"{url}/v1/events", data=bodies[number], timeout=60)
        assert answer.status_code == requests.codes.accepted, answer.text[:500]
        return time.perf_counter() - due_at

    with ThreadPoolExecutor(8) as pool:
        took = list(pool.map(send, range(len(bodies))))
    return 1000 * statistics.quantiles(took, n=100)[-1]


def _body(count: int | None) -> bytes:
    """A batch of so many events, or one event."""
    if count is None:
        return json.dumps(a_journal_entry(source=SOURCE)).encode()
    return json.dumps([a_journal_entry(source=SOURCE) for _ in range(count)]).encode()
