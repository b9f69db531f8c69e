"""Connections to a PostgreSQL, and the pooler that may stand before it and give each transaction another session.

Nothing of ours is kept in a session of the store: its locks are of transactions, settings are local to them, turns and leases are rows.
What psycopg itself would keep there are prepared statements. They are worth much (a claim takes longer to plan than to run), so they are
made wherever the session is seen to be our own. A session with an ERP has to be our own: it bears the claim's token.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any, Final, LiteralString

import psycopg

from hybrid_erp.model.errors import SharedSessionError

Connection = psycopg.Connection[tuple[Any, ...]]

SESSION: Final[LiteralString] = "SELECT pg_backend_pid()"


def connect(dsn: str = "", **terms: Any) -> Connection:
    """A connection in autocommit, which may go through a pooler."""
    with ExitStack() as until_it_is_fit:
        connection = until_it_is_fit.enter_context(closing(psycopg.connect(dsn, autocommit=True, **terms)))
        prepare_in_own_session_alone(connection)
        until_it_is_fit.pop_all()
    return connection


def connect_directly(dsn: str = "", **terms: Any) -> Connection:
    """A connection in autocommit to a session of our own.

    Raises:
        SharedSessionError: A pooler stands before it. Nothing was done there.
    """
    with ExitStack() as until_it_is_fit:
        connection = until_it_is_fit.enter_context(closing(psycopg.connect(dsn, autocommit=True, **terms)))
        if is_shared(connection):
            raise SharedSessionError(f"A pooler stands before {connection.info.dbname}, and its session would be shared with others.")
        until_it_is_fit.pop_all()
    return connection


def prepare_in_own_session_alone(connection: Connection) -> None:
    """Let a new connection prepare statements only if it ends at the session that runs them.

    In a shared session a statement of that name is unknown, or is another client's: it would be run in the place of ours.
    """
    if is_shared(connection):
        connection.prepare_threshold = None


def is_shared(connection: Connection) -> bool:
    """Whether a pooler stands before the session: the server behind it bears another number than whoever let us in."""
    row = connection.execute(SESSION).fetchone()
    connection.commit()  # a pool wants it as it was: outside a transaction
    return row is None or row[0] != connection.info.backend_pid
