"""Nothing prints, sends, duns or collects a copy."""

from __future__ import annotations

from dataclasses import replace

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.preflight import LoudThing, Quietness
from hybrid_erp.operations.preflight.candidate_quiet import check
from tests.operations.preflight.facts import CLOUD, LEGACY, FakeCompanies, a_subject, assert_verdict, facts

DUNNING = Quietness("copies are moves", (LoudThing("account_dunning", "duns receivable lines that are due"),))


def test_why_a_copy_is_quiet_is_told_of_both_erps() -> None:
    result = check(a_subject(), facts())

    assert_verdict(result, Verdict.PASS, f"{LEGACY}: nothing is sent by itself", f"{CLOUD}: nothing is sent by itself")
    assert set(result.evidence["because"]) == {LEGACY, CLOUD}


def test_a_module_that_duns_is_refused() -> None:
    told = f"account_dunning of DE01 at {CLOUD} duns receivable lines that are due"
    assert_verdict(check(a_subject(), facts(companies=FakeCompanies(loud={CLOUD: DUNNING}))), Verdict.FAIL, told)


def test_the_erp_that_will_take_copies_after_the_switch_is_asked_too() -> None:
    assert_verdict(check(a_subject(), facts(companies=FakeCompanies(loud={LEGACY: DUNNING}))), Verdict.FAIL, LEGACY)


def test_what_is_quieted_by_a_native_means_passes_and_is_told_with_it() -> None:
    quieted = {CLOUD: {"account_dunning": "copies bear the party's dunning block"}}
    result = check(replace(a_subject(), quieted=quieted), facts(companies=FakeCompanies(loud={CLOUD: DUNNING})))

    assert_verdict(result, Verdict.PASS, f"account_dunning at {CLOUD}: copies bear the party's dunning block")
    assert result.evidence["quieted"][CLOUD] == quieted[CLOUD]


def test_what_is_quieted_in_one_erp_is_loud_in_the_other() -> None:
    subject = replace(a_subject(), quieted={LEGACY: {"account_dunning": "blocked"}})
    assert_verdict(check(subject, facts(companies=FakeCompanies(loud={CLOUD: DUNNING}))), Verdict.FAIL)
