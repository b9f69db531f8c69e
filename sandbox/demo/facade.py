"""Airflow and the canonical API as a program uses them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
import requests

from hybrid_erp.settings import load_settings
from sandbox.site import Site

# The bells' sessions: one for each ERP, named after it.
LISTENING: Final = "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE application_name LIKE 'hybrid_erp bell % control'"


class FacadeClient:
    """Signed in as one of the site's logins."""

    def __init__(self, site: Site, login: str) -> None:
        self.site = site
        self.session = requests.Session()
        answer = self.session.post(f"{site.airflow_url}/auth/token", json={"username": login, "password": site.logins[login]}, timeout=30)
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def post_events(self, events: Any) -> requests.Response:
        """Send one event or a batch."""
        return self.session.post(f"{self.site.airflow_url}/hybrid-erp/v1/events", json=events, timeout=60)

    def get(self, path: str) -> requests.Response:
        """Ask the canonical API."""
        return self.session.get(f"{self.site.airflow_url}/hybrid-erp{path}", timeout=60)

    def airflow(self, method: str, path: str, **content: Any) -> Any:
        """Call Airflow's own API."""
        answer = self.session.request(method, f"{self.site.airflow_url}/api/v2{path}", timeout=60, **content)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def begin(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Trigger a DAG; the id of its run."""
        return str(self.airflow("POST", f"/dags/{dag_id}/dagRuns", json={"conf": conf, "logical_date": None})["dag_run_id"])

    def run(self, dag_id: str, conf: dict[str, Any], progress: Callable[[str], None], *, succeeds: bool = True) -> None:
        """Trigger a DAG and wait for its end. Raises as `end`."""
        self.end(dag_id, self.begin(dag_id, conf), progress, succeeds=succeeds)

    def end(self, dag_id: str, run: str, progress: Callable[[str], None], *, succeeds: bool = True, timeout: float = 300) -> None:
        """Wait for the end of a run.

        Raises:
            RuntimeError: It ended otherwise than it should.
        """
        began_at = told_at = time.monotonic()
        while (state := self.airflow("GET", f"/dags/{dag_id}/dagRuns/{run}")["state"]) not in ("success", "failed"):
            if time.monotonic() - began_at > timeout:
                raise RuntimeError(f"{dag_id} has not ended after {timeout:.0f} s; look at its log in {self.site.folder}/airflow/logs")
            if time.monotonic() - told_at > 4:
                progress(f"{dag_id} runs since {time.monotonic() - began_at:.0f} s")
                told_at = time.monotonic()
            time.sleep(0.3)
        if (state == "success") != succeeds:
            raise RuntimeError(f"{dag_id} ended as {state}; look at its log in {self.site.folder}/airflow/logs")

    def wait_until_listening(self, timeout: float = 120) -> None:
        """Until the bell of every ERP's deliveries hears."""
        expected, until = len(load_settings(self.site.config).erps), time.monotonic() + timeout
        with psycopg.connect(self.site.cluster.dsn("hybrid_erp"), autocommit=True) as connection:
            while True:
                row = connection.execute(LISTENING).fetchone()
                if row is not None and int(row[0]) >= expected:
                    return
                if time.monotonic() > until:
                    raise TimeoutError(f"only {row} of {expected} bells listen; look at the triggerer's log in {self.site.folder}/logs")
                time.sleep(0.5)

    def retries(self) -> dict[str, int]:
        """How often Airflow tried tasks of each deliver DAG again."""
        found: dict[str, int] = {}
        content = {"dag_ids": [f"deliver_{erp}" for erp in load_settings(self.site.config).erps], "page_limit": 1000}
        for instance in self.airflow("POST", "/dags/~/dagRuns/~/taskInstances/list", json=content)["task_instances"]:
            if (again := instance["try_number"] - 1) > 0:
                found[instance["dag_id"]] = found.get(instance["dag_id"], 0) + again
        return found
