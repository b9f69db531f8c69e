"""A region loaded from the real LedgerSMB into the real Tryton: level to the cent, nothing twice, nothing billed by it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.rows import dict_row

from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import LoadRefusedError
from hybrid_erp.model.money import ZERO
from hybrid_erp.operations.load.ageing import ageing
from hybrid_erp.ports import BooksReader
from hybrid_erp.wiring import configuration
from hybrid_erp.wiring.capture import capture_for
from hybrid_erp.wiring.connectors import books_reader
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.load import read_load, request_load, send_load
from hybrid_erp.wiring.load_proof import is_delivered, verdict_on_load, verify
from hybrid_erp.wiring.tasks import deliver_company
from sandbox.firm import Firm
from sandbox.site import Site, running_site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import CONFIG, an_event, the_settings
from tests.contracts.ledgersmb_person import LedgerSmbBooks
from tests.operations.killed_steps import KilledSteps

REGION, LEGACY, CLOUD = "emea", "ledgersmb-emea", "tryton-emea"
ENTITIES = ("DE01", "UK01")
DRY: dict[str, Any] = {"dry_run": True}
REAL: dict[str, Any] = {"dry_run": False}
TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def load_site(progress: Callable[[str], None]) -> Iterator[Site]:
    """A site of its own, with half a year of a firm's events booked in the legacy ERP; this process speaks to it as a task would."""
    with running_site(f"test-load-{os.getpid()}", progress, airflow=False, durable=False) as site, pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment().items():
            if name.startswith(("AIRFLOW_CONN_", "HYBRID_ERP_")):
                patch.setenv(name, value)
        configuration.settings.cache_clear()
        try:
            book_the_past(site)
            yield site
        finally:
            configuration.settings.cache_clear()


def book_the_past(site: Site) -> None:
    """Events through the facade, and what a bookkeeper entered at the ERP's own screen."""
    accept(site, Firm().story(160, legal_entities=ENTITIES))
    project = Firm().master_data("DE01").projects[0]
    task = an_event("project_task", {"number": f"{project.number}/T", "legal_entity": "DE01", "project": project.number, "name": "Design"})
    time = {"legal_entity": "DE01", "project": project.number, "task": f"{project.number}/T", "worker": "W-1", "worked_on": "2026-11-03"}
    accept(site, [task, an_event("time_entry", time | {"hours": "7.5", "rate": "120.00", "currency": "EUR"})])
    drain(LEGACY, Role.CONTROL)
    person = LedgerSmbBooks(site.cluster, the_settings())
    customer = Firm().master_data("DE01").customers[0].number
    person.pay(person.invoice(customer, "1000.00", date(2026, 6, 3)), "400.00", date(2026, 7, 1))
    person.invoice(customer, "333.00", date(2026, 8, 3), "USD", "0.91")
    person.enter(date(2026, 9, 30), "Rent", [("6100", "2500.00"), ("1000", "-2500.00")])
    person.draft(date(2026, 11, 2), "Not finished", [("6100", "10.00"), ("1000", "-10.00")])


def accept(site: Site, events: list[dict[str, Any]]) -> None:
    from psycopg_pool import ConnectionPool

    from hybrid_erp.adapters.store.intake import PostgresIntake
    from hybrid_erp.flow.intake import Intake, Verdict

    with ConnectionPool(site.cluster.dsn(DATABASE, login_of("intake")), min_size=1, max_size=1, open=True) as pool:
        answers = Intake(the_settings().firm, PostgresIntake(pool)).accept(events, accepted_by="tests")
    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}, [answer.refusal for answer in answers if answer.refusal]


def drain(erp: str, role: Role) -> None:
    """Deliver until nothing is done any more."""
    done = [True]
    while any(done):
        done = [bool(deliver_company(erp, each, seconds=60, role=role)) for each in ENTITIES]


def books(erp: str, legal_entity: str) -> BooksReader:
    return books_reader(configuration.settings(), erp, legal_entity)


def store(site: Site, statement: str, *terms: Any) -> list[dict[str, Any]]:
    with psycopg.connect(site.cluster.dsn(DATABASE), row_factory=dict_row) as connection:
        return connection.execute(statement.encode(), terms).fetchall()


def in_tryton(site: Site, legal_entity: str, statement: str) -> int:
    """One number out of the cloud ERP's own database."""
    database = the_settings().erps[CLOUD].companies[legal_entity].database
    with psycopg.connect(site.cluster.dsn(database)) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0] or 0)


