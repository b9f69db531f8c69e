"""Each credential of each company reaches whom it should."""

from __future__ import annotations

import pytest

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, HybridErpError, WrongSystemError
from hybrid_erp.operations.preflight.credentials import check
from tests.operations.preflight.facts import CLOUD, ENTITIES, LEGACY, FakeCompanies, a_lock_out_state, a_subject, assert_verdict, facts


def test_every_role_of_every_company_of_both_erps_is_asked() -> None:
    companies = FakeCompanies()

    assert_verdict(check(a_subject(), facts(companies=companies)), Verdict.PASS, "12 credentials of 4 companies", "may post what moves")
    assert companies.asked == [(erp, entity, role) for erp in (LEGACY, CLOUD) for entity in ENTITIES for role in Role]


@pytest.mark.parametrize(
    "error", [WrongSystemError("another answers."), ErpUnavailableError("refused."), ConfigurationError("no connection.")]
)
def test_one_that_reaches_nobody_is_named_and_the_others_are_asked_all_the_same(error: HybridErpError) -> None:
    companies = FakeCompanies(failures={(LEGACY, "DE01", Role.RUN_OFF): error})

    told = f"run_off of DE01 at {LEGACY}: {error.message.rstrip('.')}"
    assert_verdict(check(a_subject(), facts(companies=companies)), Verdict.FAIL, told)
    assert len(companies.asked) == 12


def test_a_candidate_without_rights_is_refused() -> None:
    companies = FakeCompanies(states={CLOUD: a_lock_out_state(without=["candidate"])})
    told = f"candidate of UK01 at {CLOUD} may not post billing, ledger, project"
    assert_verdict(check(a_subject(), facts(companies=companies)), Verdict.FAIL, told)


def test_a_control_that_an_earlier_move_has_locked_out_gets_its_rights_back() -> None:
    companies = FakeCompanies(states={CLOUD: a_lock_out_state(without=["control", "billie"])})
    assert_verdict(check(a_subject(), facts(companies=companies)), Verdict.PASS)


def test_an_erp_that_does_not_tell_rights_is_named() -> None:
    companies = FakeCompanies(custodian_fails={LEGACY: ConfigurationError("no lock-out.")})
    assert_verdict(check(a_subject(), facts(companies=companies)), Verdict.PASS, f"{LEGACY} does not tell whether they may post")
