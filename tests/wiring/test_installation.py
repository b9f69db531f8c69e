"""`hybrid-erp check installation` names what an installation lacks: tried on the sandbox, by taking one thing away at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles.local import LocalDagBundle
from packaging.specifiers import SpecifierSet

from hybrid_erp.wiring.cli import main
from hybrid_erp.wiring.dag_files import write_dags
from hybrid_erp.wiring.installation import SUPPORTED, lacks_of
from sandbox.pgbouncer import Pooler
from sandbox.places import CHECKOUT
from sandbox.postgres import HOST
from sandbox.site import Site
from sandbox.store_setup import login_of
from tests.builders import CONFIG, the_settings
from tests.stores import Store

# The folder of DAG files is read when Airflow is imported, the list of bundles each time.
BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


def a_bundle(folder: Path) -> dict[str, Any]:
    return {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(folder)}}


@pytest.fixture
def installed(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The Connections and settings of a whole sandbox."""
    for name, value in site.environment().items():
        if name.startswith(("AIRFLOW__SCHEDULER__", "AIRFLOW__WORKERS__", "AIRFLOW__CORE__PLUGINS_FOLDER")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv(BUNDLES, json.dumps([a_bundle(CHECKOUT / "dags")]))
    for name, content in site.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(content, default=str))
    return site


@pytest.mark.usefixtures("installed")
def test_the_sandbox_lacks_nothing() -> None:
    assert list(lacks_of(the_settings())) == []


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("HYBRID_ERP_INTAKE", "no Airflow Connection hybrid_erp_intake: the store is reached by it for intake"),
        ("LEDGERSMB_DE01_CUSTODIAN", "at DE01 of ledgersmb-emea people are locked out by it"),
    ],
)
def test_a_connection_that_is_missing_is_named(gone: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"AIRFLOW_CONN_{gone}")

    (lack,) = lacks_of(the_settings())
    assert told in lack


