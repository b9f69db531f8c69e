"""A region that moves is reconciled every night; one whose plan is wrong keeps its DAG, which says why at its first task."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from hybrid_erp.model.errors import ConfigurationError, NotReconcilableError
from hybrid_erp.wiring import configuration
from hybrid_erp.wiring.reconcile_again import REGIONS_TO_RECONCILE, to_be_reconciled
from hybrid_erp.wiring.reconciliation import begin_reconciliation
from tests.builders import CONFIG
from tests.dags.conftest import Parse


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """A configuration whose only plan is wrong."""
    config = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    file = config / "regions" / "emea.yaml"
    file.write_text(file.read_text().replace("difference: rounding", "difference: bad_luck"))
    return config


def test_a_moving_region_has_a_reconciliation_and_a_wrong_plan_does_not_take_it_away(
    parse: Parse, shipped: dict[str, Any], spoilt: Path
) -> None:
    for found in (shipped, parse(spoilt)):
        reconciliations = {name: dag for name, dag in found["dags"].items() if name.startswith("reconcile_")}

        assert found["import_errors"] == {}
        assert set(reconciliations) == {"reconcile_emea", "reconcile_settled"}
        assert {frozenset(dag["tasks"]) for dag in reconciliations.values()} == {frozenset({"begin", "reconcile", "verdict"})}


def test_what_watches_a_move_that_waits_begins_a_reconciliation_of_its_region(shipped: dict[str, Any]) -> None:
    assert shipped["dags"]["watch_moves"]["tasks"]["watch_moves"]["updates"] == [REGIONS_TO_RECONCILE.name]
    assert shipped["dags"]["reconcile_emea"]["begun_by"] == [to_be_reconciled("emea").uri]
    assert shipped["dags"]["reconcile_emea"]["clock"].endswith(" 3 * * *")


@pytest.mark.parametrize(
    ("region", "conf", "error", "reason"),
    [
        ("emea", {}, ConfigurationError, "plan.tolerances.0.difference"),
        ("apac", {}, ConfigurationError, "no section `plan`"),
        ("mars", {}, ConfigurationError, "There is no region mars"),
        ("emea", {"surprise": 1}, NotReconcilableError, "surprise"),
    ],
)
def test_the_first_task_refuses_before_anything_is_asked(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch, region: str, conf: dict[str, Any], error: type[Exception], reason: str
) -> None:
    monkeypatch.setenv("HYBRID_ERP_CONFIG", str(spoilt))
    configuration.settings.cache_clear()
    try:
        with pytest.raises(error, match=reason):
            begin_reconciliation(region, conf, run="manual__1", requested_by="lead")
    finally:
        configuration.settings.cache_clear()
