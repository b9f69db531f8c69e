"""What a SQL-reached ERP says of how loud a copy could be, by the statement of its pack."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg

from hybrid_erp.adapters.erps.sql_pack import SqlPack
from hybrid_erp.adapters.erps.sql_session import Connection, SqlSession
from hybrid_erp.model.delivery import ErpIdentity
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError
from hybrid_erp.model.preflight import LoudThing, Quietness


def quietness(connect: Callable[[], Connection], pack: SqlPack, expected: ErpIdentity) -> Quietness:
    """Ask once, in a session of its own.

    Raises:
        ConfigurationError: The pack does not say.
        ErpUnavailableError, WrongSystemError: The ERP cannot be asked.
    """
    if pack.quiet is None:
        raise ConfigurationError(
            f"The SQL pack {pack.pack} has no section `quiet`, so nobody knows whether copies in {pack.erp} are quiet."
        )
    with closing(SqlSession(connect, pack, expected)) as session:
        try:
            rows = session.connection().execute(pack.quiet.loud.encode()).fetchall()
        except psycopg.Error as error:
            message = error.diag.message_primary or (str(error).splitlines() or ["no answer"])[0]
            raise ErpUnavailableError(f"{expected.database} does not say what could make a copy loud: {message}") from error
    return Quietness(pack.quiet.because, tuple(LoudThing(str(name), str(what)) for name, what in rows))