@pytest.mark.parametrize(
    ("duty", "login", "told"),
    [
        ("cutover", "{superuser}", ["hybrid_erp_cutover is a superuser"]),
        ("capture", "hybrid_erp_delivery_login", ["is no member of hybrid_erp_capture", "is no member of hybrid_erp_intake"]),
        (
            "cutover",
            "hybrid_erp_reader_login",
            ["is no member of hybrid_erp_cutover", "is a member of hybrid_erp_reader, which is another duty's"],
        ),
        ("cutover", "nobody", ["does not let hybrid_erp_cutover in"]),
    ],
)
def test_a_login_with_other_rights_than_its_duty_is_named(
    installed: Site, duty: str, login: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = login.format(superuser=installed.cluster.dsn().split("//")[1].split("@")[0])
    monkeypatch.setenv(f"AIRFLOW_CONN_HYBRID_ERP_{duty.upper()}", f"postgres://{user}@{HOST}:{installed.cluster.port}/hybrid_erp")

    found = list(lacks_of(the_settings()))

    assert len(found) == len(told)
    assert all(wanted in lack for wanted, lack in zip(told, found, strict=True))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL",
            "300",
            "[scheduler] orphaned_tasks_check_interval is 300: a dead worker is noticed late",
        ),
        ("WORKERS__MAX_FAILED_HEARTBEATS", "3", "[workers] max_failed_heartbeats is 3: a restart of the API server ends running tasks"),
        ("CORE__EXECUTOR", "CeleryExecutor", "celery"),
    ],
)
def test_a_setting_with_which_a_dead_worker_is_noticed_late_is_named(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW__{name}", value)

    (lack,) = lacks_of(the_settings())
    assert told in lack


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE alembic_version SET version_num = '0003'", "The store's schema is 0003, and this package ("),
        ("UPDATE alembic_version SET version_num = '9999'", "Install the package that migrated it"),
        ("DROP TABLE alembic_version", "The store's schema is missing"),
        ("UPDATE store_trust SET identity = 'another'", "The store is not the one that was last believed"),
        ("UPDATE store_trust SET is_recovering = true", "The store is being recovered"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_a_store_that_does_not_fit_is_named(store: Store, statement: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYBRID_ERP_READER", f"postgres://hybrid_erp_reader_login@{HOST}:{store.cluster.port}/{store.database}")
    store.sql(statement)

    (lack,) = lacks_of(the_settings())
    assert told in lack


POOLED, DIRECT = "pooled", "direct"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("doors", "told"),
    [
        ({"delivery": POOLED, "reader": POOLED}, "No notification arrives at hybrid_erp_delivery"),
        ({"delivery": POOLED, "bell": POOLED}, "No notification arrives at hybrid_erp_bell"),
        ({"delivery": POOLED, "bell": DIRECT}, None),
        ({"bell": DIRECT}, None),
    ],
)
def test_a_bell_behind_a_pooler_is_named(
    store: Store, pooler: Pooler, doors: dict[str, str], told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, door in {"delivery": DIRECT, **doors}.items():
        port = pooler.port if door == POOLED else store.cluster.port
        login = login_of("delivery" if name == "bell" else name)
        monkeypatch.setenv(f"AIRFLOW_CONN_HYBRID_ERP_{name.upper()}", f"postgres://{login}@{HOST}:{port}/{store.database}")

    lacks = list(lacks_of(the_settings()))

    assert len(lacks) == (told is not None)
    assert told is None or told in lacks[0]


def test_a_bell_that_listens_at_another_store_or_with_another_login_is_named(
    installed: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, port, database in (("delivery", store.cluster.port, store.database), ("bell", installed.cluster.port, "hybrid_erp")):
        login = login_of("delivery" if name == "delivery" else "reader")
        monkeypatch.setenv(f"AIRFLOW_CONN_HYBRID_ERP_{name.upper()}", f"postgres://{login}@{HOST}:{port}/{database}")

    lacks = list(lacks_of(the_settings()))

    assert [lack.split(":")[0].split(",")[0] for lack in lacks] == [
        "The login of hybrid_erp_bell is no member of hybrid_erp_delivery. `GRANT hybrid_erp_delivery TO <its login>`.",
        "The login of hybrid_erp_bell is a member of hybrid_erp_reader",
        "No notification arrives at hybrid_erp_bell",
    ]


@pytest.mark.usefixtures("installed")
def test_the_command_tells_all_of_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_HYBRID_ERP_INTAKE")
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):  # its pools are looked at elsewhere
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")

    assert main(["check", "installation", "--config", str(CONFIG)]) == 1

    assert "no Airflow Connection hybrid_erp_intake" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("watch.py", None, "No DAG bundle has watch.py"),
        ("deliver.py", "from hybrid_erp.wiring import another", "deliver.py in the DAG bundle dags-folder is not that of this package"),
        ("deliver.py", "a file of the firm, of the same name", "No DAG bundle has deliver.py"),
    ],
)
def test_dag_files_of_another_version_are_named(
    file: str, content: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dags(tmp_path / "dags")
    (tmp_path / "dags" / file).unlink()
    if content is not None:
        (tmp_path / "dags" / file).write_text(content)
    monkeypatch.setenv(BUNDLES, json.dumps([a_bundle(tmp_path / "dags")]))

    (lack,) = lacks_of(the_settings())
    assert told in lack

    assert write_dags(tmp_path / "dags") == [file]
    assert list(lacks_of(the_settings())) == []


@pytest.mark.usefixtures("installed")
def test_a_dag_bundle_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = a_bundle(CHECKOUT / "dags")
    broken = {**ours, "name": "broken", "classpath": f"{__name__}.BrokenBundle"}
    monkeypatch.setenv(BUNDLES, json.dumps([ours, broken]))

    (lack,) = lacks_of(the_settings())
    assert "The DAG bundle broken cannot be read: OSError: the server is away." in lack


class BrokenBundle(LocalDagBundle):
    def initialize(self) -> None:
        raise OSError("the server is away.")


@pytest.mark.usefixtures("installed")
def test_an_airflow_without_our_plugin_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(tmp_path))

    (lack,) = lacks_of(the_settings())
    assert "the API is not mounted" in lack


@pytest.mark.usefixtures("installed")
def test_a_package_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUPPORTED, "apache-airflow-providers-standard", SpecifierSet("<1"))
    monkeypatch.setitem(SUPPORTED, "apache-airflow-providers-nowhere", SpecifierSet(">=1"))

    outside, missing = lacks_of(the_settings())
    assert "apache-airflow-providers-standard is " in outside
    assert "is tested with <1" in outside
    assert missing.startswith("apache-airflow-providers-nowhere is not installed")
