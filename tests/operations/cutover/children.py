"""A process that takes steps and may be killed, or stopped, at any moment; the companies' ERPs live on in the process that forked it."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final

import psycopg

from hybrid_erp.model.errors import HybridErpError
from tests.operations.cutover.companies import Ask
from tests.operations.cutover.region import TIME_PASSES, Region, Runner
from tests.stores import wait_until

RUNNER: Final = "forked"
#: Calls that change something in an ERP.
ACTS: Final = ("submit", "lock", "unlock")


class Act(Enum):
    """What happens to a process at one of its moments."""

    KILL = "killed"
    """SIGKILL, before or after."""
    KILL_LATE = "killed; its call arrives late"
    """SIGKILL while its call to an ERP travels on."""
    STOP = "stopped"
    """As by SIGSTOP, until it is told to go on."""


@dataclass(frozen=True)
class Fate:
    """At which moment, counted from one, what happens."""

    at: int
    act: Act = Act.KILL


@dataclass
class Child:
    """A forked runner."""

    region: Region
    pid: int
    pipe: Connection
    moments: list[str] = field(default_factory=list)
    """What it has come to, before and after."""
    late: list[Callable[[], object]] = field(default_factory=list)
    """Calls of a killed process that have not arrived yet."""
    ended: str | None = None
    """`done`, the error that it ended with, or `killed`."""

    def serve(self) -> str:
        """Answer for the ERPs until it ends or is stopped; which of them."""
        while True:
            try:
                word, *rest = self.pipe.recv()
            except (EOFError, ConnectionResetError):
                return self._reaped("killed")
            if word == "moment":
                self.moments.append(rest[0])
            elif word == "ask":
                self.pipe.send(_answer(self.region.companies_ask, rest))
            elif word == "late":
                self.late.append(partial(_answer, self.region.companies_ask, rest))
            elif word == "stopped":
                return "stopped"
            else:
                return self._reaped(rest[0])

    def resume(self) -> str:
        """Let it go on; how it ended."""
        self.pipe.send("go on")
        return self.serve()

    def kill(self) -> None:
        """If it lives still."""
        if self.ended is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reaped("killed")

    def _reaped(self, how: str) -> str:
        self.pipe.close()
        os.waitpid(self.pid, 0)
        gone = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
        wait_until(lambda: not self.region.sql(gone, RUNNER))  # PostgreSQL has seen that nobody is there, and rolled back
        self.ended = how
        return how


def _answer(ask: Ask, call: Any) -> tuple[str, Any]:
    try:
        return "answer", ask(*call)
    except HybridErpError as error:
        return "error", error


def fork(region: Region, work: Callable[[Runner], object], fate: Fate | None = None) -> Child:
    """Begin it; the parent has to serve."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid:
        theirs.close()
        return Child(region, pid, ours)
    ours.close()
    try:
        theirs.send(("ended", _live(region, theirs, work, fate)))
    finally:
        os._exit(0)
    raise AssertionError("unreachable")


def _live(region: Region, pipe: Connection, work: Callable[[Runner], object], fate: Fate | None) -> str:
    try:
        life = _Life(pipe, fate)
        work(region.runner(RUNNER, life.ask, life, passes=_time_passes_elsewhere(region)))
    except HybridErpError as error:
        return f"{type(error).__name__}: {error.message}"
    except Exception:
        return traceback.format_exc()
    return "done"


def _time_passes_elsewhere(region: Region) -> Callable[[], object]:
    """By a connection of this process's own: the forked ones are the parent's."""

    def passes() -> None:
        with psycopg.connect(region.cluster.dsn(region.database), autocommit=True, application_name=RUNNER) as connection:
            connection.execute(TIME_PASSES.encode())

    return passes


@dataclass
class _Life:
    """Counts the moments of a process, and ends it at one of them."""

    pipe: Connection
    fate: Fate | None
    count: int = 0
    travels: bool = False
    sending: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, what: str) -> None:
        with self.sending:
            self.count += 1
            self.pipe.send(("moment", what))
            if self.fate is None or self.count != self.fate.at:
                return
            if self.fate.act is Act.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fate.act is Act.KILL_LATE:
                self.travels = True
                return
            self.pipe.send(("stopped",))
            assert self.pipe.recv() == "go on"

    def ask(self, *call: Any) -> Any:
        """Of the companies that live in the parent."""
        if self.travels:
            self.pipe.send(("late", *call))
            os.kill(os.getpid(), signal.SIGKILL)
        with self.sending:
            self.pipe.send(("ask", *call))
        word, answer = self.pipe.recv()
        if word == "error":
            raise answer
        return answer
