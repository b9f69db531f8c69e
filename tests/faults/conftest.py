"""A company under fault: its store, its postings, workers that can be killed, and the ERP asked behind everybody's back."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.flow.intake import Intake, Verdict
from hybrid_erp.settings import load_settings
from sandbox.site import Site, running_site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import CONFIG

LEASE_SECONDS = 10


@pytest.fixture(scope="package")
def faulty_site(progress: Callable[[str], None]) -> Iterator[Site]:
    """A site of its own: its PostgreSQL is restarted, its workers are killed."""
    with running_site(f"test-faults-{os.getpid()}", progress, airflow=False, durable=False) as running:
        yield running


@dataclass
class Harness:
    """Feeds one site and drives its workers."""

    site: Site
    config: Path
    rng: random.Random
    kills: int = 0
    store_port: int | None = None
    """Where workers reach the store, if that is not PostgreSQL itself."""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def accept(self, events: list[dict[str, Any]]) -> list[str]:
        """The ids of the postings, all accepted."""
        settings = load_settings(self.config)
        with ConnectionPool(self.site.cluster.dsn(DATABASE, login_of("intake")), min_size=1, max_size=1, open=True) as pool:
            answers = Intake(settings.firm, PostgresIntake(pool)).accept(events, accepted_by="tests")
        assert all(answer.verdict is Verdict.ACCEPTED for answer in answers), [answer.refusal for answer in answers if answer.refusal]
        return [str(answer.posting_id) for answer in answers]

    def work(self, erp: str, legal_entity: str, *, seconds: float, kill_after: float | None = None) -> None:
        """Run one worker; kill it without warning after a while, if it still lives."""
        process = self._workers()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{erp} {legal_entity} {seconds}\n")
        process.stdin.flush()
        pid = int(process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)  # the fault itself: a random moment of its life
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
        assert process.stdout.readline().strip() == "ended"

    def states(self) -> dict[str, int]:
        """How many postings are in which state."""
        with psycopg.connect(self.site.cluster.dsn(DATABASE)) as connection:
            rows = connection.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall()
        return {str(state): int(str(count)) for state, count in rows}

    def drain(self, erp: str, legal_entity: str, *, timeout: float) -> None:
        """Let workers work, unharmed, until nothing is open."""
        until = time.monotonic() + timeout
        while open_states := {state: count for state, count in self.states().items() if state not in ("posted", "dead_lettered")}:
            assert time.monotonic() < until, f"still open: {open_states}"
            self.work(erp, legal_entity, seconds=5)

    def stop(self) -> None:
        if self.process is not None:
            with self.process as process:
                assert process.stdin is not None
                process.stdin.close()
                process.wait(20)

    def _workers(self) -> subprocess.Popen[str]:
        if self.process is None:
            environment = self.site.environment() | {"HYBRID_ERP_CONFIG": str(self.config)}
            if self.store_port is not None:
                reached = self.site.connections()["hybrid_erp_delivery"] | {"port": self.store_port}
                environment["AIRFLOW_CONN_HYBRID_ERP_DELIVERY"] = json.dumps(reached)
            command = [sys.executable, "-W", "ignore", "-m", "tests.faults.workers"]
            with (self.site.folder / "fault-workers.log").open("a") as log:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=CONFIG.parent
                )
        return self.process


@pytest.fixture
def harness(faulty_site: Site, tmp_path: Path) -> Iterator[Harness]:
    """A harness on an empty outbox, with short leases."""
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    erps = yaml.safe_load((config / "erps.yaml").read_text())
    for erp in erps["erps"].values():
        erp["lease_seconds"] = LEASE_SECONDS
    (config / "erps.yaml").write_text(yaml.safe_dump(erps))
    made = Harness(faulty_site, config, random.Random(20261120))
    yield made
    made.stop()
