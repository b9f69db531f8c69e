"""A store of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.postgres import Cluster
from tests.stores import Store, fresh_store, running_cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They start a server, so `make check` leaves them to `make test`."""
    for item in items:
        if "store" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def store_cluster() -> Iterator[Cluster]:
    with running_cluster("reconcile") as cluster:
        yield cluster


@pytest.fixture
def store(store_cluster: Cluster) -> Iterator[Store]:
    with fresh_store(store_cluster) as fresh:
        yield fresh
