"""The API as a process of its own, started for real: what it opens, what it does when it is full, stopped or killed."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
import yaml
from starlette.routing import Mount, Route

from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from hybrid_erp.wiring import cli
from hybrid_erp.wiring.api_process import api_process
from hybrid_erp.wiring.facade import StoreSide
from hybrid_erp.wiring.store_terms import terms_from_environment
from sandbox.postgres import free_port
from sandbox.site import plain_environment
from sandbox.store_setup import login_of
from tests.builders import CONFIG, a_journal_entry
from tests.receiver import running_receiver
from tests.stores import Store, wait_until
from tests.web.client import problem_in
from tests.web.issuer import AUDIENCE, ISSUER, Issuer, answering, serving
from tests.web.test_login import DOORS

SENDERS: Final = 4
WAITING: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
NEEDED: Final = ("AIRFLOW_CONN_HYBRID_ERP_INTAKE", "AIRFLOW_CONN_HYBRID_ERP_READER")


def environment(**more: str) -> dict[str, str]:
    """What the process needs, and nothing of Airflow."""
    path = os.pathsep.join(path for path in sys.path if path)
    return plain_environment() | {"PYTHONPATH": path, "HYBRID_ERP_CONFIG": str(CONFIG)} | {name: os.environ[name] for name in NEEDED} | more


@dataclass
class Replica:
    """One running process."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_live(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/live").status_code == 204
        except httpx.TransportError:
            return False

    def ask(self, method: str, path: str, token: str | None, **content: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(method, f"{self.url}{path}", headers=headers, timeout=60, **content)


Start = Callable[..., Replica]


@pytest.fixture
def start(store: Store, tmp_path: Path) -> Iterator[Start]:
    """Starts replicas; whatever still runs at the end is killed."""
    running: list[Replica] = []

    def started(**variables: str) -> Replica:
        port, log = free_port(), tmp_path / f"replica-{len(running)}.log"
        command = [sys.executable, "-m", "hybrid_erp.wiring.cli", "api", "--port", str(port)]
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=environment(**variables), stdout=out, stderr=out)
        running.append(Replica(port, process, log))
        wait_until(running[-1].is_live, seconds=60)
        return running[-1]

    yield started
    for replica in running:
        replica.process.kill()
        replica.process.wait()


@pytest.fixture
def token(store: Store) -> str:
    keys = PostgresSourceKeys(store.connect("cutover"))
    return keys.issue("ledger", expires_at=datetime.now(UTC) + timedelta(days=1), by="lead", reason="tests").text


def some_events(count: int) -> list[dict[str, Any]]:
    return [a_journal_entry(source="ledger") for _ in range(count)]


@contextmanager
def half_sent(replica: Replica, token: str) -> Iterator[Callable[[], int]]:
    """A request that is inside with half of its body; call it to send the rest."""
    body = httpx.Request("POST", "http://api", json=some_events(1)).content
    connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=60)
    connection.putrequest("POST", "/v1/events")
    for name, value in (("Authorization", f"Bearer {token}"), ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body[:20])

    def finish() -> int:
        connection.send(body[20:])
        with connection.getresponse() as response:
            return response.status

    try:
        yield finish
    finally:
        connection.close()


def test_the_process_opens_one_door_that_tells_nothing_and_locks_all_others(start: Start, token: str) -> None:
    replica = start()

    live = replica.ask("GET", "/live", None)
    assert (live.status_code, live.content) == (204, b"")
    for method, path in DOORS:
        problem_in(replica.ask(method, path, None, content=b"{}"), 401, "not-signed-in")
        problem_in(replica.ask(method, path, "a-token-of-airflow", content=b"{}"), 401, "not-signed-in")
    assert replica.ask("GET", "/v1/schemas", token).status_code == 200
    problem_in(replica.ask("GET", "/v1/ownership", token), 403, "forbidden")


def test_the_open_door_is_the_only_one_of_the_process() -> None:
    live, rest = api_process(StoreSide(terms_from_environment), 1).routes

    assert isinstance(live, Route)
    assert (live.path, live.methods) == ("/live", {"GET", "HEAD"})
    assert isinstance(rest, Mount)


def test_the_process_loads_nothing_of_airflow() -> None:
    words = (
        "import hybrid_erp.wiring.cli, hybrid_erp.wiring.api_process, sys; print([m for m in sys.modules if m.split('.')[0] == 'airflow'])"
    )
    path = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    ran = subprocess.run([sys.executable, "-c", words], env=plain_environment() | path, capture_output=True, check=True)

    assert ran.stdout.decode().strip() == "[]"


