"""Where a run's report is, and a few lines in the run's note, which Airflow takes over its REST API alone."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import quote
from uuid import UUID

import requests
from airflow.configuration import conf

from hybrid_erp.wiring.airflow_api import AIRFLOW, airflow_api

log: Final = logging.getLogger(__name__)

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
        airflow = airflow_api()
        if airflow is None:
            log.info("No note is written: there is no Airflow Connection %s.", AIRFLOW)
            return False
        path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
        airflow.call("PATCH", path, {"note": note[:LONGEST_NOTE]})
    except (requests.RequestException, KeyError) as error:
        log.warning("The run's note was not written: %s.", error)
        return False
    return True
