"""The legacy ERP of the sandbox: what its companies are, who may do what in them, and what its own reports say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from hybrid_erp.adapters.erps.sql import SqlConnector
from hybrid_erp.model.delivery import Posted, Rejected, Retry, Role
from hybrid_erp.model.documents import CreditMemo, DocumentType, Invoice, JournalEntry, Payment
from hybrid_erp.model.errors import WrongSystemError
from hybrid_erp.settings import Settings
from sandbox.ledgersmb.bookkeeping import enter_journal
from sandbox.ledgersmb.build import companies
from sandbox.ledgersmb.credentials import CUSTODIAN, POSTING, login_name
from sandbox.ledgersmb.master_data import CustomerSeed, ProjectSeed, seed_master_data
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.erp_under_test import a_submission
from tests.contracts.ledgersmb_under_test import LedgerSmbUnderTest

TRIAL_BALANCE = """
    SELECT account_number, ending_balance
    FROM trial_balance__generate('2026-07-01', '2026-07-31', NULL, NULL, 'none', NULL, -1, false, true)
    WHERE account_number = ANY(%s) ORDER BY account_number
"""

# Receivables (class 2), one row for each that is open, in the columns of its age.
AGEING = """
    SELECT c0 + c30 + c60 + c90 FROM report__invoice_aging_detail(NULL, 2, NULL, '2026-11-20', NULL, true, NULL)
    WHERE account_number = %s
"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module")
def erp(site: Site, settings: Settings) -> LedgerSmbUnderTest:
    return LedgerSmbUnderTest(site.cluster, settings, legal_entity="UK01", other="DE01")


@pytest.fixture
def connector(erp: LedgerSmbUnderTest) -> Iterator[SqlConnector]:
    with closing(erp.connector()) as made:
        yield made


def an_entry(number: str, day: str = "2026-07-14", amount: str = "250.00") -> JournalEntry:
    lines = [{"account": "5200", "debit": amount}, {"account": "2300", "credit": amount}]
    terms = {"number": number, "legal_entity": "UK01", "accounting_date": day, "currency": "GBP", "lines": lines}
    return JournalEntry.model_validate(terms)


def as_custodian(erp: LedgerSmbUnderTest) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(erp.cluster.dsn(erp.database("UK01"), login_name("UK01", CUSTODIAN)), autocommit=True)


@contextmanager
def locked_out(erp: LedgerSmbUnderTest, kind: str, *logins: str) -> Iterator[None]:
    """Take the right to post from logins, as the custodian, and give it back."""
    roles = [sql.Identifier(f"lsmb_{erp.database('UK01')}__{role}") for role in POSTING[kind]]
    names = sql.SQL(", ").join(sql.Identifier(login_name("UK01", login)) for login in logins)
    with as_custodian(erp) as connection:
        connection.execute(sql.SQL("REVOKE {} FROM {}").format(sql.SQL(", ").join(roles), names))
        try:
            yield
        finally:
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(", ").join(roles), names))


def test_each_company_bears_its_name_and_currency_and_holds_every_mapped_account(site: Site, settings: Settings) -> None:
    for code, company, mapping in companies(settings):
        accounts = {rule.native for rule in mapping.accounts if rule.legal_entities is None or code in rule.legal_entities}
        with site.cluster.admin(company.database) as connection:
            name = connection.execute("SELECT value FROM defaults WHERE setting_key = 'company_name'").fetchone()
            currency = connection.execute("SELECT defaults_get_defaultcurrency()").fetchone()
            held = {str(row[0]) for row in connection.execute("SELECT accno FROM account")}
            closed = connection.execute("SELECT max(end_date)::text FROM account_checkpoint").fetchone()
        assert (name, currency, closed) == ((company.company,), (settings.legal_entity(code).functional_currency,), ("2025-12-31",))
        assert accounts <= held


def test_customers_and_projects_may_be_seeded_again(site: Site, erp: LedgerSmbUnderTest) -> None:
    customers, projects = [CustomerSeed("C-SEED", "Acme", "GBP", 30, "GB")], [ProjectSeed("P-SEED", "Bridge", "C-SEED")]
    query = "SELECT count(*) FROM business_unit WHERE control_code IN ('C-SEED', 'P-SEED')"
    with site.cluster.admin(erp.database("UK01")) as connection:
        for _ in range(2):
            seed_master_data(connection, "UK01", customers, projects)
        assert connection.execute(query).fetchone() == (2,)  # the ERP makes a unit for each customer, too


def test_a_project_of_a_stranger_is_not_seeded(site: Site, erp: LedgerSmbUnderTest) -> None:
    with site.cluster.admin(erp.database("UK01")) as connection, pytest.raises(ValueError, match="C-STRANGER"):
        seed_master_data(connection, "UK01", [], [ProjectSeed("P-X", "Bridge", "C-STRANGER")])


def test_the_erps_own_trial_balance_shows_what_was_posted(erp: LedgerSmbUnderTest, connector: SqlConnector, settings: Settings) -> None:
    assert isinstance(connector.submit(a_submission(settings, an_entry("TB-1")), lambda draft_id: None), Posted)

    with erp.cluster.admin(erp.database("UK01")) as connection:
        rows = connection.execute(TRIAL_BALANCE, (["2109", "7350"],)).fetchall()

    assert [(number, f"{balance:.2f}") for number, balance in rows] == [("2109", "-250.00"), ("7350", "250.00")]  # debit positive


