"""Starting a plan and holding on to it, or letting it run on its own; and ending one whose launcher is gone."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.guard import LOCK_FILE
from sandbox.leftovers import end, ports_left_open
from sandbox.places import CHECKOUT
from sandbox.plan import Plan, planned_ports
from sandbox.supervisor import STAY

STOP_SECONDS_MAX = 600

Progress = Callable[[str], None]


class StartError(Exception):
    """Something did not start; everything that had started was stopped again."""


class StopError(Exception):
    """Something could not be stopped."""


@dataclass(slots=True)
class Launch:
    """A plan that runs. It is stopped when this program ends in any way, unless `let_go` was called."""

    plan: Plan
    guard: subprocess.Popen[str]

    def let_go(self) -> None:
        """Let the plan run on after this program."""
        assert self.guard.stdin is not None
        assert self.guard.stdout is not None
        self.guard.stdin.write(STAY + "\n")
        self.guard.stdin.close()
        self.guard.stdout.close()

    def stop(self) -> None:
        """Stop everything and wait for the end.

        Raises:
            StopError: Something is left; the message says what.
        """
        assert self.guard.stdin is not None
        with suppress(BrokenPipeError):
            self.guard.stdin.close()
        try:
            code = self.guard.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            stop(self.plan.folder)
            return
        finally:
            if self.guard.stdout is not None:
                self.guard.stdout.close()
        if code and self.plan.folder.exists():
            stop(self.plan.folder)


def launch(plan: Plan, progress: Progress) -> Launch:
    """Start a plan and wait until all of it is up; when `plan` has no servers, until it is done.

    Raises:
        StartError: A part failed; nothing runs any more. The message says which, why, and what to do.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.logs.mkdir(exist_ok=True)
    plan.save()
    with (plan.logs / "supervisor.log").open("a") as log:
        guard = subprocess.Popen(
            [sys.executable, "-m", "sandbox.guard", str(plan.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=CHECKOUT,
            start_new_session=True,
        )
    launched = Launch(plan, guard)
    try:
        _wait_until_up(launched, progress)
    except BaseException:
        if guard.poll() is None:
            progress("stopping")
        launched.stop()
        raise
    return launched


def _wait_until_up(launched: Launch, progress: Progress) -> None:
    for event in _events(launched.guard):
        match event["event"]:
            case "up":
                return
            case "ready":
                progress(f"{event['part']} ready ({event['seconds']} s)")
            case "progress":
                progress(str(event["line"]))
            case "failed":
                raise StartError(_failure(launched.plan, event))
            case _:
                pass
    log = launched.plan.logs / "supervisor.log"
    raise StartError(f"The supervisor ended before everything was up. Read {log}, then start again.")


def _events(guard: subprocess.Popen[str]) -> Iterator[dict[str, object]]:
    assert guard.stdout is not None
    for line in guard.stdout:
        yield json.loads(line)


def _failure(plan: Plan, event: dict[str, object]) -> str:
    lines = event["log"]
    assert isinstance(lines, list)
    log = plan.logs / f"{event['part']}.log"
    quoted = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
    return (
        f"{event['part']} did not start: {event['why']}. Everything else was stopped.\n"
        f"  The end of its log ({log}):\n{quoted}\n"
        "  Put that right and run the same command again; it starts from the beginning."
    )


def is_guarded(folder: Path) -> bool:
    """Whether a guard looks after what runs for this folder."""
    return _guard_of(folder) is not None


def _guard_of(folder: Path) -> int | None:
    try:
        with (folder / LOCK_FILE).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def stop(folder: Path) -> None:
    """End whatever runs for this folder, looked after or left behind by a crash; then nothing runs and no port is open.

    Raises:
        StopError: Something survived.
    """
    if (guard := _guard_of(folder)) is not None:
        with suppress(ProcessLookupError):
            os.kill(guard, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while is_guarded(folder) and time.monotonic() < deadline:
            time.sleep(0.1)
    survivors = end(folder)
    ports = planned_ports(folder)
    open_ports = ports_left_open(ports)
    if survivors or open_ports:
        pids = " ".join(str(survivor.pid) for survivor in survivors) or "none"
        raise StopError(
            f"Not everything of {folder} could be stopped. Programs that survived: {pids}; ports still open: {open_ports}. "
            "See who they are with `ps` and `ss -ltnp`; programs of another user need that user's `make down`."
        )


def remove(folder: Path) -> None:
    """Stop what runs for this folder and delete it."""
    stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def launched(plan: Plan, progress: Progress) -> Iterator[Launch]:
    """A plan that runs for the length of a block."""
    running = launch(plan, progress)
    try:
        yield running
    finally:
        running.stop()
