"""Where a run's report is, and a few lines in the run's note, which Airflow takes over its REST API alone."""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import requests
from airflow.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from hybrid_erp.wiring.connections import connection

log: Final = logging.getLogger(__name__)

#: An Airflow login that may edit notes: host, port, login and password of Airflow itself. Without it the log alone has the lines.
AIRFLOW: Final = "hybrid_erp_airflow"
TIMEOUT_SECONDS: Final = 10
LONGEST_NOTE: Final = 1000


def base_url() -> str:
    """Where people reach Airflow."""
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")


def report_url(reconciliation_id: UUID) -> str:
    """The report of a reconciliation."""
    return f"{base_url()}/hybrid-erp/reconciliations/{reconciliation_id}"


def write_note(dag_id: str, run_id: str, note: str) -> bool:
    """Write the run's note; False where no login is configured for it or Airflow does not take it: a note is never worth a failure."""
    try:
        found = connection(AIRFLOW)
    except AirflowNotFoundException:
        log.info("No note is written: there is no Airflow Connection %s.", AIRFLOW)
        return False
    server = f"{found.schema or 'http'}://{found.host}" + (f":{found.port}" if found.port else "")
    try:
        token = _call(f"{server}/auth/token", "POST", {"username": found.login, "password": found.password})["access_token"]
        path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
        _call(server + path, "PATCH", {"note": note[:LONGEST_NOTE]}, token)
    except (requests.RequestException, KeyError) as error:
        log.warning("The run's note was not written: %s.", error)
        return False
    return True


def _call(url: str, method: str, content: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = requests.request(method, url, json=content, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer
