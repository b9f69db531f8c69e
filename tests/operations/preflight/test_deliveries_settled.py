"""Whatever would hold up a drain is named."""

from __future__ import annotations

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.preflight import Stuck
from hybrid_erp.operations.preflight.deliveries_settled import check
from tests.operations.preflight.facts import CLOUD, FakeStore, a_subject, ago, assert_verdict, facts


def test_nothing_stuck_passes_and_reference_documents_are_looked_at_too() -> None:
    store = FakeStore()

    assert_verdict(check(a_subject(), facts(store)), Verdict.PASS, "no dead letters")
    assert store.asked == [("emea", "project", "billing", "ledger", "reference", ago(minutes=5))]


def test_a_dead_letter_of_a_copy_is_refused() -> None:
    store = FakeStore(stuck_ones=[Stuck("DE01", "billing", CLOUD, "candidate", "dead-lettered", 3)])
    result = check(a_subject(), facts(store))

    assert_verdict(result, Verdict.FAIL, f"3 billing copies of DE01 dead-lettered at {CLOUD}")
    assert result.evidence["stuck"][0]["postings"] == 3


def test_many_findings_are_told_by_the_first_few_and_kept_as_evidence() -> None:
    store = FakeStore(stuck_ones=[Stuck("DE01", "ledger", "", "control", f"in doubt {n}", 1) for n in range(8)])
    result = check(a_subject(), facts(store))

    assert_verdict(result, Verdict.FAIL, "and 3 more")
    assert len(result.evidence["stuck"]) == 8