def test_a_replica_that_is_killed_in_mid_batch_loses_nothing_and_repeats_nothing(start: Start, store: Store, token: str) -> None:
    doomed, stays = start(), start()
    batches = [some_events(100) for _ in range(24)]
    answered, cut, enough = [0], [0], threading.Event()

    def send(number: int) -> list[dict[str, Any]]:
        """To one replica, and when that does not answer, to the other."""
        for replica in (doomed, stays) if number % 2 else (stays, doomed):
            try:
                response = replica.ask("POST", "/v1/events", token, json=batches[number])
            except httpx.ConnectError:
                continue
            except httpx.TransportError:
                cut[0] += 1
                continue
            assert response.status_code in {200, 202}, response.text
            answered[0] += 1
            if answered[0] == 5:
                enough.set()
            return list(response.json()["answers"])
        raise AssertionError("nobody answered")

    with ThreadPoolExecutor(SENDERS) as senders:
        sent = [senders.submit(send, number) for number in range(len(batches))]
        assert enough.wait(60)
        with psycopg.connect(store.cluster.dsn(store.database)) as holding:  # every sender stops in the middle of storing its batch
            holding.execute("LOCK TABLE outbox IN SHARE MODE")
            wait_until(lambda: store.one(WAITING) == SENDERS)
            doomed.process.send_signal(signal.SIGKILL)
            doomed.process.wait()
            wait_until(lambda: cut[0] > 0)
        answers = [answer for each in sent for answer in each.result()]

    assert doomed.process.wait() == -signal.SIGKILL
    assert {answer["verdict"] for answer in answers} <= {"accepted", "duplicate"}
    stored = {str(row["posting_id"]) for row in store.sql("SELECT posting_id FROM posting")}
    assert {answer["posting_id"] for answer in answers} == stored
    assert store.counts()["posting"] == store.counts()["outbox"] == len(stored) == 2400


def test_a_full_process_turns_away_and_loses_nothing(start: Start, store: Store, token: str) -> None:
    replica = start(HYBRID_ERP_REQUESTS_MAX="1")
    turned_away = []

    with half_sent(replica, token) as finish:
        wait_until(lambda: replica.ask("GET", "/v1/schemas", token).status_code == 429)
        full = replica.ask("POST", "/v1/events", token, json=some_events(1))
        problem_in(full, 429, "intake-full")
        assert int(full.headers["retry-after"]) >= 1
        assert replica.is_live()
        assert finish() == 202

    def send_until_taken(events: list[dict[str, Any]]) -> None:
        while (response := replica.ask("POST", "/v1/events", token, json=events)).status_code == 429:
            turned_away.append(response)
        assert response.status_code == 202, response.text

    with ThreadPoolExecutor(6) as senders:
        list(senders.map(send_until_taken, [some_events(20) for _ in range(12)]))

    assert turned_away
    assert store.counts()["posting"] == 1 + 12 * 20


def test_a_process_that_is_told_to_stop_answers_what_is_inside(start: Start, store: Store, token: str) -> None:
    replica = start(HYBRID_ERP_REQUESTS_MAX="1")

    with half_sent(replica, token) as finish:
        wait_until(lambda: replica.ask("GET", "/v1/schemas", token).status_code == 429)
        replica.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(replica))
        assert finish() == 202

    replica.process.wait(timeout=30)
    assert store.counts()["posting"] == 1


def refuses_connections(replica: Replica) -> bool:
    try:
        httpx.get(f"{replica.url}/live")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # it was still taken, and then let go of
        return False
    return False


def test_a_source_with_an_identity_provider_sends_with_its_token(start: Start, store: Store, tmp_path: Path) -> None:
    issuer = Issuer()
    with serving(answering(200, json.dumps(issuer.publish("")).encode())) as url:
        folder = Path(shutil.copytree(CONFIG, tmp_path / "config"))
        content = yaml.safe_load((folder / "sources.yaml").read_text())
        content["sources"]["ledger"]["oauth"] = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": url, "client_id": "ledger-client"}
        (folder / "sources.yaml").write_text(yaml.safe_dump(content))
        replica = start(HYBRID_ERP_CONFIG=str(folder))

        assert replica.ask("POST", "/v1/events", issuer.token(), json=some_events(1)).status_code == 202
        problem_in(replica.ask("POST", "/v1/events", issuer.token(client_id="psa-client"), json=[]), 401, "not-signed-in")
        problem_in(replica.ask("POST", "/v1/events", issuer.token(), json=a_journal_entry(source="psa")), 403, "forbidden")
    assert store.one("SELECT accepted_by FROM posting") == "ledger/client:ledger-client"


