"""Finding and ending every program of a site, whatever became of the one that started it.

Airflow's task processes live in sessions of their own and outlive their parents, so neither a process group nor a list of children
finds them all. The environment does: each part is started with a marker that its descendants inherit.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from sandbox.ports import is_open

SITE_MARKER = "HYBRID_ERP_SITE"
PART_MARKER = "HYBRID_ERP_PART"

# setproctitle, which Airflow uses, overwrites the environment that others can read unless told not to.
KEEP_ENVIRONMENT_READABLE = {"SPT_NOENV": "1"}

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def marks(folder: Path, part: str) -> dict[str, str]:
    """The environment by which a part's descendants are known later."""
    return {SITE_MARKER: str(folder), PART_MARKER: part, **KEEP_ENVIRONMENT_READABLE}


def adopt_orphans() -> None:
    """From now on descendants whose parent died become children of this process, not of the system's first."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """In a new child: be told to stop when the parent dies, however it dies."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def programs_of(folder: Path, part: str | None = None) -> list[psutil.Process]:
    """Every live program that carries the folder's marker, or descends from one that does; never this one."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        environment = _environment(process)
        if environment.get(SITE_MARKER) == str(folder) and part in (None, environment.get(PART_MARKER)):
            found[process.pid] = process
            # A PostgreSQL backend overwrites its environment to show what it does; its parent does not.
            found.update({child.pid: child for child in descendants_of(process)})
    found.pop(os.getpid(), None)
    return [process for process in found.values() if is_alive(process)]


def descendants_of(process: psutil.Process) -> list[psutil.Process]:
    """All children, their children, and so on; none when the process has just ended."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end(folder: Path, *, part: str | None = None, patience_seconds: float = 20) -> list[psutil.Process]:
    """End every program of a site (or of one of its parts) without asking; returns those that survived.

    PostgreSQL is asked for its immediate stop first: killed outright it leaves its shared memory behind.
    """
    started = time.monotonic()
    while alive := programs_of(folder, part):
        waited = time.monotonic() - started
        if waited > patience_seconds:
            return alive
        for process in alive:
            _signal(process, signal.SIGQUIT if _is_postgres(process) and waited < patience_seconds / 4 else signal.SIGKILL)
        psutil.wait_procs(alive, timeout=0.5)
    return []


def ports_left_open(ports: Iterable[int], patience_seconds: float = 5) -> list[int]:
    """Those of the ports on which somebody still listens after a while."""
    deadline = time.monotonic() + patience_seconds
    while (still := [port for port in ports if is_open(port)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return still


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):  # gone, a zombie, or somebody else's
        return {}


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("postgres")
    except psutil.Error:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):  # it ended by itself
        process.send_signal(number)
