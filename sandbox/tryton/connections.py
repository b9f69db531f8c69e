"""The Airflow connections to the sandbox's Tryton, one for each company and role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.postgres import HOST
from sandbox.tryton import secrets
from sandbox.tryton.companies import companies

SUFFIX = {"control": "", "candidate": "_candidate", "run_off": "_run_off"}


def connections(secrets_file: Path, port: int) -> dict[str, dict[str, Any]]:
    """Airflow connection id to an HTTP connection, ready for JSON; the REST key is its password."""
    opened = secrets.load(secrets_file)
    return {
        company.connection + SUFFIX[role]: {
            "conn_type": "http",
            "host": HOST,
            "port": port,
            "schema": "http",
            "login": secrets.ROLES[role],
            "password": key,
            "extra": {"database": company.database},
        }
        for company in companies()
        for role, key in opened[company.database].keys.items()
    }
