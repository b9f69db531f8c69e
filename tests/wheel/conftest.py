"""The wheel in clean environments, with the oldest and with the newest of everything that it says it works with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.postgres import Cluster
from tests.stores import Store, fresh_store, running_cluster
from tests.wheel.installed import HERE, Installed, build_wheel


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They fill environments from the package index, so `make check` leaves them to `make test`."""
    for item in items:
        if Path(str(item.fspath)).parent == HERE:
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def store_cluster() -> Iterator[Cluster]:
    with running_cluster("wheel") as cluster:
        yield cluster


@pytest.fixture
def store(store_cluster: Cluster) -> Iterator[Store]:
    with fresh_store(store_cluster) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session", params=["oldest", "newest"])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = Installed(tmp_path_factory.mktemp(request.param), wheel, HERE / f"{request.param}.txt")
    made.install()
    made.run("hybrid-erp", "dags", str(made.dags))
    return made
