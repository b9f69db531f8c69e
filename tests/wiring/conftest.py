"""A store for tests of what the tasks do with it; the ERP behind it is a fake of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.postgres import HOST, Cluster
from tests.stores import Store, fresh_store, running_cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They start a server, so `make check` leaves them to `make test`."""
    for item in items:
        if "store" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def store_cluster() -> Iterator[Cluster]:
    with running_cluster("wiring") as cluster:
        yield cluster


@pytest.fixture
def store(store_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that the product's own Connections lead to."""
    with fresh_store(store_cluster) as fresh:
        for duty in ("intake", "delivery", "reader", "cutover"):
            url = f"postgres://hybrid_erp_{duty}_login@{HOST}:{fresh.cluster.port}/{fresh.database}"
            monkeypatch.setenv(f"AIRFLOW_CONN_HYBRID_ERP_{duty.upper()}", url)
        yield fresh
