"""EMEA in dual run on the real LedgerSMB and the real Tryton: what the tests of this folder do with it."""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import yaml
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.adapters.store.reconciliations_reading import PostgresReconciliationReading
from hybrid_erp.flow.intake import Intake, Verdict
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ReconciliationNotPassedError
from hybrid_erp.wiring import configuration
from hybrid_erp.wiring.dual_run import dual_run
from hybrid_erp.wiring.load import read_load, request_load, send_load
from hybrid_erp.wiring.load_proof import is_delivered, verify
from hybrid_erp.wiring.reconciliation import begin_reconciliation, conclude_reconciliation, reconcile_legal_entity
from hybrid_erp.wiring.tasks import deliver_company
from sandbox.firm import Firm
from sandbox.site import Site, running_site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import CONFIG, the_settings

REGION, LEGACY, CLOUD = "emea", "ledgersmb-emea", "tryton-emea"
ENTITIES = ("DE01", "UK01")
DAY = date(2026, 11, 18)
_runs = itertools.count(1)


@contextmanager
def region_in_dual_run(progress: Callable[[str], None], folder: Path) -> Iterator[Site]:
    """A site of its own in dual run, with some months of a firm's events in both ERPs; this process speaks to it as a task would."""
    with running_site(f"test-rec-{os.getpid()}", progress, airflow=False, durable=False) as site, pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment().items():
            if name.startswith(("AIRFLOW_CONN_", "HYBRID_ERP_")):
                patch.setenv(name, value)
        patch.setenv("HYBRID_ERP_CONFIG", str(impatient(folder)))
        configuration.settings.cache_clear()
        try:
            story = Firm().story(140, legal_entities=ENTITIES)
            accept(site, story[:60])
            drain(LEGACY, Role.CONTROL)
            load()
            step("start")
            step("raise_share", share_percent=100)
            accept(site, story[60:])
            yield site
        finally:
            configuration.settings.cache_clear()


def impatient(folder: Path) -> Path:
    """The configuration, with hardly any waiting: for what is in flight, and for what a killed worker held."""
    config = Path(shutil.copytree(CONFIG, folder / "config"))
    region = yaml.safe_load((config / "regions" / "emea.yaml").read_text())
    region["plan"]["confirmation_seconds_max"] = 1
    (config / "regions" / "emea.yaml").write_text(yaml.safe_dump(region))
    erps = yaml.safe_load((config / "erps.yaml").read_text())
    erps["erps"][CLOUD] |= {"lease_seconds": 10, "look_up_horizon_seconds": 5}
    (config / "erps.yaml").write_text(yaml.safe_dump(erps))
    return config


def accept(site: Site, events: list[dict[str, Any]]) -> list[UUID]:
    with ConnectionPool(site.cluster.dsn(DATABASE, login_of("intake")), min_size=1, max_size=1, open=True) as pool:
        answers = Intake(the_settings().firm, PostgresIntake(pool)).accept(events, accepted_by="tests")
    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}, [answer.refusal for answer in answers if answer.refusal]
    return [answer.posting_id for answer in answers if answer.posting_id is not None]


def drain(erp: str, role: Role) -> None:
    """Deliver until nothing is done any more."""
    done = [True]
    while any(done):
        done = [bool(deliver_company(erp, each, seconds=60, role=role)) for each in ENTITIES]


def level() -> None:
    """Deliver everything to both ERPs."""
    drain(LEGACY, Role.CONTROL)
    drain(CLOUD, Role.CANDIDATE)


def load() -> None:
    conf = {"dry_run": False}
    for legal_entity in request_load(REGION, conf, requested_by="lead"):
        read_load(REGION, legal_entity, conf, requested_by="lead")
        send_load(REGION, legal_entity, requested_by="lead")
    drain(CLOUD, Role.CANDIDATE)
    assert is_delivered(REGION, ENTITIES)
    for legal_entity in ENTITIES:
        verify(REGION, legal_entity, requested_by="lead")


def step(name: str, **more: Any) -> None:
    dual_run(REGION, {"step": name, "reason": "tests", "dry_run": False} | more, requested_by="lead")


def reconcile(site: Site, *legal_entities: str, **conf: Any) -> Mapping[str, Any]:
    """One reconciliation, as the DAG's tasks do it; its result."""
    run = f"manual__{next(_runs)}"
    for legal_entity in begin_reconciliation(
        REGION, {"legal_entities": list(legal_entities or ENTITIES)} | conf, run=run, requested_by="lead"
    ):
        reconcile_legal_entity(REGION, legal_entity, run=run)
    try:
        conclude_reconciliation(REGION, dag_id="reconcile_emea", run=run)
    except ReconciliationNotPassedError as error:
        if "Report: " not in error.message:
            raise
    with ConnectionPool(site.cluster.dsn(DATABASE, login_of("reader")), min_size=1, max_size=1, open=True) as pool:
        reading = PostgresReconciliationReading(pool)
        newest = reading.latest(REGION)[0]
        assert newest["run"] == run
        found = reading.result(newest["reconciliation_id"])
    assert found is not None
    require_whole(found)
    return found


def require_whole(found: Mapping[str, Any]) -> None:
    """The amounts of all classes are the differences of the trial balance, cell by cell."""
    for entity in found["entities"]:
        told: Counter[tuple[str, str]] = Counter()
        for amount in entity["amounts"]:
            told[amount["period"], amount["account"]] += amount["amount"]
        total = {(row["period"], row["account"]): row["difference"] for row in entity["trial_balance"] if row["difference"]}
        assert {cell: amount for cell, amount in told.items() if amount} == total


def classes(found: Mapping[str, Any]) -> Counter[str]:
    return Counter(each["class"] for entity in found["entities"] for each in entity["differences"])


def told(found: Mapping[str, Any]) -> str:
    """What a person would look at first."""
    lines = [*found["reasons"]]
    for entity in found["entities"]:
        for each in entity["differences"][:30]:
            told = (each["class"], each["aspect"], each["gross"], each["document_type"], each["number"], each["why"])
            lines.append(f"{entity['legal_entity']} {' | '.join(map(str, told))}\n    {each['legacy']}\n    {each['cloud']}")
    return "\n".join(lines)


def one(site: Site, statement: str, *terms: Any) -> Any:
    with psycopg.connect(site.cluster.dsn(DATABASE), row_factory=dict_row) as connection:
        row = connection.execute(statement.encode(), terms).fetchone()
    assert row is not None
    (value,) = row.values()
    return value


def many(site: Site, statement: str, *terms: Any) -> list[dict[str, Any]]:
    """Rows of the store."""
    with psycopg.connect(site.cluster.dsn(DATABASE), row_factory=dict_row) as connection:
        return connection.execute(statement.encode(), terms).fetchall()
