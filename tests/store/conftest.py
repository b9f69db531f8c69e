"""The store's tests run on a real PostgreSQL and need no ERP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.postgres import Cluster
from tests.stores import Store, fresh_store, running_cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They start a server, so `make check` leaves them to `make test`."""
    for item in items:
        if {"store", "store_cluster", "cluster_of_its_own"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def store_cluster() -> Iterator[Cluster]:
    with running_cluster("store") as cluster:
        yield cluster


@pytest.fixture
def store(store_cluster: Cluster) -> Iterator[Store]:
    with fresh_store(store_cluster) as fresh:
        yield fresh
