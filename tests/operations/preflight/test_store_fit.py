"""The store can carry a freeze."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.operations.preflight.store_fit import check
from tests.operations.preflight.facts import GB, FakeStore, FakeSurroundings, a_subject, assert_verdict, facts


def with_state(**changes: Any) -> Any:
    return check(a_subject(), facts(FakeStore(state=replace(FakeStore().state, **changes))))


def test_a_store_in_order_says_on_which_timeline_it_is_and_which_standby_confirms() -> None:
    assert_verdict(with_state(), Verdict.PASS, "timeline 7/00000001", "a commit waits for standby-1")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"timeline": None}, "does not tell its timeline"),
        ({"clock_ahead_seconds": 2.5}, "clock is 2.5 s ahead of the store's"),
        ({"clock_ahead_seconds": -61.0}, "clock is 61.0 s behind the store's"),
        ({"connections_used": 90}, "7 of 97 connections free"),
        ({"connections_used": 100}, "0 of 97 connections free"),
    ],
)
def test_what_would_stop_a_freeze_in_the_middle_is_refused(changes: dict[str, Any], told: str) -> None:
    assert_verdict(with_state(**changes), Verdict.FAIL, told)


def test_a_worker_without_disk_is_refused() -> None:
    result = check(a_subject(), facts(surroundings=FakeSurroundings(free_bytes=GB // 2)))
    assert_verdict(result, Verdict.FAIL, "this worker has 0.50 GB of disk free")


def test_a_standby_that_confirms_nothing_is_a_warning_that_says_what_a_failover_loses() -> None:
    assert_verdict(with_state(synchronous_standbys=""), Verdict.WARN, "could lose the last marks, receipts and the switch itself")
    assert_verdict(with_state(synchronous_standbys="", standbys=0), Verdict.WARN, "the store has no standby")


def test_what_changes_every_second_is_no_evidence() -> None:
    assert with_state(clock_ahead_seconds=0.5, connections_used=20, database_bytes=9 * GB).evidence == with_state().evidence
