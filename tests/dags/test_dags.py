"""Airflow finds every DAG, whatever is wrong in the configuration of one region or ERP."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from hybrid_erp.model.delivery import Role
from hybrid_erp.settings import load_settings
from hybrid_erp.wiring.pools import pools
from tests.builders import CONFIG, the_settings
from tests.dags.conftest import Parse

CHECKOUT = CONFIG.parent
REGIONS = 200


def deliveries(found: dict[str, Any]) -> set[str]:
    return {name.removeprefix("deliver_") for name in found["dags"] if name.startswith("deliver_")}


def test_every_dag_file_is_imported_without_an_error(shipped: dict[str, Any]) -> None:
    assert shipped["import_errors"] == {}
    assert {dag["file"] for dag in shipped["dags"].values()} == {file.name for file in (CHECKOUT / "dags").glob("*.py")}


def test_there_is_one_delivery_for_each_erp(shipped: dict[str, Any]) -> None:
    assert deliveries(shipped) == set(load_settings(CONFIG).erps)


def test_the_erps_of_a_region_that_moves_have_a_shadow_each_in_a_pool_of_its_own(shipped: dict[str, Any]) -> None:
    shadows = {name: dag for name, dag in shipped["dags"].items() if name.startswith("shadow_")}
    assert set(shadows) == {"shadow_ledgersmb-emea", "shadow_tryton-emea"}
    for name, dag in shadows.items():
        assert dag["tasks"]["deliver"]["pool"] == f"erp_{name.removeprefix('shadow_')}_candidate"


def test_each_delivery_has_a_bell_that_knows_how_many_slots_its_erp_has(shipped: dict[str, Any]) -> None:
    for name, dag in shipped["dags"].items():
        verb, _, erp = name.partition("_")
        if role := {"deliver": Role.CONTROL, "shadow": Role.CANDIDATE}.get(verb):
            slots = the_settings().erps[erp].slots_of(role)
            assert dag["bells"] == [{"erp": erp, "role": role.value, "slots": slots}], name


def test_every_dag_is_its_own_runbook(shipped: dict[str, Any]) -> None:
    for name, dag in shipped["dags"].items():
        assert dag["doc_md"], name
        assert len(dag["doc_md"].splitlines()) >= 3, name
        assert "hybrid-erp" in dag["tags"], name


def test_a_form_that_is_left_as_it_is_begins_a_run(shipped: dict[str, Any]) -> None:
    """Most begin as a dry run, which needs no reason; what a run lacks is said by its first task, with the remedy."""
    assert {name: dag["kept_from_running_by"] for name, dag in shipped["dags"].items() if dag["kept_from_running_by"]} == {}


def test_no_dag_runs_for_the_past(shipped: dict[str, Any]) -> None:
    for name, dag in shipped["dags"].items():
        assert dag["catchup"] is False, name


def test_a_delivery_may_run_beside_one_that_tries_again_and_nothing_else_runs_beside_itself(shipped: dict[str, Any]) -> None:
    for name, dag in shipped["dags"].items():
        assert dag["max_active_runs"] == (3 if name.startswith(("deliver_", "shadow_")) else 1), name


def test_what_we_refuse_ourselves_is_not_tried_again_by_any_task_of_a_delivery(shipped: dict[str, Any]) -> None:
    for name, dag in shipped["dags"].items():
        if name.startswith(("deliver_", "shadow_")):
            assert {task["retry_policy"] for task in dag["tasks"].values()} == {"ErpRetryPolicy"}, name


def test_no_two_deliveries_are_begun_by_the_clock_at_once(shipped: dict[str, Any]) -> None:
    for prefix, minutes in (("deliver_", 10), ("shadow_", 2)):
        clocks = [dag["clock"] for name, dag in shipped["dags"].items() if name.startswith(prefix)]
        assert len(set(clocks)) == len(clocks) > 1
        assert all(clock.endswith(f"-59/{minutes} * * * *") for clock in clocks)


def test_outcomes_are_sent_every_minute_where_a_source_has_a_webhook_and_never_where_none_has(
    parse: Parse, shipped: dict[str, Any], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    sources = folder / "sources.yaml"
    sources.write_text(sources.read_text().replace("description: Customers", "description: Customers\n    webhook_connection: crm_webhook"))

    assert shipped["dags"]["send_outcomes"]["clock"] is None
    assert parse(folder)["dags"]["send_outcomes"]["clock"] == "* * * * *"


def test_every_pool_that_a_task_needs_is_one_that_the_command_writes(shipped: dict[str, Any]) -> None:
    used = {task["pool"] for dag in shipped["dags"].values() for task in dag["tasks"].values()} - {"default_pool"}

    assert used <= set(pools(load_settings(CONFIG)))
    for name in deliveries(shipped):
        assert shipped["dags"][f"deliver_{name}"]["tasks"]["deliver"]["pool"] == f"erp_{name}"


def test_a_task_is_named_by_its_verb_and_is_tried_again(shipped: dict[str, Any]) -> None:
    assert set(shipped["dags"]["deliver_ledgersmb-emea"]["tasks"]) == {"survey", "deliver"}
    for name, dag in shipped["dags"].items():
        for task, content in dag["tasks"].items():
            assert task.replace("_", "").replace(".", "").isalnum(), f"{name}.{task}"
            assert content["retries"] >= 1, f"{name}.{task}"


@pytest.fixture(scope="module")
def with_broken_files(parse: Parse, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is made when the files of one region and of one ERP cannot be read."""
    folder = Path(shutil.copytree(CONFIG, tmp_path_factory.mktemp("broken") / "config"))
    (folder / "regions" / "emea.yaml").write_text("region: [emea")
    (folder / "mappings" / "ledgersmb-amer.yaml").write_text("erp: [")
    return parse(folder)


def test_a_broken_file_is_no_import_error(with_broken_files: dict[str, Any], shipped: dict[str, Any]) -> None:
    assert with_broken_files["import_errors"] == {}
    lost = shipped["dags"].keys() - with_broken_files["dags"].keys()
    assert {name for name in lost if "emea" not in name} == {"deliver_ledgersmb-amer"}


def test_a_broken_region_takes_no_delivery_away_and_a_broken_erp_its_own_alone(
    with_broken_files: dict[str, Any], shipped: dict[str, Any]
) -> None:
    assert deliveries(shipped) - deliveries(with_broken_files) == {"ledgersmb-amer"}


def test_two_hundred_regions_are_parsed_in_time(parse: Parse, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    erps = yaml.safe_load((folder / "erps.yaml").read_text())
    region = yaml.safe_load((folder / "regions" / "emea.yaml").read_text())
    for number in range(REGIONS):
        codes = {f"{old[:2]}{number:03d}": old for old in region["legal_entities"]}
        entities = {new: region["legal_entities"][old] for new, old in codes.items()}
        content = region | {"region": f"r{number}", "legal_entities": entities}
        (folder / "regions" / f"r{number}.yaml").write_text(yaml.safe_dump(content))
        for erp in (region["legacy"], region["cloud"]):
            companies = erps["erps"][erp]["companies"]
            companies |= {new: companies[old] for new, old in codes.items()}
    (folder / "erps.yaml").write_text(yaml.safe_dump(erps))

    found = parse(folder)

    assert found["import_errors"] == {}
    assert len(deliveries(found)) == len(erps["erps"])
    assert found["seconds"] < 30  # Airflow's own limit for a file
