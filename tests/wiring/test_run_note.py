"""A run's note is written over Airflow's own API where a login is configured for it, and is never worth a failure."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hybrid_erp.wiring.run_note import LONGEST_NOTE, write_note

CONNECTION = "AIRFLOW_CONN_HYBRID_ERP_AIRFLOW"


class AirflowApi(BaseHTTPRequestHandler):
    """Gives a token to one login and takes notes from whoever bears it."""

    notes: dict[str, str]

    def do_POST(self) -> None:
        right = self._content() == {"username": "notes", "password": "secret"}
        self._answer(201 if right else 401, {"access_token": "T"} if right else {})

    def do_PATCH(self) -> None:
        if self.headers["Authorization"] != "Bearer T":
            return self._answer(403, {})
        self.notes[self.path] = self._content()["note"]
        return self._answer(200, {})

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _content(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, content: dict[str, str]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    AirflowApi.notes = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), AirflowApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def connect(patch: pytest.MonkeyPatch, port: int, password: str = "secret") -> None:
    terms = {"conn_type": "http", "host": "127.0.0.1", "port": port, "login": "notes", "password": password}
    patch.setenv(CONNECTION, json.dumps(terms))


def test_a_note_goes_to_its_run_and_no_longer_than_airflow_takes(api: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, api.server_port)

    assert write_note("reconcile_emea", "manual__2026-11-20T10:00:00+00:00", "x" * 2 * LONGEST_NOTE)

    path = "/api/v2/dags/reconcile_emea/dagRuns/manual__2026-11-20T10%3A00%3A00%2B00%3A00"
    assert AirflowApi.notes == {path: "x" * LONGEST_NOTE}


def test_a_login_that_is_refused_costs_the_note_alone(api: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, api.server_port, password="wrong")

    assert not write_note("reconcile_emea", "manual__1", "passed")
    assert AirflowApi.notes == {}


def test_an_airflow_that_cannot_be_reached_costs_the_note_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, 1)

    assert not write_note("reconcile_emea", "manual__1", "passed")
