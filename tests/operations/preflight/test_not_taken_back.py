"""Whoever approves a rollback reads what it cannot take back."""

from __future__ import annotations

from dataclasses import replace

from hybrid_erp.model.cutover import CheckResult, Direction, Verdict
from hybrid_erp.model.preflight import Issued, IssuedNumber
from hybrid_erp.operations.preflight.not_taken_back import check
from tests.operations.preflight.facts import CLOUD, FakeStore, a_subject, ago, assert_verdict, facts

NUMBERS = (IssuedNumber("DE01", "RE-0007"), IssuedNumber("DE01", "RE-0009"), IssuedNumber("UK01", "INV 12"))


def of(issued: Issued, **closed_through: str) -> CheckResult:
    subject = replace(a_subject(direction=Direction.ROLLBACK), closed_through=closed_through)
    return check(subject, facts(FakeStore(given=issued)))


def test_a_cutover_takes_nothing_back() -> None:
    assert_verdict(check(a_subject(), facts()), Verdict.PASS)


def test_the_numbers_issued_since_the_cutover_are_listed_by_legal_entity_and_series() -> None:
    result = of(Issued(ago(days=9), "2026-10", NUMBERS))

    assert_verdict(
        result, Verdict.WARN, "DE01 has issued 2 numbers from RE-0007 to RE-0009", "UK01 has issued 1 numbers from INV 12 to INV 12"
    )
    assert result.evidence["legal_entities"]["DE01"]["series"] == [{"first": "RE-0007", "last": "RE-0009", "count": 2}]


def test_a_period_that_was_closed_since_stays_where_it_was_closed() -> None:
    assert_verdict(
        of(Issued(ago(days=40), "2026-10", ()), DE01="2026-10"), Verdict.WARN, f"DE01 is closed through 2026-10, which stays with {CLOUD}"
    )
    assert "is closed" not in of(Issued(ago(days=40), "2026-10", ()), DE01="2026-09").found


def test_what_the_facade_does_not_know_is_said() -> None:
    assert_verdict(of(Issued(ago(days=9), "2026-10", ())), Verdict.WARN, f"returns filed and payment runs made at {CLOUD} since 2026-11-18")
