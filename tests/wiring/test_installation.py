"""`hybrid-erp check installation` names what an installation lacks: tried on the sandbox, by taking one thing away at a time."""

from __future__ import annotations

import json
import tomllib

import pytest
from packaging.specifiers import SpecifierSet

from hybrid_erp.wiring.cli import main
from hybrid_erp.wiring.installation import AIRFLOW, lacks_of
from sandbox.places import CHECKOUT
from sandbox.postgres import HOST
from sandbox.site import Site
from tests.builders import CONFIG, the_settings
from tests.stores import Store


@pytest.fixture
def installed(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The Connections and settings of a whole sandbox."""
    for name, value in site.environment().items():
        if name.startswith(("AIRFLOW__SCHEDULER__", "AIRFLOW__WORKERS__")):
            monkeypatch.setenv(name, value)
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
        ("UPDATE alembic_version SET version_num = '0003'", "The store's schema is 0003, and this package needs"),
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


@pytest.mark.usefixtures("installed")
def test_the_command_tells_all_of_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_HYBRID_ERP_INTAKE")
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):  # its pools are looked at elsewhere
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")

    assert main(["check", "installation", "--config", str(CONFIG)]) == 1

    assert "no Airflow Connection hybrid_erp_intake" in capsys.readouterr().out


def test_the_supported_airflow_is_the_one_that_the_package_declares() -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]

    (airflow,) = (each for each in declared if each.startswith("apache-airflow>"))
    assert SpecifierSet(airflow.removeprefix("apache-airflow")) == AIRFLOW
