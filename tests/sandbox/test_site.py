"""A site serves what it promises, and two of them do not meet."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import psycopg
import pytest

from sandbox.fault_proxy import Fault
from sandbox.launch import is_guarded
from sandbox.leftovers import programs_of
from sandbox.ports import is_open
from sandbox.readiness import is_ready
from sandbox.site import SITE_FILE, Site, running_site


@pytest.fixture(scope="module")
def running_airflow(progress: Callable[[str], None]) -> Iterator[Site]:
    """A whole site with Airflow, apart from the other one; its lines to the ERPs can be disturbed."""
    with running_site(f"test-airflow-{os.getpid()}", progress, airflow=True, faulty_lines=True, durable=False) as running:
        yield running


def test_every_company_of_the_legacy_erp_takes_connections_with_each_of_its_logins(site: Site) -> None:
    for name, content in site.connections().items():
        if content["conn_type"] == "postgres":
            url = "postgresql://{login}@{host}:{port}/{schema}".format(**content)
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,), name


def test_every_server_of_a_site_is_ready(site: Site) -> None:
    for part in site.plan(temporary=True).parts:
        assert part.ready is None or is_ready(part.ready), part.name


def test_what_holds_secrets_is_readable_by_its_owner_alone(site: Site) -> None:
    holders = [*site.folder.glob("*.json"), *site.folder.glob("airflow/*.json")]

    assert {path.name for path in holders} >= {SITE_FILE, "plan.json", "logins.json"}
    assert {path.stat().st_mode & 0o077 for path in holders} == {0}


def test_a_second_site_runs_beside_the_first_and_leaves_it_alone(site: Site, progress: Callable[[str], None]) -> None:
    with running_site(f"test-second-{os.getpid()}", progress, airflow=False, durable=False) as second:
        assert not set(second.ports.values()) & set(site.ports.values())
        with second.cluster.admin() as connection:
            connection.execute("CREATE DATABASE made_in_the_second")

    assert not site.cluster.has_database("made_in_the_second")
    assert not second.folder.exists()
    assert not is_guarded(second.folder)
    assert not programs_of(second.folder)
    assert not is_open(second.ports["database"])


@pytest.fixture
def tokens(running_airflow: Site) -> dict[str, str]:
    """A token for each login."""
    return {login: token_of(running_airflow, login, password) for login, password in running_airflow.logins.items()}


def token_of(site: Site, login: str, password: str) -> str:
    body = json.dumps({"username": login, "password": password}).encode()
    request = urllib.request.Request(f"{site.airflow_url}/auth/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(json.load(response)["access_token"])


def ask_airflow(site: Site, path: str, token: str) -> dict[str, object]:
    request = urllib.request.Request(f"{site.airflow_url}{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, object] = json.load(response)
    return answer


def test_each_login_is_let_in_and_a_wrong_password_is_not(running_airflow: Site, tokens: dict[str, str]) -> None:
    assert set(tokens) == {"admin", "lead", "deputy", "controller", "controller-uk", "viewer"}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        token_of(running_airflow, "admin", "guessed")


def test_airflow_reads_every_dag_file_and_plugin_without_an_error(running_airflow: Site, tokens: dict[str, str]) -> None:
    assert ask_airflow(running_airflow, "/api/v2/importErrors", tokens["admin"])["import_errors"] == []
    assert ask_airflow(running_airflow, "/api/v2/plugins/importErrors", tokens["admin"])["import_errors"] == []


def test_the_line_to_an_erp_can_be_disturbed_and_mended(running_airflow: Site) -> None:
    legacy, cloud = running_airflow.line("ledgersmb"), running_airflow.line("tryton")
    url = "postgresql://{login}@{host}:{port}/{schema}".format(**running_airflow.connections()["ledgersmb_us01"])
    port = running_airflow.connections()["tryton_us01"]["port"]
    assert is_open(int(str(port)))

    legacy.behave(Fault.CUT_BEFORE, matching="SELECT 41 + 1")
    cloud.behave(Fault.REFUSE)
    with psycopg.connect(url) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 41 + 1")
    assert legacy.counted()[Fault.CUT_BEFORE] == 1
    assert not is_open(int(str(port)))

    legacy.behave(Fault.PASS)
    cloud.behave(Fault.PASS)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 41 + 1").fetchone() == (42,)
    assert is_open(int(str(port)))


def test_no_secret_of_a_site_is_in_its_logs(running_airflow: Site) -> None:
    secrets = running_airflow.plan(temporary=True).secrets
    for log in running_airflow.folder.glob("**/*.log"):
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log
