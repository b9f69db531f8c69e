"""A firm with an Airflow of its own installs the wheel: it brings all that it reads, and works with what it says it works with."""

from __future__ import annotations

import json
import subprocess
import tomllib
import zipfile
from pathlib import Path

import httpx
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hybrid_erp.wiring.installation import SUPPORTED
from sandbox.places import CHECKOUT
from sandbox.plan import Ready
from sandbox.postgres import free_port
from sandbox.readiness import is_ready
from tests.stores import Store, wait_until
from tests.wheel.installed import HERE, Installed, connections

SHIPPED = sorted(file.name for file in (CHECKOUT / "dags").glob("*.py"))


def declared() -> dict[str, SpecifierSet]:
    """The ranges of the wheel."""
    found = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    return {each.name: each.specifier for each in map(Requirement, found)}


def locked(name: str) -> dict[str, str]:
    """The versions of a clean environment."""
    lines = (HERE / f"{name}.txt").read_text().splitlines()
    return dict(line.split(";")[0].strip().split("==") for line in lines if line)


def files_of(folder: Path, within: str) -> set[str]:
    found = subprocess.run(["git", "ls-files", str(folder)], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout.split()
    return {f"{within}/{Path(name).relative_to(folder)}" for name in found}


def test_the_wheel_holds_the_package_the_packs_and_the_dag_files_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert inside == (
        files_of(Path("include/hybrid_erp"), "hybrid_erp")
        | files_of(Path("config/packs"), "hybrid_erp/packs")
        | files_of(Path("dags"), "hybrid_erp/dags")
    )


def test_the_oldest_environment_is_the_oldest_that_is_declared() -> None:
    """A lower bound that nobody installs is a guess."""
    oldest = locked("oldest")
    for name in ("apache-airflow", "apache-airflow-providers-standard"):
        (lowest,) = (each.version for each in declared()[name] if each.operator == ">=")
        assert oldest[name] == lowest


def test_the_check_knows_the_ranges_that_the_package_declares() -> None:
    ours = {name: declared()[name] for name in declared() if name.startswith("apache-airflow")}

    assert ours == SUPPORTED


def test_every_range_of_the_wheel_is_met(installed: Installed) -> None:
    assert "compatible" in installed.uv("pip", "check", "--python", str(installed.python))
    for name, version in locked(installed.lock.stem).items():
        assert name not in declared() or declared()[name].contains(version), name


def test_airflow_finds_the_plugin_the_trigger_and_every_dag_without_a_search_path(installed: Installed, store: Store) -> None:
    found = installed.seen("installed", str(installed.dags), **connections(store, installed.home / "audit-heads"))

    assert Path(found["package"]).is_relative_to(installed.environment)
    assert found["plugin"] == {"/hybrid-erp/v1/schemas": 401, "/hybrid-erp/nothing": 404}
    assert found["trigger"]
    assert found["heard"]
    assert found["import_errors"] == {}
    assert found["files"] == SHIPPED


def test_an_installation_by_the_book_lacks_nothing(installed: Installed, store: Store, tmp_path: Path) -> None:
    """As docs/operations.md says: migrate, pools, check."""
    terms = connections(store, installed.home / "audit-heads")
    installed.run("hybrid-erp", "migrate", "--dsn", store.cluster.dsn(store.database))
    installed.run("airflow", "db", "migrate")
    pools = tmp_path / "pools.json"
    pools.write_text(installed.run("hybrid-erp", "pools"))
    installed.run("airflow", "pools", "import", str(pools))

    assert "0 problems" in installed.run("hybrid-erp", "check", "installation", terms=terms)

    store.sql("UPDATE alembic_version SET version_num = '9999'")
    stale = installed.dags / "deliver.py"
    of_this_version = stale.read_bytes()
    stale.write_bytes(of_this_version + b"\n# of another version\n")
    (installed.dags / "watch.py").unlink()
    told = installed.run("hybrid-erp", "check", "installation", expect=1, terms=terms)

    assert "The store's schema is 9999, and this package" in told
    assert "deliver.py in the DAG bundle dags-folder is not that of this package" in told
    assert "No DAG bundle has watch.py" in told
    assert "3 problems" in told
    assert "store-newer" in installed.run("hybrid-erp", "migrate", "--dsn", store.cluster.dsn(store.database), expect=2)
    assert installed.run("hybrid-erp", "dags", str(installed.dags)).split() == ["deliver.py", "watch.py"]
    assert stale.read_bytes() == of_this_version


def test_the_dag_files_work_from_a_git_bundle(installed: Installed, tmp_path: Path) -> None:
    """The firm keeps them in a repository of its own, beside nothing of the package."""
    repository = tmp_path / "firm"
    folder = repository / "flows" / "hybrid-erp"
    installed.run("hybrid-erp", "dags", str(folder))
    (folder / "watch.py").write_text((folder / "watch.py").read_text() + "\n# edited\n")
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("-c", "user.name=firm", "-c", "user.email=f@f", "commit", "-qm", "DAGs")):
        subprocess.run(["git", *words], cwd=repository, check=True)
    settings = {"repo_url": str(repository), "tracking_ref": "main", "subdir": "flows"}
    bundle = {"name": "firm", "classpath": "airflow.providers.git.bundles.git.GitDagBundle", "kwargs": settings}
    storage = str(tmp_path / "fetched")

    found = installed.seen(
        "bundled",
        "firm",
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps([bundle]),
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=storage,
    )

    assert found["folder"].startswith(storage)
    assert (found["import_errors"], found["files"]) == ({}, SHIPPED)
    (problem,) = found["problems"]
    assert "watch.py in the DAG bundle firm is not that of this package" in problem


def test_the_api_is_a_process_of_its_own_from_the_wheel(installed: Installed, store: Store) -> None:
    port = free_port()
    process = subprocess.Popen(
        [str(installed.environment / "bin" / "hybrid-erp"), "api", "--port", str(port)],
        cwd=installed.home,
        env=installed.variables() | connections(store, installed.home / "audit-heads"),
    )
    try:
        wait_until(lambda: is_ready(Ready(f"http://127.0.0.1:{port}/live", status=204)) or process.poll() is not None, seconds=60)
        assert process.poll() is None
        assert httpx.get(f"http://127.0.0.1:{port}/v1/schemas").status_code == 401
    finally:
        process.terminate()
        process.wait(30)
