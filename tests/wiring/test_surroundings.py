"""What a preflight asks of Airflow: over its own REST API, with a login for it, or not at all."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hybrid_erp.wiring.airflow_api import AIRFLOW, airflow_api
from hybrid_erp.wiring.pools import pool_of, pools, pools_by_api
from hybrid_erp.wiring.surroundings import AirflowSurroundings
from tests.builders import the_settings

CONNECTION = f"AIRFLOW_CONN_{AIRFLOW.upper()}"
ERPS = ("ledgersmb-emea", "tryton-emea")
SETTINGS = the_settings()


class AirflowApi(BaseHTTPRequestHandler):
    """Gives a token to one login, and its pools page by page to whoever bears it."""

    pools: list[dict[str, Any]]

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = content == {"username": "watcher", "password": "secret"}
        self._answer(201 if right else 401, {"access_token": "T"} if right else {})

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer T":
            return self._answer(403, {})
        terms = {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}
        page = self.pools[terms["offset"] : terms["offset"] + terms["limit"]]
        return self._answer(200, {"pools": page, "total_entries": len(self.pools)})

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[AirflowApi]]:
    AirflowApi.pools = [{"name": name, **content} for name, content in pools(SETTINGS).items()]
    with ThreadingHTTPServer(("127.0.0.1", 0), AirflowApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        terms = {"conn_type": "http", "host": "127.0.0.1", "port": server.server_port, "login": "watcher", "password": "secret"}
        monkeypatch.setenv(CONNECTION, json.dumps(terms))
        yield AirflowApi
        server.shutdown()


def test_the_pools_of_the_region_s_erps_are_compared(api: type[AirflowApi]) -> None:
    assert AirflowSurroundings(SETTINGS).pool_problems(ERPS) == []


def test_a_missing_pool_is_told_and_one_of_another_erp_is_not(api: type[AirflowApi]) -> None:
    api.pools = [each for each in api.pools if each["name"] not in {pool_of("tryton-emea"), pool_of("tryton-apac")}]

    (problem,) = AirflowSurroundings(SETTINGS).pool_problems(ERPS) or ()
    assert problem.startswith("Airflow has no pool erp_tryton-emea")


def test_every_page_is_read(api: type[AirflowApi]) -> None:
    api.pools = [{"name": f"pool-{n}", "slots": n, "include_deferred": True} for n in range(120)]
    airflow = airflow_api()
    assert airflow is not None

    assert len(pools_by_api(airflow)) == 120


def test_a_login_that_is_refused_leaves_the_pools_unknown(api: type[AirflowApi], monkeypatch: pytest.MonkeyPatch) -> None:
    terms = json.loads(os.environ[CONNECTION]) | {"password": "wrong"}
    monkeypatch.setenv(CONNECTION, json.dumps(terms))

    assert AirflowSurroundings(SETTINGS).pool_problems(ERPS) is None


def test_without_a_login_the_pools_are_unknown() -> None:
    assert AirflowSurroundings(SETTINGS).pool_problems(ERPS) is None


def test_the_simple_login_file_tells_who_can_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "lead:op,controller:user")

    assert AirflowSurroundings(SETTINGS).known_logins() == frozenset({"lead", "controller"})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True"),
        ("AIRFLOW__CORE__AUTH_MANAGER", "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"),
    ],
)
def test_every_other_way_of_signing_in_keeps_its_logins(monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    monkeypatch.setenv(setting, value)

    assert AirflowSurroundings(SETTINGS).known_logins() is None


def test_the_worker_tells_how_much_disk_is_free() -> None:
    assert AirflowSurroundings(SETTINGS).disk_free_bytes() > 0
