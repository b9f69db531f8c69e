"""A session with a SQL-reached ERP: it asks who is there before anything else, and ends when the worker's lease does."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import psycopg

from hybrid_erp.adapters.erps.sql_pack import SqlPack
from hybrid_erp.adapters.erps.sql_prepared import PreparedStatements
from hybrid_erp.model.claim import LEASE_MARGIN_SECONDS, boot_clock
from hybrid_erp.model.delivery import ErpIdentity
from hybrid_erp.model.errors import ErpUnavailableError, LeaseTooShortError, WrongSystemError

Connection = psycopg.Connection[tuple[Any, ...]]

#: No posting takes longer; a statement that does is stuck, and the server ends it.
STATEMENT_SECONDS_MAX: Final = 10.0

# The session bears the claim's token before it is sent anything of the claim, so that whoever finds no such session knows that nothing can
# come any more (PROTOCOL S7). A time-out takes effect on later statements only, so it cannot be set inside a posting's function.
SET_CLAIM: Final = """
    SELECT set_config('application_name', %(token)s, false),
           set_config('statement_timeout', %(milliseconds)s, false),
           set_config('lock_timeout', %(milliseconds)s, false),
           set_config('idle_in_transaction_session_timeout', %(milliseconds)s, false)
"""


class SqlSession:
    """One login at one company's database. Reopened when it is found dead before anything of a posting was sent."""

    def __init__(self, connect: Callable[[], Connection], pack: SqlPack, expected: ErpIdentity) -> None:
        self._connect = connect
        self._pack = pack
        self._expected = expected
        self._connection: Connection | None = None
        self._line: socket.socket | None = None
        self._cutter: threading.Timer | None = None
        self._deadline: float | None = None
        self._token: UUID | None = None
        self._limit_seconds = 0.0
        self._cut = threading.Event()
        self.identity: ErpIdentity | None = None
        self._prepared: PreparedStatements | None = None

    @property
    def prepared(self) -> PreparedStatements:
        """The submit statements of the session that `claimed` answered with."""
        assert self._prepared is not None
        return self._prepared

    @property
    def alive(self) -> bool:
        """Whether the connection has not been seen to end."""
        return self._connection is not None and not (self._connection.closed or self._cut.is_set())

    def connection(self) -> Connection:
        """An open connection to the right system, with the pack's functions made.

        Raises:
            WrongSystemError: Another database, company, currency or version answers. Nothing was sent, and the session is closed.
            ErpUnavailableError: It cannot be reached.
        """
        if self._connection is None or not self.alive:
            self.close()
            try:
                self._open()
            except psycopg.Error as error:
                self.close()
                raise ErpUnavailableError(f"{self._expected.database}: {(str(error).splitlines() or ['no answer'])[0]}") from error
        assert self._connection is not None
        return self._connection

    def claimed(self, token: UUID, deadline: float) -> Connection:
        """A connection that bears the claim's token and whose statements end before its deadline.

        Seen alive by the round trip that sets them, once for all postings of a claim.

        Raises:
            LeaseTooShortError: Too little is left to begin.
            ErpUnavailableError, WrongSystemError: As `connection`.
        """
        connection = self.connection()
        left = deadline - boot_clock() - LEASE_MARGIN_SECONDS / 2
        if left <= 0:
            raise LeaseTooShortError("Too little of the lease is left to send.")
        if (token, deadline) != (self._token, self._deadline) or left < self._limit_seconds:
            connection = self._bear(connection, token, deadline, left)
            self._cut_at(deadline, left)
        return connection

    def close(self) -> None:
        """End the session; it may be opened again."""
        if self._cutter is not None:
            self._cutter.cancel()
        if self._line is not None:
            self._line.close()
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = self._line = self._cutter = self._deadline = self._token = self.identity = None

    def _open(self) -> None:
        self._cut = threading.Event()
        connection = self._connection = self._connect()
        connection.autocommit = True
        self.identity = self._who_is_there(connection)
        self._require(self.identity)
        if self._pack.function_text:
            connection.execute(self._pack.function_text.encode())
        self._prepared = PreparedStatements(connection)
        self._line = socket.socket(fileno=os.dup(connection.fileno()))

    def _who_is_there(self, connection: Connection) -> ErpIdentity:
        try:
            row = connection.execute(self._pack.identity.encode()).fetchone()
        except psycopg.ProgrammingError as error:  # it has no such tables, or lets this login see none of them
            self.close()
            raise WrongSystemError(
                f"{self._expected.database}: what answers is no {self._pack.erp} ({error.diag.message_primary})."
            ) from error
        return ErpIdentity(*(str(value) for value in row or ("?", "?", "?", "?")))

    def _require(self, found: ErpIdentity) -> None:
        expected = self._expected
        wanted = (expected.database, expected.company, expected.functional_currency)
        if (found.database, found.company, found.functional_currency) != wanted or not found.version.startswith(self._pack.versions):
            self.close()
            raise WrongSystemError(
                f"Expected {expected.company} ({expected.functional_currency}) in {expected.database}, {self._pack.erp} "
                f"{' or '.join(self._pack.versions)}; {found.company} ({found.functional_currency}) in {found.database}, "
                f"version {found.version}, answers."
            )

    def _bear(self, connection: Connection, token: UUID, deadline: float, left: float) -> Connection:
        """Set token and limits; a connection that this shows to be dead is replaced once."""
        self._limit_seconds = min(left / 2, STATEMENT_SECONDS_MAX)  # half: the limit need not be set anew for each posting of a batch
        terms = {"token": str(token), "milliseconds": str(max(1, int(self._limit_seconds * 1000)))}
        try:
            connection.execute(SET_CLAIM, terms)
        except psycopg.Error as error:
            self.close()
            if boot_clock() > deadline - LEASE_MARGIN_SECONDS:
                raise ErpUnavailableError(f"{self._expected.database} does not answer.") from error
            connection = self.connection()
            try:
                connection.execute(SET_CLAIM, terms)
            except psycopg.Error as error:
                self.close()
                raise ErpUnavailableError(f"{self._expected.database}: the connection ends as soon as it begins.") from error
        self._token = token
        return connection

    def _cut_at(self, deadline: float, seconds: float) -> None:
        """Cut the line at the deadline, whatever the network does: the server's limits do not end a wait for an answer that never comes."""
        if self._cutter is not None:
            self._cutter.cancel()
        self._deadline, line, was_cut = deadline, self._line, self._cut
        assert line is not None

        def cut() -> None:
            was_cut.set()
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        self._cutter = threading.Timer(seconds, cut)
        self._cutter.daemon = True
        self._cutter.start()
