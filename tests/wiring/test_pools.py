"""A pool that is missing is silent in Airflow; here it is named, with what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring import cli
from hybrid_erp.wiring.pools import Pool, pool_of, pools, problems_of
from tests.builders import CONFIG, the_settings

WANTED = pools(the_settings())


def as_wanted(**others: Pool) -> dict[str, Pool]:
    return {name: Pool(content["slots"], include_deferred=True) for name, content in WANTED.items()} | others


def test_each_erp_has_a_pool_for_what_it_owns_and_one_for_copies() -> None:
    assert set(WANTED) == {pool_of(erp, role) for erp in the_settings().erps for role in (Role.CONTROL, Role.CANDIDATE)}
    assert pool_of("tryton-emea") == pool_of("tryton-emea", Role.RUN_OFF) == "erp_tryton-emea"
    assert pool_of("tryton-emea", Role.CANDIDATE) == "erp_tryton-emea_candidate"
    assert all(content["include_deferred"] for content in WANTED.values())


def test_copies_get_half_the_slots_and_never_none_unless_the_configuration_says_otherwise() -> None:
    erp = the_settings().erps["tryton-emea"]

    def copies(**changes: int) -> int:
        return erp.model_copy(update=changes).slots_of(Role.CANDIDATE)

    assert (copies(slots=8), copies(slots=3), copies(slots=1)) == (4, 1, 1)
    assert copies(slots=8, candidate_slots=6) == 6


def test_pools_that_are_as_wanted_or_larger_are_in_order() -> None:
    assert list(problems_of(WANTED, as_wanted())) == []
    assert list(problems_of(WANTED, as_wanted(**{"erp_tryton-emea": Pool(99, True), "erp_tryton-apac": Pool(-1, True)}))) == []


def test_a_pool_that_is_missing_too_small_or_blind_to_deferred_tasks_is_named_with_what_to_do() -> None:
    there = as_wanted(**{"erp_tryton-emea": Pool(1, True), "erp_tryton-apac": Pool(2, False)})
    del there["erp_ledgersmb-emea"]

    found = list(problems_of(WANTED, there))

    assert len(found) == 3
    assert any("no pool erp_ledgersmb-emea" in each for each in found)
    assert any("erp_tryton-emea has 1 slots, and the configuration wants 2" in each for each in found)
    assert any("erp_tryton-apac does not count deferred" in each for each in found)
    assert all("airflow pools import" in each for each in found)


def test_the_command_writes_what_airflow_imports(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pools", "--config", str(CONFIG)]) == 0

    assert json.loads(capsys.readouterr().out) == WANTED


def test_check_says_so_where_there_is_no_airflow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cli.main(["check", "--config", str(CONFIG)]) == 0

    assert "pools were not looked at" in capsys.readouterr().err


@pytest.mark.processes
def test_check_names_what_is_missing_in_an_airflow_until_it_is_imported(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(CONFIG.parent / "include"),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", *words], env=environment, capture_output=True, text=True, check=False, timeout=120)

    def check() -> subprocess.CompletedProcess[str]:
        return run("hybrid_erp.wiring.cli", "check", "--config", str(CONFIG))

    unmade = check()
    assert unmade.returncode == 1
    assert "Airflow's pools cannot be read" in unmade.stdout
    assert "Traceback" not in unmade.stdout + unmade.stderr

    assert run("airflow", "db", "migrate").returncode == 0
    without = check()
    assert without.returncode == 1
    assert without.stdout.count("Airflow has no pool erp_") == len(WANTED)

    (tmp_path / "pools.json").write_text(run("hybrid_erp.wiring.cli", "pools", "--config", str(CONFIG)).stdout)
    assert run("airflow", "pools", "import", str(tmp_path / "pools.json")).returncode == 0
    imported = check()
    assert imported.returncode == 0, imported.stdout + imported.stderr
