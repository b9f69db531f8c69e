"""The new owner takes postings in every period that moves."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.operations.preflight.periods_open import check
from tests.operations.preflight.facts import CLOUD, LEGACY, FakeCompanies, a_subject, asking, assert_verdict, facts


def test_every_period_from_the_first_to_the_present_one_is_asked_for_each_legal_entity() -> None:
    companies = FakeCompanies()
    subject = asking(a_subject(now=datetime(2027, 1, 15, tzinfo=UTC)), from_period="2026-11")

    assert_verdict(check(subject, facts(companies=companies)), Verdict.PASS, "in 2026-11 to 2027-01")
    days = [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1), date(2027, 1, 15)]
    assert companies.asked == [(CLOUD, entity, day) for entity in ("DE01", "UK01") for day in days]


def test_the_next_period_is_asked_for_itself() -> None:
    companies = FakeCompanies()

    check(asking(a_subject(), from_period="2026-12"), facts(companies=companies))

    assert {asked[-1] for asked in companies.asked} == {date(2026, 12, 1)}


def test_a_closed_period_is_refused_and_named() -> None:
    subject = asking(a_subject(), from_period="2026-10")
    told = "DE01 takes nothing in 2026-10; UK01 takes nothing in 2026-10"
    assert_verdict(check(subject, facts(companies=FakeCompanies(closed={(CLOUD, "2026-10")}))), Verdict.FAIL, told)


def test_the_old_owner_s_periods_are_another_check() -> None:
    assert_verdict(check(a_subject(), facts(companies=FakeCompanies(closed={(LEGACY, "2026-11")}))), Verdict.PASS)