def test_a_database_that_is_no_ledgersmb_is_the_wrong_system(erp: LedgerSmbUnderTest, settings: Settings) -> None:
    def connect(_: Role) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(erp.cluster.dsn("postgres", login_name("UK01", "control")))

    with closing(erp.connector_by(connect)) as connector, pytest.raises(WrongSystemError, match="LedgerSMB"):
        connector.submit(a_submission(settings, an_entry("WS-1")), lambda draft_id: None)


def test_the_erps_own_ageing_report_shows_what_is_open(erp: LedgerSmbUnderTest, connector: SqlConnector, settings: Settings) -> None:
    terms: dict[str, Any] = {"legal_entity": "UK01", "customer": "C-AGE", "issued_on": "2026-07-01", "accounting_date": "2026-07-01"}
    terms |= {"currency": "GBP", "lines": [{"item": "time", "unit_price": "80.00", "amount": "80.00"}], "total": "80.00"}
    invoice = Invoice.model_validate(terms | {"number": "AGE-1", "due_on": "2026-07-31"})
    less = {"lines": [{"item": "time", "unit_price": "30.00", "amount": "30.00"}], "total": "30.00"}
    memo = CreditMemo.model_validate(terms | less | {"number": "AGE-2", "corrects": "AGE-1"})
    paid: dict[str, Any] = {"number": "AGE-3", "legal_entity": "UK01", "customer": "C-AGE", "bank_account": "MAIN", "currency": "GBP"}
    paid |= {"accounting_date": "2026-07-20", "amount": "20.00", "applications": [{"invoice": "AGE-1", "amount": "20.00"}]}
    with erp.cluster.admin(erp.database("UK01")) as connection:
        seed_master_data(connection, "UK01", [CustomerSeed("C-AGE", "Ageing Ltd", "GBP", 30, "GB")], [])

    for document in (invoice, memo, Payment.model_validate(paid)):
        outcome = connector.submit(a_submission(settings, document), lambda draft_id: None)
        assert isinstance(outcome, Posted), outcome

    with erp.cluster.admin(erp.database("UK01")) as connection:
        rows = connection.execute(AGEING, ("C-AGE",)).fetchall()
    assert sorted(f"{open_amount:.2f}" for (open_amount,) in rows) == ["-30.00", "60.00"]


def test_what_the_bookkeeper_enters_by_hand_is_none_of_ours(erp: LedgerSmbUnderTest, connector: SqlConnector) -> None:
    dsn = erp.cluster.dsn(erp.database("UK01"), login_name("UK01", "bookkeeper"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        native_id = enter_journal(connection, date(2026, 9, 1), "Office plants", [("7800", Decimal("40.00")), ("1200", Decimal("-40.00"))])
        who = connection.execute("SELECT rolname FROM audittrail WHERE trans_id = %s", (native_id,)).fetchone()

    assert who == ("uk01_bookkeeper",)
    assert list(connector.read(DocumentType.JOURNAL_ENTRY, [str(native_id)])) == []


def test_a_session_bears_the_token_of_its_claim(erp: LedgerSmbUnderTest, connector: SqlConnector, settings: Settings) -> None:
    submission = a_submission(settings, an_entry("TOKEN-1"))
    connector.submit(submission, lambda draft_id: None)

    query = "SELECT usename FROM pg_stat_activity WHERE application_name = %s"
    with as_custodian(erp) as connection:
        assert connection.execute(query, (str(submission.claim_token),)).fetchall() == [("uk01_control",)]


def test_a_lock_out_stops_the_control_and_people_at_once_and_lets_candidate_and_run_off_pass(
    erp: LedgerSmbUnderTest, connector: SqlConnector, settings: Settings
) -> None:
    connector.submit(a_submission(settings, an_entry("LO-1", "2026-08-01")), lambda draft_id: None)  # its session is open already

    with locked_out(erp, "ledger", "control", "bookkeeper"):
        control = connector.submit(a_submission(settings, an_entry("LO-2", "2026-08-01")), lambda draft_id: None)
        candidate = connector.submit(a_submission(settings, an_entry("LO-3", "2026-08-01"), role=Role.CANDIDATE), lambda draft_id: None)
        run_off = connector.submit(a_submission(settings, an_entry("LO-4", "2026-08-01"), role=Role.RUN_OFF), lambda draft_id: None)
    afterwards = connector.submit(a_submission(settings, an_entry("LO-5", "2026-08-01")), lambda draft_id: None)

    assert not isinstance(control, Posted | Rejected)  # tried again, never a dead letter
    assert isinstance(control, Retry)
    assert all(isinstance(each, Posted) for each in (candidate, run_off, afterwards))


def test_the_custodian_sees_that_the_books_are_quiet_without_a_right_to_change_them(erp: LedgerSmbUnderTest) -> None:
    with as_custodian(erp) as connection:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '3s'")
            connection.execute("LOCK TABLE gl, ar, ap, acc_trans IN SHARE MODE")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE gl SET description = 'changed'")
