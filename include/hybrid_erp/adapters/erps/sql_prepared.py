"""A pack's submit statements, prepared once a session and run by one call of libpq each.

A posting is one statement with one text in and one text out. psycopg's cursors do far more than that needs, and a worker spends as long in
them as in everything else that it does for a posting: benchmarks/bench_delivery.py.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

PARAMETER = "%(submission)s"


def positional(statement: str) -> str:
    """A pack's statement in the server's own words: the parameter by its place, a doubled percent sign as one."""
    return statement.replace(PARAMETER, "$1").replace("%%", "%")


class PreparedStatements:
    """What one session has prepared. The session must be in autocommit: each run is a transaction of its own on the server."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._session = connection.pgconn
        self._names: dict[str, bytes] = {}

    def run(self, statement: str, content: str) -> str:
        """The one value of the one row that the statement answers with.

        It waits without a limit of its own: the server's statement time-out and the cut of the line end it.

        Raises:
            psycopg.Error: The server refused it, or the session ended; without SQLSTATE nobody knows what became of it.
        """
        name = self._names.get(statement) or self._prepare(statement)
        result = _checked(self._session.exec_prepared(name, [content.encode()]), ExecStatus.TUPLES_OK)
        value = result.get_value(0, 0)
        assert value is not None  # a pack's submit statement answers with one row or raises
        return value.decode()

    def _prepare(self, statement: str) -> bytes:
        name = f"facade_{len(self._names)}".encode()
        _checked(self._session.prepare(name, positional(statement).encode()), ExecStatus.COMMAND_OK)
        self._names[statement] = name
        return name


def _checked(result: PGresult, wanted: ExecStatus) -> PGresult:
    if result.status != wanted:
        raise error_from_result(result)
    return result
