"""How the store is reached: from a Connection's words to psycopg's, and, in a process without Airflow, from the environment alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from hybrid_erp.model.errors import ConfigurationError

STORE: Final = {duty: f"hybrid_erp_{duty}" for duty in ("intake", "delivery", "cutover", "reader", "capture", "retention")}
#: For LISTEN alone, which needs a session of its own: where the Connection of deliveries leads through a transaction pooler.
BELL: Final = "hybrid_erp_bell"
_EXTRA: Final = {"sslmode", "sslrootcert", "options", "connect_timeout"}


def store_terms(words: Mapping[str, Any]) -> dict[str, Any]:
    """A PostgreSQL connection's parameters, as psycopg takes them, from a Connection's words."""
    names = {"host": "host", "port": "port", "user": "login", "password": "password", "dbname": "schema"}
    terms = {name: words[word] for name, word in names.items() if words.get(word)}
    extra = words.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    return terms | {"connect_timeout": 5} | {name: value for name, value in extra.items() if name in _EXTRA}


def terms_from_environment(conn_id: str) -> dict[str, Any]:
    """The parameters of the Connection that AIRFLOW_CONN_<ID> holds, as JSON or as a URL, as Airflow reads it.

    Raises:
        ConfigurationError: The variable is not set, or holds neither.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(f"{variable} is not set, and there is no Airflow here to ask for the Connection {conn_id}.")
    try:
        return store_terms(json.loads(value) if value.startswith("{") else _words_of(value))
    except (ValueError, AttributeError):
        raise ConfigurationError(f"{variable} is neither JSON nor a URL.") from None  # and its content is a secret


def readable(dsn: str) -> str:
    """The same libpq URL or list of words, if libpq can read it.

    Raises:
        ConfigurationError: It cannot, or reads a part of the password as something else. libpq would quote it, and it is a secret.
    """
    try:
        words = conninfo_to_dict(dsn)
    except ProgrammingError:
        words = {"host": "@"}
    if "@" in str(words.get("host", "")) or not str(words.get("port", "5432")).replace(",", "").isdecimal():
        raise ConfigurationError(
            "The store's URL cannot be read; it is `postgresql://login:password@host:port/database`, and of the password : / @ and % "
            "are written as %3A %2F %40 and %25."
        )
    return dsn


def _words_of(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise ValueError
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    words = {"host": parts.hostname, "login": parts.username, "password": parts.password, "schema": parts.path[1:]}
    told = {name: unquote(value) for name, value in words.items() if value}
    return {**told, "port": parts.port, "extra": query.get("__extra__", query)}
