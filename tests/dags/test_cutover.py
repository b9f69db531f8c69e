"""The runbook of a region's move: its steps in their order, approvals before the freeze, a release that runs however the others end."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.builders import CONFIG

CHECKOUT = CONFIG.parent
APPROVALS = ["approve_DE01", "approve_UK01", "approve_migration_lead", "override_blackout_DE01", "override_blackout_UK01"]
STEPS = ["freeze", "drain", "lock_out", "final_delta", "verify", "switch", "smoke_test"]


@pytest.fixture
def dags(shipped: dict[str, Any]) -> dict[str, Any]:
    return dict(shipped["dags"])


def named(dags: dict[str, Any], prefix: str) -> set[str]:
    return {name for name in dags if name.startswith(prefix)}


def test_a_region_with_a_plan_for_its_cutover_has_one_each_way(dags: dict[str, Any]) -> None:
    assert named(dags, "cutover_") == {"cutover_emea"}
    assert named(dags, "rollback_") == {"rollback_emea"}
    assert {dags[name]["max_active_runs"] for name in ("cutover_emea", "rollback_emea")} == {1}


@pytest.mark.parametrize("name", ["cutover_emea", "rollback_emea"])
def test_the_steps_come_in_their_order_and_after_every_approval(dags: dict[str, Any], name: str) -> None:
    tasks = dags[name]["tasks"]

    assert {approval: tasks[approval]["after"] for approval in APPROVALS} == {key: ["preflight"] for key in APPROVALS}
    assert tasks["freeze"]["after"] == APPROVALS
    for before, step in itertools.pairwise(STEPS):
        assert tasks[step]["after"] == [before]


@pytest.mark.parametrize("name", ["cutover_emea", "rollback_emea"])
def test_whatever_fails_the_region_is_released_and_the_store_has_the_last_word(dags: dict[str, Any], name: str) -> None:
    tasks = dags[name]["tasks"]

    assert tasks["release"]["teardown"]
    assert set(tasks["release"]["after"]) == {"begin", "smoke_test"}
    assert tasks["release"]["retries"] >= 20
    assert tasks["verdict"]["teardown"]
    assert tasks["verdict"]["fails_the_run"]
    assert "release" in tasks["verdict"]["after"]


def test_a_question_may_be_asked_again(dags: dict[str, Any]) -> None:
    assert all(dags["cutover_emea"]["tasks"][approval]["retries"] >= 2 for approval in APPROVALS)


def test_moves_are_watched_every_minute_by_one_task(dags: dict[str, Any]) -> None:
    assert set(dags["watch_moves"]["tasks"]) == {"watch_moves"}


def test_the_dag_files_hold_no_rule(dags: dict[str, Any]) -> None:
    for name in ("cutover_region", "rollback_region"):
        lines = (Path(CHECKOUT) / "dags" / f"{name}.py").read_text().split('"""')[2].splitlines()
        assert len([line for line in lines if line.strip()]) < 20, name
