"""Airflow Connections, where every secret lives: for the store, one for each duty; for an ERP, one for each company and role."""

from __future__ import annotations

from typing import Any, Final

from airflow.sdk import Connection

STORE: Final = {duty: f"hybrid_erp_{duty}" for duty in ("intake", "delivery", "cutover", "reader", "capture")}


def connection(conn_id: str) -> Connection:
    """An Airflow Connection; raises AirflowNotFoundException with its name if there is none."""
    found: Connection = Connection.get(conn_id)
    return found


def conninfo(conn_id: str) -> dict[str, Any]:
    """A PostgreSQL connection's parameters, as psycopg takes them."""
    found = connection(conn_id)
    terms = {"host": found.host, "port": found.port, "user": found.login, "password": found.password, "dbname": found.schema}
    extra = {name: value for name, value in found.extra_dejson.items() if name in {"sslmode", "sslrootcert", "options", "connect_timeout"}}
    return {name: value for name, value in terms.items() if value} | {"connect_timeout": 5} | extra
