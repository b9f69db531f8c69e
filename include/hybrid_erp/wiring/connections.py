"""Airflow Connections, where every secret lives: for the store, one for each duty; for an ERP, one for each company and role."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from hybrid_erp.wiring.store_terms import BELL, STORE, store_terms


def connection(conn_id: str) -> Connection:
    """An Airflow Connection; raises AirflowNotFoundException with its name if there is none."""
    found: Connection = Connection.get(conn_id)
    return found


def conninfo(conn_id: str) -> dict[str, Any]:
    """A PostgreSQL connection's parameters, as psycopg takes them."""
    found = connection(conn_id)
    words = {"host": found.host, "port": found.port, "login": found.login, "password": found.password, "schema": found.schema}
    return store_terms({**words, "extra": found.extra_dejson})


def bell_conn_id() -> str:
    """The Connection that an ERP's bell listens by: one of its own where there is one, else that of deliveries."""
    try:
        connection(BELL)
    except AirflowNotFoundException:
        return STORE["delivery"]
    return BELL


__all__ = ["STORE", "bell_conn_id", "connection", "conninfo"]
