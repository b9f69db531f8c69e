"""A year of real lines has a way into the new owner's chart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.operations.preflight.mappings_complete import check
from hybrid_erp.operations.preflight.subject import Subject
from tests.operations.preflight.facts import CLOUD, LEGACY, FakeCompanies, FakeStore, a_line, a_movement, a_subject, assert_verdict, facts


def booked(*lines: Any) -> FakeStore:
    return FakeStore(lines={"DE01": list(lines)})


def moved(*movements: Any) -> FakeCompanies:
    return FakeCompanies(moved=list(movements))


def scoped(scope: str, account: str = "1890") -> Subject:
    """EMEA with one account of the legacy chart put in a scope by name."""
    subject = a_subject()
    rule = {"accounts": [account], "scope": scope, "owner": "Controller EMEA", "reason": "clearing of wages", "control_total": "0.00"}
    content = subject.plan.model_dump(mode="json") | {"scope": {"legacy": [rule]}}
    return replace(subject, plan=RegionPlan.model_validate(content))


def test_what_was_booked_in_the_last_year_goes_there_and_back() -> None:
    store = booked(a_line("1100", tax_code="DE-STD"), a_line("4000"))
    result = check(a_subject(), facts(store))

    assert_verdict(result, Verdict.PASS, "2 accounts, 1 tax codes, 1 dimensions, booked since 2025-11", f"from {LEGACY} to {CLOUD}")
    assert store.asked == [(LEGACY, entity, "2025-11") for entity in ("DE01", "UK01")]
    assert result.evidence["tax_codes"] == ["DE-STD"]


def test_a_canonical_account_without_a_native_one_is_refused() -> None:
    told = f"{CLOUD} has no account for canonical account 7777"
    assert_verdict(check(a_subject(), facts(booked(a_line("7777")))), Verdict.FAIL, told)


def test_a_tax_code_that_has_no_canonical_one_is_refused() -> None:
    told = f"tax code VAT-OLD of DE01 at {LEGACY} has no canonical tax code"
    assert_verdict(check(a_subject(), facts(booked(a_line(tax_code="VAT-OLD of the ERP")))), Verdict.FAIL, told)


def test_an_account_without_a_canonical_one_that_is_compared_is_refused() -> None:
    result = check(scoped("captured"), facts(companies=moved(a_movement(), a_movement("1890", None))))
    assert_verdict(result, Verdict.FAIL, f"account 1890 of DE01 at {LEGACY} was booked and has no canonical account")


def test_an_account_without_a_canonical_one_and_without_a_scope_is_refused() -> None:
    result = check(scoped("captured", "1891"), facts(companies=moved(a_movement(), a_movement("1890", None))))
    assert_verdict(result, Verdict.FAIL, "has no scope")


def test_an_account_that_the_plan_leaves_out_is_a_warning_with_its_owner() -> None:
    result = check(scoped("out_of_scope"), facts(companies=moved(a_movement(), a_movement("1890", None))))
    assert_verdict(result, Verdict.WARN, "the plan leaves it out as out_of_scope, by Controller EMEA: clearing of wages")


def test_what_lies_a_year_back_or_is_nothing_is_not_looked_at() -> None:
    old, nothing = a_movement("1890", None, "2025-10"), a_movement("1890", None, amount="0.00")
    assert_verdict(check(scoped("captured"), facts(companies=moved(a_movement(), old, nothing))), Verdict.PASS)


def test_a_mirror_that_holds_nothing_of_what_was_booked_proves_nothing() -> None:
    told = f"DE01 has booked since 2025-11, and the mirror of {LEGACY} holds no line of it"
    assert_verdict(check(a_subject(), facts(booked())), Verdict.FAIL, told)
