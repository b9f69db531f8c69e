"""Steps of the product in processes that are killed at random moments of their lives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.site import Site
from tests.builders import CONFIG


@dataclass
class KilledSteps:
    """Steps that a program of workers takes, each in a process that can be killed without warning."""

    site: Site
    config: Path
    program: str
    """The module of the workers: reads lines `STEP WORD`, answers with the process id, and `ended`."""
    rng: random.Random = field(default_factory=lambda: random.Random(20261120))
    kills: int = 0

    @property
    def log_file(self) -> Path:
        """What the workers said."""
        return self.site.folder / f"{self.program.rpartition('.')[2]}.log"

    def __enter__(self) -> KilledSteps:
        environment = self.site.environment() | {"HYBRID_ERP_CONFIG": str(self.config)}
        command = [sys.executable, "-W", "ignore", "-m", self.program]
        self.log = self.log_file.open("a")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment, cwd=CONFIG.parent
        )
        return self

    def __exit__(self, *failure: object) -> None:
        with self.process, self.log:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait(60)

    def run(self, step: str, word: str, *, killed_within: float | None = None) -> None:
        """Take a step; kill it at a random moment of its life, if it still lives."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{step} {word}\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        if killed_within is not None:
            time.sleep(self.rng.uniform(0.01, killed_within))  # the fault itself
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
        assert self.process.stdout.readline().strip() == "ended"

    def harm(self, step: str, word: str, *, times: int, killed_within: float) -> None:
        """The same step again and again, killed each time: sooner each time that it ended before, however fast the machine is."""
        for _ in range(times):
            before = self.kills
            self.run(step, word, killed_within=killed_within)
            killed_within = killed_within if self.kills > before else max(killed_within / 3, 0.02)
