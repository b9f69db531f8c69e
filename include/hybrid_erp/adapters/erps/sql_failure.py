"""What a refusal of PostgreSQL means. Judged by SQLSTATE and by what raised it, never by the words."""

from __future__ import annotations

import re
from typing import Final

import psycopg

from hybrid_erp.adapters.erps.sql_pack import SqlPack
from hybrid_erp.model.delivery import FailureClass, InDoubt, Rejected, Retry

# https://www.postgresql.org/docs/current/errcodes-appendix.html, by code or by class (its first two characters).
_BY_STATE: Final = {
    "42501": FailureClass.FORBIDDEN,
    "55P03": FailureClass.TRANSIENT,  # lock not available
    "57014": FailureClass.TRANSIENT,  # statement time-out: the server has rolled back
    "25006": FailureClass.TRANSIENT,  # read-only: a standby, for the length of a failover
}
_BY_CLASS: Final = {
    "08": FailureClass.TRANSIENT,  # connection
    "23": FailureClass.VALIDATION,  # integrity constraint
    "22": FailureClass.VALIDATION,  # data
    "28": FailureClass.AUTH,
    "40": FailureClass.TRANSIENT,  # deadlock, serialisation: rolled back
    "53": FailureClass.THROTTLED,  # insufficient resources
    "57": FailureClass.TRANSIENT,  # operator intervention
    "58": FailureClass.TRANSIENT,  # system error
    "XX": FailureClass.TRANSIENT,  # internal error
}
# A credential that is refused says nothing about the document: a lock-out of ours must not make a dead letter (PROTOCOL T4).
_MAY_PASS: Final = frozenset({FailureClass.TRANSIENT, FailureClass.THROTTLED, FailureClass.AUTH, FailureClass.FORBIDDEN})
_RAISED_IN: Final = re.compile(r"^PL/pgSQL function (?:\w+\.)?(\w+)\(", re.MULTILINE)


def failure_class(error: psycopg.Error, pack: SqlPack) -> FailureClass:
    """The one class of a refusal."""
    state = error.sqlstate or ""
    if named := pack.failures.get(state):
        return named
    for function in _RAISED_IN.findall(error.diag.context or ""):
        if named := pack.raised_by.get(function):
            return named
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], FailureClass.VALIDATION)


def outcome_of_failure(error: psycopg.Error, pack: SqlPack, *, connection_lost: bool) -> Rejected | Retry | InDoubt:
    """What an attempt came to that was sent and did not succeed.

    An error of a session that lives on was rolled back with its transaction, so nothing was booked. When the session is lost, the commit
    may have come before the end: only the ERP can say.
    """
    message = error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
    if connection_lost or error.sqlstate is None:
        return InDoubt(f"The connection was lost after sending: {message}")
    failure = failure_class(error, pack)
    return Retry(failure, message) if failure in _MAY_PASS else Rejected(failure, message)