def test_no_secret_is_in_what_the_process_writes(start: Start, token: str) -> None:
    replica = start()
    for path in ("/v1/schemas", "/v1/ownership", f"/v1/trace/{token[:10]}"):
        for each in (token, token[:-1], token.replace("ledger", "x")):
            replica.ask("GET", path, each)
    replica.process.terminate()
    replica.process.wait(timeout=30)

    assert token not in replica.log.read_text()
    assert token[17:60] not in replica.log.read_text()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AIRFLOW_CONN_HYBRID_ERP_INTAKE", ""),
        ("AIRFLOW_CONN_HYBRID_ERP_READER", "{secret"),
        ("AIRFLOW_CONN_HYBRID_ERP_INTAKE", "secret"),
        ("HYBRID_ERP_REQUESTS_MAX", "many"),
    ],
)
def test_a_process_that_lacks_something_says_what_and_does_not_start(store: Store, variable: str, value: str) -> None:
    command = [sys.executable, "-m", "hybrid_erp.wiring.cli", "api", "--port", str(free_port())]

    ran = subprocess.run(command, env=environment(**{variable: value}), capture_output=True, check=False, timeout=60)

    assert ran.returncode == 2
    assert variable in ran.stderr.decode()
    assert "secret" not in ran.stderr.decode()


@pytest.mark.parametrize(
    ("value", "terms"),
    [
        ("postgres://login@host:5433/store", {"host": "host", "port": 5433, "user": "login", "dbname": "store"}),
        (
            "postgresql://lo%40gin:p%2Fw@host/store?sslmode=require",
            {"host": "host", "user": "lo@gin", "password": "p/w", "dbname": "store", "sslmode": "require"},
        ),
        (
            '{"conn_type": "postgres", "host": "host", "login": "l", "schema": "s", "extra": {"sslmode": "verify-full", "other": 1}}',
            {"host": "host", "user": "l", "dbname": "s", "sslmode": "verify-full"},
        ),
        ('{"host": "host", "schema": "s", "extra": "{\\"connect_timeout\\": 9}"}', {"host": "host", "dbname": "s", "connect_timeout": 9}),
    ],
)
def test_a_connection_is_read_from_the_environment_as_airflow_reads_it(
    monkeypatch: pytest.MonkeyPatch, value: str, terms: dict[str, Any]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_INTAKE", value)
    from hybrid_erp.wiring.connections import conninfo

    assert terms_from_environment("hybrid_erp_intake") == {"connect_timeout": 5} | terms
    assert conninfo("hybrid_erp_intake") == {"connect_timeout": 5} | terms


def test_the_command_shows_a_key_once_and_on_standard_output_alone(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        dsn = store.cluster.dsn(store.database, login_of("cutover"))
        code = cli.main(["source-key", *words, "--dsn", dsn, "--config", str(CONFIG)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    why = ("--by", "lead", "--reason", "goes live")
    code, issued, beside = run("issue", "billing", *why)
    assert (code, beside) == (0, "")
    key_id = issued.split("_")[1]
    code, rotated, _ = run("rotate", key_id, "--overlap-hours", "1", *why)
    assert code == 0
    assert run("revoke", key_id, *why)[1] == f"{key_id} is revoked.\n"
    _, listed, _ = run("list")
    assert key_id in listed
    assert "revoked" in listed
    for key in (issued, rotated):
        assert key.strip().rsplit("_", 1)[1] not in listed
    assert run("issue", "unknown", *why)[0] == 2
    assert run("issue", "billing")[0] == 2


def test_it_sends_what_it_measures_to_where_the_environment_says_and_nothing_of_a_document(start: Start, token: str) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with running_receiver() as collector:
        often = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
        replica = start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}", **often)
        event = a_journal_entry(source="ledger", traceparent=traceparent, description="for nobody else")
        assert replica.ask("POST", "/v1/events", token, json=event).status_code == 202

        def told(path: str) -> bytes:
            return b"".join(request.body for request in collector.requests if request.path == path)

        wait_until(lambda: b"intake" in told("/v1/traces") and b"hybrid_erp.intake.events" in told("/v1/metrics"))
    spans = told("/v1/traces")
    assert bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736") in spans
    assert b"hybrid-erp-api" in spans
    for content in (spans, told("/v1/metrics")):
        assert b"for nobody else" not in content
        assert token.encode() not in content
