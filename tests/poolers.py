"""A PgBouncer before a server of the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg

from sandbox.launch import launched
from sandbox.pgbouncer import SESSIONS, Pooler
from sandbox.places import for_tests
from sandbox.plan import Plan
from sandbox.ports import free_ports
from sandbox.postgres import SUPERUSER, Cluster
from sandbox.site import plain_environment
from sandbox.store_setup import DUTIES, login_of


@contextmanager
def running_pooler(cluster: Cluster, name: str, progress: Callable[[str], None] = lambda line: None) -> Iterator[Pooler]:
    """A pooler that is started again when it dies; nothing of it is left afterwards."""
    folder = for_tests(f"test-{name}-{os.getpid()}")
    pooler = Pooler(folder, free_ports(1)[0], cluster)
    part = pooler.part([SUPERUSER, *map(login_of, DUTIES)], progress, plain_environment())
    with launched(Plan(folder, parts=(part,), ports=(pooler.port,), temporary=True), progress):
        yield pooler


@dataclass(frozen=True)
class ManySessions:
    """A door through a pooler that has all its sessions of a login open, so that each transaction runs in another one than the last."""

    pooler: Pooler
    opened: set[str] = field(default_factory=set)

    def dsn(self, database: str, user: str) -> str:
        """A libpq URL."""
        dsn = self.pooler.dsn(database, user)
        if dsn not in self.opened:
            self.opened.add(dsn)
            with ExitStack() as stack:
                for _ in range(SESSIONS):
                    stack.enter_context(psycopg.connect(dsn)).execute("SELECT")  # stays in its transaction until all are
        return dsn
