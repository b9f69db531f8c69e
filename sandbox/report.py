"""What a supervisor tells: events to its launcher and its log, and the last words of a part, without secrets."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from sandbox.plan import Plan

LOG_LINES_SHOWN = 15


@dataclass(frozen=True, slots=True)
class Report:
    """The events of one plan, with the seconds since its beginning."""

    plan: Plan
    began_at: float = field(default_factory=time.monotonic)
    speaking: threading.Lock = field(default_factory=threading.Lock)

    def say(self, event: str, **details: object) -> None:
        """Tell the launcher, if it is still there, and the log in any case."""
        at_seconds = round(time.monotonic() - self.began_at, 1)
        line = json.dumps({"event": event, "at_seconds": at_seconds, **details})
        with self.speaking:
            print(line, file=sys.stderr, flush=True)
            with suppress(BrokenPipeError):
                print(line, flush=True)

    def relay(self, program: subprocess.Popen[str]) -> None:
        """Pass on the lines of a part as progress, until it ends."""
        assert program.stdout is not None
        for line in program.stdout:
            self.say("progress", line=line.rstrip())

    def last_lines(self, part: str) -> list[str]:
        """The end of a part's log, without secrets."""
        log = self.plan.logs / f"{part}.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return [self._redacted(line) for line in lines if line.strip()][-LOG_LINES_SHOWN:]

    def _redacted(self, line: str) -> str:
        for secret in self.plan.secrets:
            line = line.replace(secret, "***")
        return line
