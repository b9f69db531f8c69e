"""The Airflow connections to the sandbox's Tryton, one for each company and role, and one of its custodian."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.postgres import HOST
from sandbox.tryton import secrets
from sandbox.tryton.companies import companies

SUFFIX = {"control": "", "candidate": "_candidate", "run_off": "_run_off"}


def connections(secrets_file: Path, port: int) -> dict[str, dict[str, Any]]:
    """Airflow connection id to an HTTP connection, ready for JSON; its password is a role's REST key, or the custodian's password."""
    opened = secrets.load(secrets_file)
    found = {}
    for company in companies():
        ours = opened[company.database]
        for role, key in ours.keys.items():
            found[company.connection + SUFFIX[role]] = _connection(port, company.database, secrets.ROLES[role], key)
        password = ours.passwords[secrets.CUSTODIAN]
        found[f"{company.connection}_custodian"] = _connection(port, company.database, secrets.CUSTODIAN, password)
    return found


def _connection(port: int, database: str, login: str, secret: str) -> dict[str, Any]:
    return {
        "conn_type": "http",
        "host": HOST,
        "port": port,
        "schema": "http",
        "login": login,
        "password": secret,
        "extra": {"database": database},
    }
