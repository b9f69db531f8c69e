"""What every test can ask for: a store of its own on a real PostgreSQL, or a running site. Each starts when the first test wants it.

A test that asks for one is marked by that alone, and `make check` leaves it to `make test`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from sandbox.pgbouncer import Pooler
from sandbox.postgres import Cluster
from sandbox.site import Site, running_site
from tests.poolers import running_pooler
from tests.stores import Store, fresh_store, running_cluster

# A machine that is busy makes an example slow, and no promise false.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a site or a server: by the fixtures that it asks for, also through others."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if any(name.endswith("site") or name == "running_airflow" for name in asked):
            item.add_marker(pytest.mark.site)
        if {"store_cluster", "cluster_of_its_own"} & asked:
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def progress(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Lines for the person who waits, past pytest's capture: a first start builds databases."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"  {line}", flush=True)

    return tell


@pytest.fixture(scope="session")
def store_cluster() -> Iterator[Cluster]:
    """A PostgreSQL with a migrated store to copy, shared by all tests of this run."""
    with running_cluster("stores") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pooler(store_cluster: Cluster) -> Iterator[Pooler]:
    """A PgBouncer before the server of all stores."""
    with running_pooler(store_cluster, "pooler") as running:
        yield running


@pytest.fixture
def store(store_cluster: Cluster) -> Iterator[Store]:
    """A store of its own for each test."""
    with fresh_store(store_cluster) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def site(progress: Callable[[str], None]) -> Iterator[Site]:
    """PostgreSQL, the store and both real ERPs, shared by all tests of this run."""
    with running_site(f"test-{os.getpid()}", progress, airflow=False, durable=False) as running:
        yield running
