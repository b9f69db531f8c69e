"""Both ERPs have been kept whole for long enough."""

from __future__ import annotations

from typing import Any

from hybrid_erp.model.cutover import Direction, Verdict
from hybrid_erp.model.ownership import OWNED_KINDS, Phase, PostingKind
from hybrid_erp.operations.preflight.dual_run_long_enough import check
from tests.operations.preflight.facts import FakeStore, a_kind, a_subject, ago, asking, assert_verdict, facts, in_hypercare


def with_ledger(**changes: Any) -> Any:
    others = [a_kind(PostingKind.PROJECT), a_kind(PostingKind.BILLING)]
    return facts(FakeStore(states=[*others, a_kind(PostingKind.LEDGER, **changes)]))


def test_a_dual_run_of_all_kinds_for_long_enough_passes() -> None:
    assert_verdict(check(a_subject(), facts()), Verdict.PASS, "ledger since 2026-11-07T20:00:00+00:00")


def test_a_kind_that_is_copied_in_part_is_refused() -> None:
    assert_verdict(check(a_subject(), with_ledger(open_share=9_999)), Verdict.FAIL, "ledger is copied to 99.99% only")


def test_a_kind_that_is_copied_whole_since_yesterday_is_refused() -> None:
    told = "ledger is copied whole since 2026-11-26T20:00:00+00:00, less than 14 days"
    assert_verdict(check(a_subject(), with_ledger(dual_run_since=ago(days=1))), Verdict.FAIL, told)
    assert_verdict(check(a_subject(dual_run_days_min=1), with_ledger(dual_run_since=ago(days=1))), Verdict.PASS)


def test_a_kind_without_a_dual_run_is_refused() -> None:
    assert_verdict(check(a_subject(), with_ledger(dual_run_since=None)), Verdict.FAIL, "ledger has no dual run")


def test_a_kind_that_stays_is_not_looked_at() -> None:
    subject = asking(a_subject(), kinds=(PostingKind.PROJECT, PostingKind.BILLING))
    assert_verdict(check(subject, with_ledger(open_share=0)), Verdict.PASS)


def test_a_rollback_needs_hypercare_and_no_days() -> None:
    back = a_subject(direction=Direction.ROLLBACK)

    assert_verdict(check(back, facts(FakeStore(states=in_hypercare()))), Verdict.PASS, "in hypercare")
    assert_verdict(check(back, with_ledger()), Verdict.FAIL, "ledger is in phase dual_run, not in hypercare")
    partly = [a_kind(kind, phase=Phase.HYPERCARE, open_share=0) for kind in OWNED_KINDS]
    assert_verdict(check(back, facts(FakeStore(states=partly))), Verdict.FAIL, "copied to 0.00% only")
