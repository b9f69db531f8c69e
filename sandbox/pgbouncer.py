"""A real PgBouncer before a PostgreSQL, in transaction mode: Debian's package, never installed.

It is the hardest pooler that a firm may have: of a version that knows no prepared statements, with fewer sessions than clients, and the
next transaction of a client runs in another session than the last one whenever there are two.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.debian import Package, unpacked
from sandbox.launch import Progress
from sandbox.locks import exclusive
from sandbox.places import WORK
from sandbox.plan import Part, Ready
from sandbox.ports import HOST
from sandbox.postgres import Cluster

PACKAGES = (
    Package("pgbouncer", "1.18.0-1+deb12u1", "b8468c31f94596da0967b1a27980a0a036268eb8e53d3e647651bd7b82b6f65e"),
    Package("libc-ares2", "1.18.1-3", "087fd5c2ac883202e1786ab45617cdab7f77bc7f060d58cca177ddf6b6c3fa73"),
    Package("libevent-2.1-7", "2.1.12-stable-8", "ca8858a7095ade7776c9f73437812423a45ccd90de2079e8c34830d291df290f"),
)
SESSIONS = 2  # for each login and database

SETTINGS = """
[databases]
* = host={host} port={server}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {logins}
pool_mode = transaction
default_pool_size = {sessions}
server_round_robin = 1
server_login_retry = 1
max_client_conn = 500
"""


@dataclass(frozen=True, slots=True)
class Pooler:
    """One PgBouncer: its folder, its port, and the server behind it."""

    folder: Path
    port: int
    cluster: Cluster

    def dsn(self, database: str, user: str) -> str:
        """A libpq URL that leads through the pooler."""
        return f"postgresql://{user}@{HOST}:{self.port}/{database}"

    def part(self, logins: Sequence[str], progress: Progress, environment: dict[str, str]) -> Part:
        """The program, for these logins; fetches its packages on first use.

        Raises:
            PackageUnavailableError: They cannot be had.
        """
        work = WORK / "pgbouncer"
        work.mkdir(parents=True, exist_ok=True)
        with exclusive(work / "fetching.lock", progress, "another program that fetches PgBouncer"):
            unpacked_to = unpacked(PACKAGES, work)
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self.folder / "pgbouncer-logins.txt"
        known.write_text("".join(f'"{login}" ""\n' for login in logins))  # the sandbox's server trusts the loopback
        told = SETTINGS.format(host=HOST, server=self.cluster.port, port=self.port, logins=known, sessions=SESSIONS)
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(told + ("user = nobody\n" if os.geteuid() == 0 else ""))  # it refuses to run as root
        (libraries,) = unpacked_to.glob("usr/lib/*-linux-gnu*")
        return Part(
            name="pgbouncer",
            command=(str(unpacked_to / "usr" / "sbin" / "pgbouncer"), str(settings)),
            environment=environment | {"LD_LIBRARY_PATH": str(libraries)},
            ready=Ready(port=self.port),
        )
