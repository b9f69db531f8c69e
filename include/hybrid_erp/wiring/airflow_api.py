"""Airflow's own REST API, where a login is configured for it: a task can ask and change Airflow in no other way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import requests
from airflow.sdk.exceptions import AirflowNotFoundException

from hybrid_erp.wiring.connections import connection

#: An Airflow login that may edit notes and read pools: host, port, login and password of Airflow itself.
AIRFLOW: Final = "hybrid_erp_airflow"
TIMEOUT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class AirflowApi:
    """A signed-in session. Everything raises requests.RequestException, and KeyError on an answer that is none of Airflow's."""

    server: str
    token: str

    def call(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request, and what is answered."""
        return _call(method, self.server + path, content, self.token)


def airflow_api() -> AirflowApi | None:
    """Sign in; None where no login is configured."""
    try:
        found = connection(AIRFLOW)
    except AirflowNotFoundException:
        return None
    server = f"{found.schema or 'http'}://{found.host}" + (f":{found.port}" if found.port else "")
    token = _call("POST", f"{server}/auth/token", {"username": found.login, "password": found.password})["access_token"]
    return AirflowApi(server, token)


def _call(method: str, url: str, content: dict[str, Any] | None, token: str | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = requests.request(method, url, json=content, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer
