"""Nothing moves live on a day that the calendar keeps free."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from hybrid_erp.model.cutover import Mode, Verdict
from hybrid_erp.operations.preflight.blackout_dates import check
from tests.operations.preflight.facts import a_subject, assert_verdict, facts

YEAR_END = {"first_on": date(2026, 12, 29), "last_on": date(2027, 1, 8), "reason": "year-end close"}


def on(day: date, mode: Mode = Mode.LIVE, hour: int = 9, **blackout: Any) -> Any:
    now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return check(a_subject(mode=mode, now=now, blackouts=[YEAR_END | blackout], approval_minutes_max=240), facts())


@pytest.mark.parametrize("day", [date(2026, 12, 29), date(2027, 1, 1), date(2027, 1, 8)])
def test_a_live_run_on_a_blackout_date_is_refused(day: date) -> None:
    assert_verdict(on(day), Verdict.FAIL, "year-end close: nothing moves from 2026-12-29 to 2027-01-08")


@pytest.mark.parametrize("day", [date(2026, 12, 28), date(2027, 1, 9)])
def test_the_days_beside_it_are_free(day: date) -> None:
    assert_verdict(on(day), Verdict.PASS)


def test_a_run_that_could_last_into_a_blackout_date_is_refused() -> None:
    assert_verdict(on(date(2026, 12, 28), hour=22), Verdict.FAIL)


@pytest.mark.parametrize("mode", [Mode.REHEARSAL, Mode.DRY_RUN])
def test_a_run_that_moves_nothing_is_only_told(mode: Mode) -> None:
    assert_verdict(on(date(2026, 12, 31), mode), Verdict.WARN, "year-end close")


def test_the_blackout_of_another_region_s_legal_entity_stops_nothing() -> None:
    assert_verdict(on(date(2026, 12, 31), legal_entities=["US01"]), Verdict.PASS)
    assert_verdict(on(date(2026, 12, 31), legal_entities=["UK01"]), Verdict.FAIL)
