"""The new owner keeps up with the old one."""

from __future__ import annotations

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.preflight import Backlog
from hybrid_erp.operations.preflight.candidate_backlog import check
from tests.operations.preflight.facts import CLOUD, FakeStore, a_subject, ago, assert_verdict, facts


def waiting(seconds: float, role: str = "candidate") -> FakeStore:
    return FakeStore(waiting=[Backlog("DE01", CLOUD if role == "candidate" else "", role, 12, ago(seconds=seconds))])


def test_copies_that_have_just_come_in_may_wait() -> None:
    assert_verdict(check(a_subject(lag_seconds_max=300), facts(waiting(299))), Verdict.PASS, "more than 300 s")


def test_a_copy_that_waits_for_too_long_is_refused() -> None:
    told = f"12 copies of DE01 wait for {CLOUD}, the oldest since 2026-11-27T19:54:59+00:00"
    assert_verdict(check(a_subject(lag_seconds_max=300), facts(waiting(301))), Verdict.FAIL, told)


def test_a_posting_that_waits_for_its_owner_is_refused_too() -> None:
    assert_verdict(check(a_subject(), facts(waiting(1000, "control"))), Verdict.FAIL, "12 postings of DE01 wait for their owner")


def test_what_has_just_come_in_is_no_evidence_so_that_live_traffic_voids_no_answer() -> None:
    assert check(a_subject(), facts(waiting(10))).evidence == check(a_subject(), facts()).evidence
