"""What passes between a process and the outside, one moment at a time, so that a test can stop it before or after any of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.intake import PostgresIntake
from tests.operations.cutover.companies import Ask

RV = TypeVar("RV")
Connection = psycopg.Connection[tuple[Any, ...]]


class Watcher(Protocol):
    """Is told of every moment; may not come back."""

    def __call__(self, what: str) -> None:
        """This is about to be, or has just been."""


def nobody(what: str) -> None:
    """Nothing is stopped."""


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Every round trip to PostgreSQL, BEGIN and COMMIT among them, is a moment before and a moment after."""

    watcher: Watcher = staticmethod(nobody)
    duty: str = ""

    def wait(self, gen: PQGen[RV], *arguments: Any, **terms: Any) -> RV:
        what = f"{self.duty} {getattr(gen, '__name__', '').strip('_')}"
        self.watcher(f"before {what}")
        answer = super().wait(gen, *arguments, **terms)
        self.watcher(f"after {what}")
        return answer


def watched(ask: Ask, watcher: Watcher) -> Ask:
    """Every call to an ERP is a moment before and a moment after it has taken effect."""

    def asked(erp: str, legal_entity: str, call: str, arguments: tuple[Any, ...]) -> Any:
        watcher(f"before {erp} {legal_entity} {call}")
        answer = ask(erp, legal_entity, call, arguments)
        watcher(f"after {erp} {legal_entity} {call}")
        return answer

    return asked


@dataclass
class Connections:
    """The connections of one process to the store, one for each duty; opened when they are wanted first."""

    dsn: Callable[[str], str]
    """Of a duty."""
    name: str
    """Which process it is, as PostgreSQL knows it."""
    watcher: Watcher = nobody
    opened: dict[str, WatchedConnection] = field(default_factory=dict)
    opening: threading.Lock = field(default_factory=threading.Lock)

    def of(self, duty: str, *, use: str = "", autocommit: bool = True) -> WatchedConnection:
        """The one of this duty, and of this use."""
        with self.opening:
            found = self.opened.get(duty + use)
            if found is None or found.closed:
                found = WatchedConnection.connect(self.dsn(duty), autocommit=autocommit, application_name=self.name)
                found.watcher, found.duty = self.watcher, f"{duty}{use}"
                self.opened[duty + use] = found
        return found

    def intake(self) -> PostgresIntake:
        """Intake, on a single connection in place of a pool."""
        return PostgresIntake(cast("ConnectionPool[Connection]", _OnlyOne(self.of("intake", autocommit=False))))

    def close(self) -> None:
        """Close all of them."""
        for connection in self.opened.values():
            connection.close()


@dataclass(frozen=True)
class _OnlyOne:
    """Gives its connection out as a pool does: committed, or rolled back."""

    inner: WatchedConnection

    @contextmanager
    def connection(self) -> Iterator[WatchedConnection]:
        try:
            yield self.inner
        except BaseException:
            self.inner.rollback()
            raise
        self.inner.commit()
