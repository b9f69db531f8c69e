"""What a preflight asks the real ERPs: who answers to each credential, and what could make a copy loud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from hybrid_erp.adapters.erps.sql_quietness import quietness as sql_quietness
from hybrid_erp.adapters.erps.tryton.quietness import loud_module
from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.delivery import ErpIdentity, Posted, Role
from hybrid_erp.model.documents import JournalEntry
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, WrongSystemError
from hybrid_erp.operations.preflight import candidate_quiet, credentials, lock_out_possible, periods_open
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.companies import AskedCompanies, asked_companies
from sandbox.golden import SECRETS
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.erp_under_test import a_submission
from tests.contracts.ledgersmb_under_test import LedgerSmbUnderTest
from tests.contracts.tryton_under_test import TrytonUnderTest
from tests.operations.preflight.facts import CLOUD, ENTITIES, LEGACY, a_subject, assert_verdict, facts

ACTIVATE = "UPDATE ir_module SET state = 'activated' WHERE name = %s"
INSTALL = "INSERT INTO ir_module (name, state) SELECT %s, 'not activated' WHERE NOT EXISTS (SELECT FROM ir_module WHERE name = %s)"
FORGET = "DELETE FROM ir_module WHERE name = %s"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture
def companies(site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[AskedCompanies]:
    for name, content in site.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(content))
    with asked_companies(settings) as asked:
        yield asked


@pytest.fixture
def tryton(site: Site, settings: Settings) -> TrytonUnderTest:
    return TrytonUnderTest(site.cluster, settings, site.connections(), site.folder / SECRETS)


@pytest.fixture
def ledgersmb(site: Site, settings: Settings) -> LedgerSmbUnderTest:
    return LedgerSmbUnderTest(site.cluster, settings)


def test_every_credential_of_both_erps_reaches_its_company(companies: AskedCompanies) -> None:
    assert_verdict(
        credentials.check(a_subject(), facts(companies=companies)), Verdict.PASS, "12 credentials of 4 companies", "may post what moves"
    )


@pytest.mark.parametrize("erp", [LEGACY, CLOUD])
@pytest.mark.parametrize("role", Role)
def test_each_role_asks_with_a_credential_of_its_own(
    companies: AskedCompanies, monkeypatch: pytest.MonkeyPatch, settings: Settings, erp: str, role: Role
) -> None:
    """The credential of one role is spoilt: that role fails, the others answer."""
    suffix = "" if role is Role.CONTROL else f"_{role}"
    name = f"AIRFLOW_CONN_{settings.erps[erp].companies['DE01'].connection}{suffix}".upper()
    monkeypatch.setenv(name, json.dumps({"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": 1, "login": "x"}))

    for each in Role:
        if each is role:
            with pytest.raises(ErpUnavailableError):
                companies.identity(erp, "DE01", each)
        else:
            companies.identity(erp, "DE01", each)


def test_a_credential_that_leads_to_another_company_is_named(
    companies: AskedCompanies, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    other = site.connections()["ledgersmb_uk01_candidate"]
    monkeypatch.setenv("AIRFLOW_CONN_LEDGERSMB_DE01_CANDIDATE", json.dumps(other))

    with pytest.raises(WrongSystemError):
        companies.identity(LEGACY, "DE01", Role.CANDIDATE)
    told = f"candidate of DE01 at {LEGACY}: Expected Meridian Beratung GmbH"
    assert_verdict(credentials.check(a_subject(), facts(companies=companies)), Verdict.FAIL, told)


def test_a_connection_that_airflow_does_not_have_is_a_fault_of_the_configuration(
    companies: AskedCompanies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_TRYTON_DE01_RUN_OFF")

    with pytest.raises(ConfigurationError, match="tryton_de01_run_off"):
        companies.identity(CLOUD, "DE01", Role.RUN_OFF)


def test_a_lock_out_would_stop_people_and_leave_us_our_rights(companies: AskedCompanies) -> None:
    result = lock_out_possible.check(a_subject(), facts(companies=companies))

    assert result.verdict is not Verdict.FAIL, result
    assert set(result.evidence["companies"]) == {f"{entity} at {erp}" for entity in ENTITIES for erp in (LEGACY, CLOUD)}
    for where, found in result.evidence["companies"].items():
        assert any("bookkeeper" in login for login in found["stopped"]), (where, found)
        assert not any("candidate" in login or "run_off" in login for login in found["stopped"]), (where, found)


def test_copies_are_quiet_in_both_erps_as_they_are_set_up(companies: AskedCompanies) -> None:
    result = candidate_quiet.check(a_subject(), facts(companies=companies))

    assert_verdict(result, Verdict.PASS, "Copies are account.move", "LedgerSMB prints and mails a document only when somebody")
    assert set(result.evidence["because"]) == {LEGACY, CLOUD}


def test_a_module_that_duns_is_loud_once_it_is_active(companies: AskedCompanies, tryton: TrytonUnderTest) -> None:
    tryton.run(INSTALL, "account_dunning", "account_dunning")
    try:
        assert companies.quietness(CLOUD, "DE01").loud == ()
        tryton.run(ACTIVATE, "account_dunning")

        assert companies.quietness(CLOUD, "DE01").loud == (loud_module("account_dunning"),)
    finally:
        tryton.run(FORGET, "account_dunning")


def test_a_copy_that_somebody_has_made_recurring_is_loud(
    companies: AskedCompanies, ledgersmb: LedgerSmbUnderTest, settings: Settings
) -> None:
    lines = [{"account": "5200", "debit": "1.00"}, {"account": "1000", "credit": "1.00"}]
    terms = {"number": "PF-1", "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR", "lines": lines}
    with closing(ledgersmb.connector()) as connector:
        posted = connector.submit(a_submission(settings, JournalEntry.model_validate(terms)), lambda draft_id: None)
    assert isinstance(posted, Posted)
    assert companies.quietness(LEGACY, "DE01").loud == ()

    with ledgersmb.cluster.admin(ledgersmb.database("DE01")) as connection:
        connection.execute("INSERT INTO recurring (id, startdate) VALUES (%s, '2026-04-01')", (posted.native_id,))
        try:
            (loud,) = companies.quietness(LEGACY, "DE01").loud
            assert loud.name == f"recurring {posted.native_id}"
        finally:
            connection.execute("DELETE FROM recurring WHERE id = %s", (posted.native_id,))


def test_a_pack_that_does_not_say_is_refused(ledgersmb: LedgerSmbUnderTest) -> None:
    pack = ledgersmb.pack.model_copy(update={"quiet": None})

    with pytest.raises(ConfigurationError, match="has no section `quiet`"):
        sql_quietness(lambda: ledgersmb.connect("DE01")(Role.CANDIDATE), pack, ErpIdentity("ledgersmb_de01", "", "EUR", ""))


def test_the_periods_of_the_year_are_open_in_the_cloud_erp(companies: AskedCompanies) -> None:
    assert_verdict(periods_open.check(a_subject(), facts(companies=companies)), Verdict.PASS, ", ".join(ENTITIES))
