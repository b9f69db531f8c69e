"""A run shows its retries and ends soon, however long an ERP asks to wait: the store remembers the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from hybrid_erp.model.errors import ErpUnavailableError, NotReplayableError, WrongSystemError
from hybrid_erp.wiring.retries import ErpRetryPolicy

RETRIES = 3
decide = ErpRetryPolicy().evaluate


@dataclass
class Run:
    start_date: datetime


def test_an_erp_that_is_down_is_tried_again_after_longer_and_longer_waits() -> None:
    decisions = [decide(ErpUnavailableError("down"), try_number, RETRIES) for try_number in range(1, RETRIES + 1)]

    assert [decision.action for decision in decisions] == [RetryAction.RETRY] * RETRIES
    waits = [decision.retry_delay for decision in decisions]
    assert waits == [timedelta(seconds=5), timedelta(seconds=8), timedelta(seconds=12.8)]
    assert "next try in 5 s, 3 more in this run" in str(decisions[0].reason)
    assert "the last one in this run" in str(decisions[-1].reason)


def test_all_waits_of_a_run_together_are_less_than_half_a_minute() -> None:
    waits = [decide(ErpUnavailableError("down"), try_number, RETRIES).retry_delay for try_number in range(1, RETRIES + 1)]

    assert sum((wait or timedelta(0) for wait in waits), timedelta(0)) < timedelta(seconds=30)


def test_a_short_wait_that_the_erp_asks_for_is_kept_and_a_long_one_ends_the_run_at_once() -> None:
    assert decide(ErpUnavailableError("busy", 11), 1, RETRIES).retry_delay == timedelta(seconds=11)

    long = decide(ErpUnavailableError("busy", 3600), 1, RETRIES)

    assert long.action is RetryAction.FAIL
    assert "3600 s more" in str(long.reason)


def test_a_run_whose_tries_take_long_ends_before_they_are_used_up() -> None:
    old, young = (Run(datetime.now(UTC) - timedelta(seconds=seconds)) for seconds in (46, 20))

    assert decide(ErpUnavailableError("silent"), 3, RETRIES, {"dag_run": young}).action is RetryAction.RETRY
    assert decide(ErpUnavailableError("silent"), 3, RETRIES, {"dag_run": old}).action is RetryAction.FAIL


def test_two_retries_are_shown_however_long_the_run_has_taken() -> None:
    late = {"dag_run": Run(datetime.now(UTC) - timedelta(seconds=300))}

    assert [decide(ErpUnavailableError("silent"), number, RETRIES, late).action for number in (1, 2)] == [RetryAction.RETRY] * 2


@pytest.mark.parametrize("error", [WrongSystemError("the test system"), NotReplayableError("no reason")])
def test_what_stays_wrong_is_not_tried_again(error: Exception) -> None:
    assert decide(error, 1, RETRIES).action is RetryAction.FAIL


def test_a_bug_is_tried_again_as_airflow_would() -> None:
    assert decide(RuntimeError("bug"), 1, RETRIES).action is RetryAction.DEFAULT
