"""The new owner has taken what a month end brings."""

from __future__ import annotations

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.preflight import BusiestHour
from hybrid_erp.operations.preflight.candidate_throughput import check
from tests.operations.preflight.facts import CLOUD, FakeStore, a_subject, ago, assert_verdict, facts

BEST = FakeStore(best=BusiestHour(ago(days=3), 900))


def test_the_best_hour_is_enough() -> None:
    told = f"{CLOUD} took 900 copies at best, in the hour from 2026-11-24T20:00:00+00:00, and 900 are wanted"
    assert_verdict(check(a_subject(copies_per_hour_min=900), facts(BEST)), Verdict.PASS, told)


def test_too_few_are_refused() -> None:
    assert_verdict(check(a_subject(copies_per_hour_min=901), facts(BEST)), Verdict.FAIL, "and 901 are wanted")
    assert_verdict(check(a_subject(copies_per_hour_min=1), facts()), Verdict.FAIL, "has taken no copy in a whole hour yet")


def test_a_plan_without_a_minimum_is_told_what_was_taken() -> None:
    assert_verdict(check(a_subject(), facts(BEST)), Verdict.PASS, "900 copies", "the plan asks for no minimum")
    assert_verdict(check(a_subject(), facts()), Verdict.PASS)
