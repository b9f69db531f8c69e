"""The lock-out of any ERP that is reached by SQL and described by a SQL pack: its own roles, taken and given by the custodian's login."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import psycopg

from hybrid_erp.adapters.erps.sql_pack import LockOutStatements, SqlPack
from hybrid_erp.adapters.erps.sql_session import Connection, SqlSession
from hybrid_erp.adapters.erps.sql_submission import fence
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, NotQuietError, OvertakenError
from hybrid_erp.model.lock_out import LockOutState, PostingRight
from hybrid_erp.model.ownership import OWNED_KINDS, PostingKind

#: Changing a hundred roles takes a second or two; what takes longer is stuck, and the server ends it.
STATEMENT_SECONDS_MAX: Final = 30
#: While nobody waits for the books, writers go on.
BETWEEN_ATTEMPTS_SECONDS: Final = 0.25

SET_LIMIT: Final = "SELECT set_config('statement_timeout', %(milliseconds)s, false)"
# In ascending order, like everybody who takes several.
_FENCES: Final = sorted(fence(kind, Role.CONTROL) for kind in OWNED_KINDS)


class SqlLockOut:
    """One company of a SQL-reached ERP, with one session of its custodian."""

    def __init__(self, connect: Callable[[], Connection], pack: SqlPack, *, expected: ErpIdentity, ours: Mapping[Role, str]) -> None:
        """`expected` is who must answer, `ours` the logins of our credentials.

        Raises:
            ConfigurationError: The pack does not say how to lock out.
        """
        if pack.lock_out is None:
            raise ConfigurationError(f"No lock-out available: the SQL pack {pack.pack} of {pack.erp} has no section `lock_out`.")
        self._statements: LockOutStatements = pack.lock_out
        self._expected = expected
        self._ours = dict(ours)
        self._session = SqlSession(connect, pack.for_locking_out(), expected)
        self._limited: Connection | None = None

    def state(self) -> LockOutState:
        """Who may post, by what the server grants, through whatever roles."""
        found = self._asked(self._statements.state)
        rights = frozenset(PostingRight(row["login"], row["right"], PostingKind(row["kind"])) for row in found["rights"])
        return LockOutState(int(found["generation"]), rights, frozenset(found["unstoppable"]), self._ours)

    def lock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        """Take these rights away. In force with the next statement of every open session.

        Raises:
            OvertakenError: The ERP has seen a higher generation; nothing was changed.
        """
        self._change(self._statements.lock, rights, generation)

    def unlock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        """Give these rights back. Raises as `lock`."""
        self._change(self._statements.unlock, rights, generation)

    def wait_until_quiet(self, *, seconds: float) -> None:
        """Until whoever passed the check before the lock-out has committed or is gone; others are hardly held up meanwhile.

        Raises:
            NotQuietError: The time is up; it names the sessions that are open.
        """
        ends_at = time.monotonic() + seconds
        while (holders := self._asked(self._statements.quiet, fences=_FENCES)) is not None:
            if time.monotonic() >= ends_at:
                raise NotQuietError(f"After {seconds:g} s transactions are still open in {self._expected.database}: {holders}.")
            time.sleep(BETWEEN_ATTEMPTS_SECONDS)

    def close(self) -> None:
        """End the session."""
        self._session.close()
        self._limited = None

    def _change(self, statement: str, rights: Collection[PostingRight], generation: int) -> None:
        named = json.dumps([{"login": right.login, "right": right.right, "kind": right.kind} for right in sorted(rights)])
        seen = int(self._asked(statement, rights=named, generation=generation, fences=_FENCES))
        if seen > generation:
            raise OvertakenError(f"{self._expected.database} has seen generation {seen}; {generation} came too late.")

    def _asked(self, statement: str, **terms: object) -> Any:
        """The one value that a statement answers with; each is a transaction of its own on the server."""
        try:
            row = self._connection().execute(statement.encode(), terms).fetchone()
        except psycopg.Error as error:
            message = error.diag.message_primary or (str(error).splitlines() or ["no answer"])[0]
            raise ErpUnavailableError(f"The lock-out of {self._expected.database} did not answer: {message}") from error
        return row[0] if row else None

    def _connection(self) -> Connection:
        connection = self._session.connection()
        if connection is not self._limited:
            connection.execute(SET_LIMIT, {"milliseconds": str(STATEMENT_SECONDS_MAX * 1000)})
            self._limited = connection
        return connection
