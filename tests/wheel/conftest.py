"""The wheel in clean environments, with the oldest and with the newest of everything that it says it works with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wheel.installed import HERE, Installed, build_wheel


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They fill environments from the package index, so `make check` leaves them to `make test`."""
    for item in items:
        if Path(str(item.fspath)).parent == HERE:
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session", params=["oldest", "newest"])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = Installed(tmp_path_factory.mktemp(request.param), wheel, HERE / f"{request.param}.txt")
    made.install()
    made.run("hybrid-erp", "dags", str(made.dags))
    return made
