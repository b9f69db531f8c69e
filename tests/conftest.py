"""What every test can ask for: a running site, with or without Airflow. Both start when the first test wants them.

A test that asks for one is marked `site` by that alone; `make check` runs all others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from sandbox.site import Site, running_site

# A machine that is busy makes an example slow, and no promise false.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a site: by the fixtures that it asks for, also through others."""
    for item in items:
        if any(name.endswith("site") or name == "running_airflow" for name in getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.site)


@pytest.fixture(scope="session")
def progress(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Lines for the person who waits, past pytest's capture: a first start builds databases."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"  {line}", flush=True)

    return tell


@pytest.fixture(scope="session")
def site(progress: Callable[[str], None]) -> Iterator[Site]:
    """PostgreSQL, the store and both real ERPs, shared by all tests of this run."""
    with running_site(f"test-{os.getpid()}", progress, airflow=False, durable=False) as running:
        yield running
