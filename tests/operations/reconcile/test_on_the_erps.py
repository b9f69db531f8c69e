"""EMEA in dual run on the real LedgerSMB and the real Tryton: equal books pass, and everything that is done to them gets its class."""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
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
from hybrid_erp.model.errors import NotReconcilableError, ReconciliationNotPassedError
from hybrid_erp.wiring import configuration
from hybrid_erp.wiring.dual_run import dual_run
from hybrid_erp.wiring.load import read_load, request_load, send_load
from hybrid_erp.wiring.load_proof import is_delivered, verify
from hybrid_erp.wiring.reconciliation import begin_reconciliation, conclude_reconciliation, reconcile_legal_entity
from hybrid_erp.wiring.tasks import deliver_company
from sandbox.firm import Firm
from sandbox.site import Site, running_site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import CONFIG, a_journal_entry, the_settings
from tests.contracts.ledgersmb_person import LedgerSmbBooks
from tests.contracts.tryton_person import TrytonPerson

REGION, LEGACY, CLOUD = "emea", "ledgersmb-emea", "tryton-emea"
ENTITIES = ("DE01", "UK01")
DAY = date(2026, 11, 18)
_runs = itertools.count(1)


@pytest.fixture(scope="module")
def dual_site(progress: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own in dual run, with some months of a firm's events in both ERPs."""
    with running_site(f"test-rec-{os.getpid()}", progress, airflow=False) as site, pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment().items():
            if name.startswith(("AIRFLOW_CONN_", "HYBRID_ERP_")):
                patch.setenv(name, value)
        patch.setenv("HYBRID_ERP_CONFIG", str(impatient(tmp_path_factory.mktemp("impatient"))))
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
    """The configuration, with hardly any waiting for what is in flight."""
    config = Path(shutil.copytree(CONFIG, folder / "config"))
    region = yaml.safe_load((config / "regions" / "emea.yaml").read_text())
    region["plan"]["confirmation_seconds_max"] = 1
    (config / "regions" / "emea.yaml").write_text(yaml.safe_dump(region))
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


@pytest.mark.timeout(400)
def test_a_region_whose_erps_are_level_passes(dual_site: Site) -> None:
    level()

    found = reconcile(dual_site)

    assert found["passed"], told(found)
    assert classes(found) - Counter() == Counter(), told(found)
    assert all(len(entity["trial_balance"]) > 10 for entity in found["entities"])
    assert all(row["legacy"] == row["cloud"] for entity in found["entities"] for row in entity["trial_balance"])


def test_what_is_on_its_way_refused_native_and_tampered_with_is_told_apart(dual_site: Site) -> None:
    legacy, cloud = LedgerSmbBooks(dual_site.cluster, the_settings()), TrytonPerson(dual_site, the_settings())
    level()
    sound = accept(dual_site, [a_journal_entry(amount="401.00", accounting_date="2026-11-17")])
    level()
    on_its_way = accept(dual_site, [a_journal_entry(amount="402.00", accounting_date="2026-11-17")])
    drain(LEGACY, Role.CONTROL)
    with psycopg.connect(dual_site.cluster.dsn(DATABASE), autocommit=True) as store:
        dead = "UPDATE outbox SET state = 'dead_lettered', reason = 'no such party' WHERE posting_id = %s AND role = 'candidate'"
        refused = accept(dual_site, [a_journal_entry(amount="403.00", accounting_date="2026-11-17")])
        drain(LEGACY, Role.CONTROL)
        store.execute(dead, refused)
    legacy.enter(DAY, "Typed in", [("6100", "404.00"), ("1000", "-404.00")])
    cloud.enter(DAY, "Typed in", [("6100", "405.00"), ("1000", "-405.00")])

    found = reconcile(dual_site, "DE01")

    assert classes(found) == {"in_flight": 1, "dead_letter": 1, "native_in_legacy": 1, "native_in_cloud": 1}, told(found)
    gross = {each["class"]: str(each["gross"]) for each in found["entities"][0]["differences"]}
    assert gross == {"in_flight": "402.00", "dead_letter": "403.00", "native_in_legacy": "404.00", "native_in_cloud": "405.00"}
    assert {each["posting_id"] for each in found["entities"][0]["differences"]} == {*on_its_way, *refused, None}
    assert sound[0] not in {each["posting_id"] for each in found["entities"][0]["differences"]}


TAMPER = """
    UPDATE acc_trans SET amount = amount + CASE WHEN amount > 0 THEN 0.01 ELSE -0.01 END
    WHERE trans_id = (SELECT max(native_id)::int FROM unnest(%s::text[]) AS native_id)
"""


def test_a_cent_changed_underneath_the_legacy_erp_is_a_change_after_posting(dual_site: Site) -> None:
    level()
    (posting_id,) = accept(dual_site, [a_journal_entry(amount="501.00", accounting_date="2026-11-16")])
    level()
    reconcile(dual_site, "DE01")
    native_id = one(dual_site, "SELECT native_id FROM delivery WHERE posting_id = %s AND erp = %s", posting_id, LEGACY)
    database = the_settings().erps[LEGACY].companies["DE01"].database
    with dual_site.cluster.admin(database) as connection:
        connection.execute(TAMPER.encode(), ([native_id.rpartition(",")[2]],))

    found = reconcile(dual_site, "DE01")

    (changed,) = (each for each in found["entities"][0]["differences"] if each["posting_id"] == posting_id)
    assert (changed["class"], str(changed["gross"])) == ("changed_after_posting", "0.01"), told(found)


def one(site: Site, statement: str, *terms: Any) -> Any:
    with psycopg.connect(site.cluster.dsn(DATABASE), row_factory=dict_row) as connection:
        row = connection.execute(statement.encode(), terms).fetchone()
    assert row is not None
    (value,) = row.values()
    return value


@pytest.mark.parametrize(
    ("conf", "reason"),
    [({"surprise": 1}, "surprise"), ({"depth": "deep"}, "depth"), ({"legal_entities": ["US01"]}, "US01 is no legal entity of region emea")],
)
def test_a_request_that_does_not_fit_is_refused(dual_site: Site, conf: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotReconcilableError, match=reason):
        begin_reconciliation(REGION, conf, run="manual__bad", requested_by="lead")
