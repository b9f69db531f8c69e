"""Airflow has the pools of both ERPs."""

from __future__ import annotations

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.operations.preflight.airflow_pools import check
from tests.operations.preflight.facts import CLOUD, LEGACY, FakeSurroundings, a_subject, assert_verdict, facts


def test_the_pools_of_both_erps_are_asked_for() -> None:
    surroundings = FakeSurroundings()

    assert_verdict(check(a_subject(), facts(surroundings=surroundings)), Verdict.PASS, f"the pools of {LEGACY} and {CLOUD}")
    assert surroundings.asked == [(LEGACY, CLOUD)]


def test_a_missing_pool_is_refused() -> None:
    problem = f"Airflow has no pool erp_{CLOUD}: its tasks would wait for ever."
    assert_verdict(check(a_subject(), facts(surroundings=FakeSurroundings(problems=[problem]))), Verdict.FAIL, problem)


def test_pools_that_cannot_be_read_are_a_warning() -> None:
    result = check(a_subject(), facts(surroundings=FakeSurroundings(problems=None)))
    assert_verdict(result, Verdict.WARN, "could not be read")