BOOKED = "SELECT count(*) FROM account_move WHERE state = 'posted'"
FIGURES = """
    SELECT count(*) AS figures FROM load_item i JOIN load l USING (load_id)
    WHERE l.legal_entity = %s AND i.document_type IN ('open_item', 'opening_balance')
"""
KEPT = ("load", "posting_key", "outbox", "crosswalk", "audit")


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(load_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    def everything() -> list[int]:
        counted = [store(load_site, f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in KEPT]
        return counted + [in_tryton(load_site, each, "SELECT count(*) FROM account_move") for each in ENTITIES]

    before = everything()
    with caplog.at_level("INFO"):
        for legal_entity in request_load(REGION, DRY, requested_by="lead"):
            read_load(REGION, legal_entity, DRY, requested_by="lead")

    assert everything() == before
    assert "open items" in caplog.text
    assert "to know: draft" in caplog.text
    assert "not_kept" in caplog.text


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration with short leases: what a killed worker held is taken up soon."""
    config = Path(shutil.copytree(CONFIG, tmp_path_factory.mktemp("hasty") / "config"))
    erps = yaml.safe_load((config / "erps.yaml").read_text())
    erps["erps"][CLOUD] |= {"lease_seconds": 10, "look_up_horizon_seconds": 5}
    (config / "erps.yaml").write_text(yaml.safe_dump(erps))
    return config


def is_loaded() -> bool:
    try:
        return is_delivered(REGION, ENTITIES)
    except LoadRefusedError as refused:
        pytest.fail(str(refused))


@pytest.mark.timeout(400)
def test_a_load_that_is_killed_at_every_step_leaves_the_region_level(load_site: Site, hasty: Path) -> None:
    with KilledSteps(load_site, hasty, "tests.operations.load_workers") as runs:
        for legal_entity in ENTITIES:
            runs.harm("read", legal_entity, times=4, killed_within=2.0)
            runs.run("read", legal_entity)
            runs.harm("send", legal_entity, times=6, killed_within=0.2)
            runs.run("send", legal_entity)
        runs.harm("deliver", "DE01", times=5, killed_within=4.0)
        until = time.monotonic() + 200
        while not is_loaded():
            assert time.monotonic() < until, runs.log_file.read_text()[-3000:]
            for legal_entity in ENTITIES:
                runs.run("deliver", legal_entity)
        for legal_entity in ENTITIES:
            runs.harm("verify", legal_entity, times=3, killed_within=2.0)
            runs.run("verify", legal_entity)

    assert runs.kills >= 10
    assert verdict_on_load(REGION, ENTITIES) == dict.fromkeys(ENTITIES, "verified")
    for legal_entity in ENTITIES:
        assert balances(LEGACY, legal_entity) == balances(CLOUD, legal_entity)
        figures = store(load_site, FIGURES, legal_entity)[0]["figures"]
        assert in_tryton(load_site, legal_entity, BOOKED) == figures > 10


def balances(erp: str, legal_entity: str) -> dict[str, Decimal]:
    """What stands on each canonical account by the ERP's own word."""
    found: dict[str, Decimal] = {}
    with closing(books(erp, legal_entity)) as reader, reader.snapshot():
        for movement in reader.movements():
            assert movement.canonical is not None
            found[movement.canonical] = found.get(movement.canonical, ZERO) + movement.amount
    return {account: amount for account, amount in found.items() if amount}


def test_ageing_is_equal_by_customer_and_bucket(load_site: Site) -> None:
    for legal_entity in ENTITIES:
        aged = []
        for erp in (LEGACY, CLOUD):
            with closing(books(erp, legal_entity)) as reader, reader.snapshot():
                items = [(each.customer, each.due_on, each.functional_open_amount) for each in reader.open_receivables()]
            aged.append(ageing(items, TODAY))
        assert aged[0] == aged[1]
        assert len(aged[0]) > 3


def test_nothing_is_billed_taxed_or_earned_by_the_load(load_site: Site) -> None:
    for legal_entity in ENTITIES:
        assert in_tryton(load_site, legal_entity, "SELECT count(*) FROM account_invoice") == 0
        assert in_tryton(load_site, legal_entity, "SELECT count(*) FROM account_tax_line") == 0
        earned = """
            SELECT count(*) FROM account_move m JOIN account_move_line l ON l.move = m.id JOIN account_account a ON a.id = l.account
            JOIN account_account_type t ON t.id = a.type
            WHERE m.description LIKE 'open_item%' AND (t.revenue OR t.expense OR a.code = '2.2.10')
        """
        assert in_tryton(load_site, legal_entity, earned) == 0


def test_no_time_entry_can_be_billed_in_both_erps(load_site: Site) -> None:
    billable = []
    for erp in (LEGACY, CLOUD):
        with closing(books(erp, "DE01")) as reader, reader.snapshot():
            billable.append([(entry.posting_id, entry.hours) for entry in reader.unbilled_time()])

    assert billable[0] == billable[1] != []
    # The cloud ERP holds the hours and has nothing that could turn them into an invoice: billing is where the time comes from.
    assert in_tryton(load_site, "DE01", "SELECT count(*) FROM ir_module WHERE name = 'project_invoice' AND state = 'activated'") == 0
    assert in_tryton(load_site, "DE01", "SELECT count(*) FROM account_invoice_line") == 0


def test_a_run_again_sends_nothing_and_reads_no_second_snapshot(load_site: Site) -> None:
    before = [in_tryton(load_site, each, BOOKED) for each in ENTITIES]
    for legal_entity in ENTITIES:
        read_load(REGION, legal_entity, REAL, requested_by="lead")
        assert send_load(REGION, legal_entity, requested_by="lead") == 0
        assert verify(REGION, legal_entity, requested_by="lead") == {}
    drain(CLOUD, Role.CANDIDATE)

    assert [in_tryton(load_site, each, BOOKED) for each in ENTITIES] == before
    assert store(load_site, "SELECT count(*) AS loads FROM load") == [{"loads": 2}]


def test_the_boundary_is_drawn_for_the_dual_run(load_site: Site) -> None:
    rows = store(load_site, "SELECT legal_entity, control_cursor <> '' AS told FROM dual_run_boundary ORDER BY 1")

    assert rows == [{"legal_entity": each, "told": True} for each in ENTITIES]


@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ({"surprise": 1}, "surprise"),
        ({"load_on": "tomorrow"}, "load_on"),
        ({"give_up": True, "dry_run": False}, "needs a reason"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(load_site: Site, conf: dict[str, Any], reason: str) -> None:
    with pytest.raises(LoadRefusedError, match=reason):
        request_load(REGION, conf, requested_by="lead")


OPEN_INVOICES = """
    SELECT i.number, i.amount, i.party, i.legacy_id FROM load_item i JOIN load l USING (load_id)
    WHERE l.legal_entity = 'DE01' AND i.document_type = 'open_item' AND i.currency = 'EUR' AND i.amount > 0 ORDER BY i.place
"""
KINDS = ("project", "billing", "ledger")


def test_payments_of_loaded_items_reach_them_in_both_erps(load_site: Site) -> None:
    """One through the facade, one that a bookkeeper enters in the legacy ERP; the dual run has begun."""
    invoices = store(load_site, OPEN_INVOICES)
    told = next(each for each in invoices if not each["number"].startswith("LOAD/"))
    native = next(each for each in invoices if each["number"].startswith("LOAD/"))
    with store_connection("cutover") as connection:
        run = PostgresDualRun(connection)
        run.start(REGION, KINDS, ENTITIES, CLOUD, by="lead", reason="loaded")
        run.raise_share(REGION, KINDS, 10_000, by="lead", reason="all")
    payment = {"legal_entity": "DE01", "customer": told["party"], "bank_account": "B-1", "accounting_date": "2026-11-20"}
    applied = [{"invoice": told["number"], "amount": str(told["amount"])}]
    payment |= {"currency": "EUR", "amount": str(told["amount"]), "applications": applied}
    accept(load_site, [an_event("payment", payment)])
    LedgerSmbBooks(load_site.cluster, the_settings()).pay(native["legacy_id"], "100.00", TODAY)

    drain(LEGACY, Role.CONTROL)
    capture_for(CLOUD)
    drain(CLOUD, Role.CANDIDATE)

    assert store(load_site, "SELECT reason FROM outbox WHERE state NOT IN ('posted', 'cancelled')") == []
    assert balances(LEGACY, "DE01") == balances(CLOUD, "DE01")
    owed = []
    for erp in (LEGACY, CLOUD):
        with closing(books(erp, "DE01")) as reader, reader.snapshot():
            owed.append(ageing(((each.customer, each.due_on, each.functional_open_amount) for each in reader.open_receivables()), TODAY))
    assert owed[0] == owed[1]
