"""Waking the deliveries: at most one NOTIFY a second and ERP, never inside the intake's transaction (a NOTIFY takes a lock at commit)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any, Final
from uuid import uuid4

from psycopg import Connection, OperationalError, sql
from psycopg_pool import ConnectionPool

QUIET_SECONDS: Final = 1.0
NOTIFY: Final = "SELECT pg_notify(%s, '')"
ARRIVES_WITHIN_SECONDS: Final = 2.0


def channel_of(erp: str) -> str:
    """The NOTIFY channel of an ERP's deliveries."""
    return f"hybrid_erp:{erp}"


def hears(listening: Connection[tuple[Any, ...]], notifying: Connection[tuple[Any, ...]]) -> bool:
    """Whether a notification of one connection arrives at the other; both are in autocommit. A trial, on a channel of its own."""
    channel = f"hybrid_erp_trial:{uuid4()}"
    listening.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    notifying.execute(NOTIFY, (channel,))
    heard = any(True for _ in listening.notifies(timeout=ARRIVES_WITHIN_SECONDS, stop_after=1))
    listening.execute(sql.SQL("UNLISTEN {}").format(sql.Identifier(channel)))
    return heard


class Waker:
    """Rings at once, then keeps quiet for a second and rings once more if it was asked to meanwhile."""

    def __init__(self, pool: ConnectionPool[Connection[tuple[Any, ...]]]) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._rung_at: dict[str, float] = {}
        self._pending: set[str] = set()

    def wake(self, erps: Iterable[str]) -> None:
        """Ring for these ERPs. A bell that is lost costs time alone: the deliveries look by themselves every few seconds."""
        now = time.monotonic()
        with self._lock:
            due = [erp for erp in erps if erp not in self._pending and now - self._rung_at.get(erp, -QUIET_SECONDS) >= QUIET_SECONDS]
            later = [erp for erp in erps if erp not in due and erp not in self._pending]
            self._rung_at |= dict.fromkeys(due, now)
            self._pending |= set(later)
        if due:
            self._ring(due)
        if later:
            timer = threading.Timer(QUIET_SECONDS, self._ring_later, (later,))
            timer.daemon = True
            timer.start()

    def _ring_later(self, erps: list[str]) -> None:
        with self._lock:
            self._pending -= set(erps)
            self._rung_at |= dict.fromkeys(erps, time.monotonic())
        self._ring(erps)

    def _ring(self, erps: list[str]) -> None:
        try:
            with self._pool.connection() as connection:
                for erp in erps:
                    connection.execute(NOTIFY, (channel_of(erp),))
        except OperationalError:
            return
