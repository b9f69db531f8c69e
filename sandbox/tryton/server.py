"""Tryton's web server: one for all databases, two worker processes, on one loopback port."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from sandbox.postgres import HOST
from sandbox.tryton.install import Installation

DATABASE_ROLE = "tryton"
# The longest that any request may take (`request_seconds_max` in config/erps.yaml): after it none can commit any more. gunicorn looks once
# a second whose time is up, and kills who has not ended in the second after.
REQUEST_SECONDS_MAX = 30
WORKER_SECONDS_MAX = REQUEST_SECONDS_MAX - 3
WORKERS = 2


def write_config(file: Path, database_port: int) -> Path:
    """Tryton's own configuration file.

    The cache is told of every change at once: with the default, a second worker process goes on accepting a locked-out user for
    five minutes. Rates have twelve decimals, so that a document's own rate survives being stored as its inverse.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "[database]\n"
        f"uri = postgresql://{DATABASE_ROLE}@{HOST}:{database_port}/\n"
        "list = False\n"
        "[cache]\n"
        "clean_timeout = 0\n"
        "[request]\n"
        f"timeout = {WORKER_SECONDS_MAX}\n"
        "[currency]\n"
        "rate_decimal = 12\n",
        encoding="utf-8",
    )
    return file


@dataclass(frozen=True, slots=True)
class TrytonServer:
    """How a supervisor starts the server, and how it knows that the server is ready."""

    installation: Installation
    config: Path
    port: int
    databases: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        """The program and its arguments."""
        return [
            str(self.installation.gunicorn),
            f"--bind={HOST}:{self.port}",
            f"--workers={WORKERS}",
            f"--timeout={WORKER_SECONDS_MAX}",
            f"--config={Path(__file__).parent / 'wsgi' / 'serve.py'}",
            "--limit-request-line=8190",  # a domain that asks for many keys at once is long
            "--keep-alive=5",
            "--no-control-socket",  # it is one file in the home directory, for all servers of this machine
            "--access-logfile=/dev/null",
            "trytond.application:app",
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What the program needs to know; the databases are loaded before the first request."""
        return {"TRYTOND_CONFIG": str(self.config), "SANDBOX_TRYTON_DATABASES": ",".join(self.databases)}

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def ready(self) -> bool:
        """Whether it answers for its last database: without a key it has to refuse."""
        try:
            with urllib.request.urlopen(f"{self.url}/{self.databases[-1]}/rest/model/res.user", timeout=10):
                return True
        except urllib.error.HTTPError as refused:
            return refused.code == 401
        except OSError:
            return False
