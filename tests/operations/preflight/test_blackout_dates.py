"""Nothing moves live on a day that the calendar keeps free, unless a second controller of each legal entity can be asked to agree."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from hybrid_erp.model.cutover import Mode, Verdict
from hybrid_erp.operations.preflight.blackout_dates import check
from tests.operations.preflight.facts import FakeSurroundings, a_subject, asking, assert_verdict, facts

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


def named(*of_de01: str) -> dict[str, Any]:
    return {"migration_lead": ["lead"], "controllers": {"DE01": of_de01, "UK01": ["controller-uk", "controller"]}}


TWO_EACH = named("controller", "deputy")
WHY = "the old ERP's licence ends with the year"


def overridden(approvers: Any = TWO_EACH, by: str = "lena", logins: Any = None, mode: Mode = Mode.LIVE, **blackout: Any) -> Any:
    now = datetime(2026, 12, 31, 9, tzinfo=UTC)
    subject = a_subject(mode=mode, now=now, blackouts=[YEAR_END | blackout], approvers=approvers)
    return check(asking(subject, requested_by=by, override_blackout=WHY), facts(surroundings=FakeSurroundings(logins=logins)))


def test_a_reason_makes_it_a_warning_that_names_whose_second_controller_has_to_agree() -> None:
    result = overridden()

    assert_verdict(result, Verdict.WARN, "year-end close", f"overridden if a second controller of DE01, UK01 agrees: {WHY}")
    assert result.evidence["overridden"] == ["DE01", "UK01"]


def test_only_the_legal_entities_whose_calendar_it_is_are_asked_again() -> None:
    assert overridden(legal_entities=["UK01"]).evidence["overridden"] == ["UK01"]


@pytest.mark.parametrize(
    "lacking",
    [
        {"approvers": named("controller")},
        {"by": "deputy"},
        {"logins": frozenset({"lena", "lead", "controller", "controller-uk"})},
    ],
    ids=["one is named", "one asks", "one cannot sign in"],
)
def test_a_legal_entity_with_one_controller_cannot_be_overridden(lacking: Any) -> None:
    told = "DE01 has no second controller who could override its blackout date: controller can answer"
    assert_verdict(overridden(**lacking), Verdict.FAIL, told)


@pytest.mark.parametrize("mode", [Mode.REHEARSAL, Mode.DRY_RUN])
def test_what_moves_nothing_overrides_nothing(mode: Mode) -> None:
    assert "overridden" not in overridden(mode=mode).evidence
