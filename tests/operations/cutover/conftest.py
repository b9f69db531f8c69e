"""Cutovers run on a real PostgreSQL and on ERPs in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sandbox.postgres import Cluster
from tests.operations.cutover.region import Region, a_region
from tests.stores import running_cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They start a server, so `make check` leaves them to `make test`."""
    for item in items:
        if "cutover_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def cutover_cluster() -> Iterator[Cluster]:
    """A server that forgets in a crash of its own: here it is others that die."""
    with running_cluster("cutovers") as cluster:
        with cluster.admin() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_commit = off")
            connection.execute("SELECT pg_reload_conf()")
        yield cluster


@pytest.fixture
def region(cutover_cluster: Cluster) -> Iterator[Region]:
    """EMEA in dual run."""
    with ExitStack() as stack:
        yield a_region(cutover_cluster, stack)
