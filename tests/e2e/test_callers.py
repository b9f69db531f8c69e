"""In a running Airflow: an upstream system's key opens our API for its source and nothing of Airflow; people go on as ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from sandbox.site import Site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import a_journal_entry
from tests.web.client import problem_in

OF_AIRFLOW = (
    "/api/v2/dags",
    "/api/v2/connections",
    "/api/v2/variables",
    "/api/v2/eventLogs",
    "/ui/config",
    "/execution/health-check",
    "/execution/connections/hybrid_erp_intake",
)


def asked(site: Site, path: str, token: str, event: object = None) -> httpx.Response:
    method = "POST" if event is not None else "GET"
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, f"{site.airflow_url}{path}", headers=headers, json=event, timeout=60, trust_env=False)


@pytest.fixture
def key(running_airflow: Site) -> Iterator[str]:
    with psycopg.connect(running_airflow.cluster.dsn(DATABASE, login_of("cutover")), autocommit=True) as connection:
        keys = PostgresSourceKeys(connection)
        made = keys.issue("ledger", expires_at=datetime.now(UTC) + timedelta(days=1), by="tests", reason="tests")
        yield made.text
        keys.revoke(made.key_id, by="tests", reason="tests")


def person(site: Site, login: str) -> str:
    words = {"username": login, "password": site.logins[login]}
    return str(httpx.post(f"{site.airflow_url}/auth/token", json=words, timeout=60, trust_env=False).json()["access_token"])


def test_a_key_opens_our_api_for_its_source_and_nothing_of_airflow(running_airflow: Site, key: str) -> None:
    assert asked(running_airflow, "/hybrid-erp/v1/events", key, a_journal_entry(source="ledger")).status_code == 202
    problem_in(asked(running_airflow, "/hybrid-erp/v1/events", key, a_journal_entry(source="psa")), 403, "forbidden")
    problem_in(asked(running_airflow, "/hybrid-erp/v1/ownership", key), 403, "forbidden")
    for path in OF_AIRFLOW:
        allowed = (
            {200} if path == "/execution/health-check" and asked(running_airflow, path, "nobody").status_code == 200 else {401, 403, 404}
        )
        assert asked(running_airflow, path, key).status_code in allowed, path


def test_people_go_on_as_ever(running_airflow: Site) -> None:
    lead, viewer = person(running_airflow, "lead"), person(running_airflow, "viewer")

    assert asked(running_airflow, "/hybrid-erp/v1/events", lead, a_journal_entry(source="anything")).status_code == 202
    assert asked(running_airflow, "/hybrid-erp/v1/ownership", viewer).status_code == 200
    problem_in(asked(running_airflow, "/hybrid-erp/v1/events", viewer, a_journal_entry(source="ledger")), 403, "forbidden")
    problem_in(asked(running_airflow, "/hybrid-erp/v1/ownership", "nobody"), 403, "forbidden")
