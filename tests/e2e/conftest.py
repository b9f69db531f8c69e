"""One whole site for everything that is tried through a real Airflow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from sandbox.fault_proxy import Fault
from sandbox.places import for_tests
from sandbox.site import LINES, Site, new_site, start
from tests.builders import CONFIG
from tests.e2e.planted import PlantedSite, plant
from tests.e2e.through_airflow import ThroughAirflow

LEASE_SECONDS = 15
#: The least that the plan of a move may allow: 95 s for the whole run.
SHORTEST_BUDGET = {
    "approval_minutes_max": 1,
    "catch_up_seconds_max": 0,
    "freeze_seconds_max": 30,
    "drain_seconds_max": 5,
    "lease_seconds": 10,
}


@pytest.fixture(scope="package")  # an Airflow that idles takes time from the tests that follow
def running_airflow(progress: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own, whose leases and budgets are short: what a killed worker held is free again within seconds."""
    config = Path(shutil.copytree(CONFIG, tmp_path_factory.mktemp("e2e") / "config"))
    erps = yaml.safe_load((config / "erps.yaml").read_text())
    for erp in erps["erps"].values():
        erp["lease_seconds"] = LEASE_SECONDS
    (config / "erps.yaml").write_text(yaml.safe_dump(erps))
    region = yaml.safe_load((config / "regions" / "emea.yaml").read_text())
    region["plan"]["cutover"] |= SHORTEST_BUDGET
    (config / "regions" / "emea.yaml").write_text(yaml.safe_dump(region))
    plant(config)
    folder = for_tests(f"test-e2e-{os.getpid()}")
    laid_out = new_site(folder, progress, airflow=True, faulty_lines=True, durable=False)
    site = PlantedSite(**{each.name: getattr(laid_out, each.name) for each in fields(laid_out)} | {"config": config})
    site.save()
    launched = start(site, progress, temporary=True)
    try:
        yield site
    finally:
        launched.stop()


@pytest.fixture
def airflow(running_airflow: Site) -> Iterator[ThroughAirflow]:
    """Airflow and the canonical API, signed in as the lead; the lines to the ERPs are whole again afterwards, and no company rests."""
    client = ThroughAirflow(running_airflow)
    client.lead.wait_until_listening()
    yield client
    for erp in LINES:
        running_airflow.line(erp).behave(Fault.PASS)
    client.store("DELETE FROM outage RETURNING 1")
