"""The parent of everything a site runs: starts the parts in order, starts dead servers again, stops all of them at the end.

Run as `python -m sandbox.supervisor FOLDER` by the guard. Its standard input is a pipe from the launcher: when that ends, however the
launcher died, the site is stopped; unless the launcher said `stay` before. Events go to standard output, one JSON object a line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.leftovers import adopt_orphans, end, marks
from sandbox.plan import Part, Plan, Ready, write_private
from sandbox.readiness import is_ready
from sandbox.report import Report

STAY = "stay"
PIDS_FILE = "pids.json"


class PartFailedError(Exception):
    """A part did not start, or ended too often."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(part, why)
        self.part = part
        self.why = why


class StoppedError(Exception):
    """The site was asked to stop while it started."""


@dataclass(slots=True)
class Running:
    """A part that was started."""

    part: Part
    program: subprocess.Popen[str]
    started_at: float = field(default_factory=time.monotonic)
    serves: threading.Event = field(default_factory=threading.Event)

    def look(self, ready: Ready) -> None:
        """Ask until it serves or is dead; in a thread of its own, because a server that starts may keep one waiting."""
        while self.program.returncode is None and not self.serves.wait(0.1):
            if is_ready(ready):
                self.serves.set()


@dataclass(slots=True)
class Supervision:
    """One run of one plan."""

    plan: Plan
    asked_to_stop: threading.Event = field(default_factory=threading.Event)
    running: dict[str, Running] = field(default_factory=dict)
    restarts: int = 0
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        """Report on the plan."""
        self.report = Report(self.plan)

    def run(self) -> int:
        """Start, watch, stop; 0 unless a part failed."""
        try:
            self.start_all()
            self.report.say("up")
            self.watch()
        except PartFailedError as failure:
            self.report.say("failed", part=failure.part, why=failure.why, log=self.report.last_lines(failure.part))
            return 1
        except StoppedError:
            return 0
        finally:
            self.stop_all()
        return 0

    # Starting

    def start_all(self) -> None:
        """Start each part as soon as what it waits for is ready; returns when all are."""
        waiting = list(self.plan.parts)
        ready: set[str] = set()
        while len(ready) < len(self.plan.parts):
            if self.asked_to_stop.is_set():
                raise StoppedError
            for part in [part for part in waiting if ready.issuperset(part.after)]:
                self.start(part)
                waiting.remove(part)
            for running in list(self.running.values()):
                if running.part.name not in ready and self.has_come_up(running):
                    ready.add(running.part.name)
                    if running.part.ready is None:
                        del self.running[running.part.name]
                    self.report.say("ready", part=running.part.name, seconds=round(time.monotonic() - running.started_at, 1))
            self.bury()
            time.sleep(0.05)

    def start(self, part: Part) -> None:
        """Start one part in a session of its own, its output in its log."""
        log = self.plan.logs / f"{part.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = part.environment | marks(self.plan.folder, part.name)
        try:
            with log.open("a") as output:
                program = subprocess.Popen(
                    part.command,
                    env=environment,
                    cwd=self.plan.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if part.relayed else output,
                    stderr=output,
                    start_new_session=True,
                    text=True,
                )
        except OSError as error:
            raise PartFailedError(part.name, f"its program could not be started: {error}") from error
        self.running[part.name] = running = Running(part, program)
        if part.ready is not None:
            threading.Thread(target=running.look, args=(part.ready,), daemon=True).start()
        if part.relayed:
            threading.Thread(target=self.report.relay, args=(program,), daemon=True).start()
        self.write_pids()

    def has_come_up(self, running: Running) -> bool:
        """Whether a server serves, or a step is done; raises when it never will."""
        part, code = running.part, running.program.poll()
        if part.ready is None and code == 0:
            return True
        if code is not None:
            raise PartFailedError(part.name, f"it ended with {_in_words(code)}")
        if running.serves.is_set():
            return True
        if (waited := time.monotonic() - running.started_at) > part.patience_seconds:
            raise PartFailedError(part.name, f"it was not {'ready' if part.ready else 'done'} after {waited:.0f} s")
        return False

    # Watching

    def watch(self) -> None:
        """Until the site is asked to stop: start again what dies."""
        while not self.asked_to_stop.wait(0.3):
            for running in list(self.running.values()):
                code = running.program.poll()
                if code is not None:
                    self.start_again(running, code)
            self.bury()

    def start_again(self, running: Running, code: int) -> None:
        """Replace a dead server, as a service supervisor of a real installation does: its leftovers end first."""
        part, self.restarts = running.part, self.restarts + 1
        if self.restarts > self.plan.restarts_max:
            raise PartFailedError(part.name, f"it ended with {_in_words(code)}, and {self.plan.restarts_max} restarts did not help")
        self.report.say("restart", part=part.name, why=_in_words(code))
        end(self.plan.folder, part=part.name)
        self.start(part)

    def bury(self) -> None:
        """Take note of the death of adopted orphans; the parts' own deaths are left to their `Popen`."""
        own = {running.program.pid for running in self.running.values()}
        with suppress(ChildProcessError):
            while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None and dead.si_pid not in own:
                os.waitpid(dead.si_pid, 0)

    # Stopping

    def stop_all(self) -> None:
        """Ask the servers to end, end what does not, then run the closing steps."""
        self.report.say("stopping")
        asked_at = time.monotonic()
        for running in self.running.values():
            self.signal_group(running, signal.SIGTERM)
        for running in self.running.values():
            left_seconds = asked_at + running.part.grace_seconds - time.monotonic()
            try:
                running.program.wait(timeout=max(0.1, left_seconds))
            except subprocess.TimeoutExpired:
                self.signal_group(running, signal.SIGKILL)
            end(self.plan.folder, part=running.part.name)
        for part in self.plan.closing:
            try:
                self.start(part)
                self.running[part.name].program.wait(timeout=part.patience_seconds)
            except (PartFailedError, subprocess.TimeoutExpired) as error:
                self.report.say("progress", line=f"{part.name} failed ({error}); ended without it")

    def signal_group(self, running: Running, number: signal.Signals) -> None:
        """Signal a part and the children in its session."""
        with suppress(ProcessLookupError):
            os.killpg(running.program.pid, number)

    def write_pids(self) -> None:
        """Say who is who, for people and for tests that end one part on purpose."""
        pids = {name: running.program.pid for name, running in self.running.items()}
        write_private(self.plan.folder / PIDS_FILE, json.dumps(pids | {"supervisor": os.getpid(), "guard": os.getppid()}))


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _listen_to_launcher(asked_to_stop: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == STAY:
            return
    asked_to_stop.set()


def main() -> int:
    """Run the plan of the folder named on the command line."""
    adopt_orphans()
    supervision = Supervision(Plan.load(Path(sys.argv[1])))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the launcher, which then lets go of the pipe
    signal.signal(signal.SIGTERM, lambda *_: supervision.asked_to_stop.set())
    threading.Thread(target=_listen_to_launcher, args=(supervision.asked_to_stop,), daemon=True).start()
    return supervision.run()


if __name__ == "__main__":
    sys.exit(main())
