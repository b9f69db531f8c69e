"""When a run will end by what earlier ones took, and until when it can turn back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.model.cutover import Step
from hybrid_erp.model.forecast import StepPlan, StepRun
from hybrid_erp.operations.cutover.forecast import UP_TO_SWITCH, Forecast, forecast, plan_of, told
from hybrid_erp.wiring.run_note import LONGEST_NOTE

NOW = datetime(2026, 12, 31, 22, 0, tzinfo=UTC)
SECONDS = st.floats(0, 10_000, allow_nan=False)
HISTORY = [{step: float(seconds) for step in Step} for seconds in range(1, 11)]  # ten runs: every step took 1 s, then 2 s, ... 10 s


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def done(*steps: Step, seconds: float = 5) -> list[StepRun]:
    """Steps that followed one another and ended now."""
    begins = [-seconds * (len(steps) - place) for place in range(len(steps))]
    return [StepRun(step, after(begin), after(begin + seconds)) for step, begin in zip(steps, begins, strict=True)]


def begun(step: Step, *, seconds_ago: float = 0) -> StepRun:
    return StepRun(step, after(-seconds_ago), None)


def deadline(expected: Forecast) -> tuple[datetime | None, bool]:
    return expected.turn_back_at, expected.should_turn_back


def test_half_of_the_earlier_runs_were_faster_and_nine_of_ten() -> None:
    plan = plan_of(HISTORY)

    assert plan[Step.DRAIN] == StepPlan(Step.DRAIN, p50_seconds=5, p90_seconds=9, runs=10)


def test_with_one_run_it_is_the_plan() -> None:
    assert plan_of([{Step.DRAIN: 7.5}])[Step.DRAIN] == StepPlan(Step.DRAIN, 7.5, 7.5, 1)


@given(st.lists(SECONDS, min_size=1))
def test_a_percentile_is_a_duration_that_occurred_and_holds_for_its_share(durations: list[float]) -> None:
    plan = plan_of({Step.DRAIN: each} for each in durations)[Step.DRAIN]

    for seconds, share in ((plan.p50_seconds, 0.5), (plan.p90_seconds, 0.9)):
        assert seconds in durations
        assert sum(each <= seconds for each in durations) >= share * len(durations)
    assert plan.p50_seconds <= plan.p90_seconds


@given(st.lists(SECONDS, min_size=1), st.randoms())
def test_the_order_of_earlier_runs_is_nothing(durations: list[float], chance: object) -> None:
    history = [{Step.DRAIN: each} for each in durations]

    assert plan_of(history) == plan_of(reversed(history))


def test_a_run_that_begins_ends_after_all_steps_from_the_freeze_on() -> None:
    expected = forecast(plan_of(HISTORY), [], at=NOW)

    assert (expected.ends_at_p50, expected.ends_at_p90) == (after(8 * 5), after(8 * 9))
    assert expected.switches_at_p90 == after(6 * 9)


def test_what_is_done_and_what_has_passed_of_a_step_counts_no_more() -> None:
    runs = [*done(Step.FREEZE, Step.DRAIN), begun(Step.LOCK_OUT, seconds_ago=4)]

    expected = forecast(plan_of(HISTORY), runs, at=NOW)

    assert expected.ends_at_p50 == after((5 - 4) + 5 * 5)
    assert expected.ends_at_p90 == after((9 - 4) + 5 * 9)


def test_a_step_that_takes_longer_than_ever_is_late_and_expected_to_end_now() -> None:
    expected = forecast(plan_of(HISTORY), [*done(*UP_TO_SWITCH), *done(Step.SMOKE_TEST), begun(Step.RELEASE, seconds_ago=60)], at=NOW)

    assert expected.ends_at_p90 == NOW
    assert [each.step for each in expected.steps if each.is_late] == [Step.RELEASE]


def test_the_latest_moment_leaves_time_for_what_is_left_up_to_the_switch() -> None:
    runs = [*done(Step.FREEZE), begun(Step.DRAIN)]

    expected = forecast(plan_of(HISTORY), runs, at=NOW, frozen_at=after(-5), freeze_seconds_max=105)

    assert expected.limit_at == after(100)
    assert deadline(expected) == (after(100 - 4 * 9), False)  # lock-out, final delta, verification, switch


def test_an_earlier_deadline_beats_the_longest_freeze() -> None:
    runs = [*done(Step.FREEZE), begun(Step.DRAIN)]

    expected = forecast(plan_of(HISTORY), runs, at=NOW, frozen_at=after(-5), freeze_seconds_max=105, deadline_at=after(40))

    assert deadline(expected) == (after(40 - 4 * 9), True)  # drain alone may take nine more
    assert "**Turn back:**" in told("emea", expected)


def test_after_the_switch_nothing_turns_back() -> None:
    expected = forecast(plan_of(HISTORY), done(*UP_TO_SWITCH), at=NOW, frozen_at=after(-30), freeze_seconds_max=1)

    assert deadline(expected) == (None, False)
    assert expected.switches_at_p90 is None


def test_without_a_limit_there_is_no_latest_moment() -> None:
    assert deadline(forecast(plan_of(HISTORY), [], at=NOW)) == (None, False)


@given(st.dictionaries(st.sampled_from(Step), SECONDS), st.integers(0, len(UP_TO_SWITCH)), SECONDS, SECONDS)
def test_whoever_has_not_passed_the_latest_moment_is_in_time(took: dict[Step, float], count: int, ago: float, limit: float) -> None:
    runs = [*done(*UP_TO_SWITCH[:count]), *([begun(UP_TO_SWITCH[count], seconds_ago=ago)] if count < len(UP_TO_SWITCH) else [])]

    expected = forecast(plan_of([took]), runs, at=NOW, deadline_at=after(limit))

    assert NOW <= expected.ends_at_p50 <= expected.ends_at_p90
    if expected.turn_back_at is not None and not expected.should_turn_back:
        assert expected.turn_back_at >= NOW - timedelta(microseconds=10)  # as close as sums of floating seconds are
        assert expected.switches_at_p90 is not None
        assert expected.switches_at_p90 <= expected.ends_at_p90 + timedelta(microseconds=10)


@given(st.dictionaries(st.sampled_from(Step), SECONDS), SECONDS, SECONDS)
def test_as_time_passes_the_end_never_comes_nearer(took: dict[Step, float], ago: float, later: float) -> None:
    runs = [*done(Step.FREEZE), begun(Step.DRAIN, seconds_ago=ago)]

    early, late = (forecast(plan_of([took]), runs, at=at) for at in (NOW, after(later)))

    assert late.ends_at_p90 >= early.ends_at_p90 - timedelta(microseconds=10)


def test_tries_of_a_step_add_up_and_one_that_died_lasted_until_the_next_began() -> None:
    runs = [StepRun(Step.DRAIN, after(-30), None), StepRun(Step.DRAIN, after(-20), after(-12)), begun(Step.DRAIN, seconds_ago=2)]

    (drain,) = (each for each in forecast(plan_of(HISTORY), runs, at=NOW).steps if each.step is Step.DRAIN)

    assert (drain.actual_seconds, drain.is_under_way, drain.deviation_seconds) == (10 + 8 + 2, True, None)


def test_a_step_without_history_is_named_and_the_end_is_a_lower_bound() -> None:
    rehearsed: list[dict[Step, float]] = [{step: 10.0 for step in Step if step not in (Step.SWITCH, Step.SMOKE_TEST)}]

    expected = forecast(plan_of(rehearsed), done(*UP_TO_SWITCH[:3]), at=NOW)

    assert expected.without_history == (Step.SWITCH, Step.SMOKE_TEST)
    assert "at least (no history: switch, smoke_test)" in told("emea", expected)


def test_without_any_history_it_is_said_plainly() -> None:
    words = told("emea", forecast({}, done(Step.FREEZE), at=NOW, deadline_at=after(60)))

    assert words.startswith("No earlier rehearsal or cutover of emea has gone through")
    assert "| freeze | no history | 5.0 |  |" in words
    assert "turn back" not in words.lower()


def test_plan_and_actual_stand_side_by_side() -> None:
    runs = [*done(Step.FREEZE, seconds=7.25), *done(Step.DRAIN, seconds=9.5), begun(Step.LOCK_OUT, seconds_ago=2)]

    words = told("emea", forecast(plan_of(HISTORY), runs, at=NOW, deadline_at=after(600)))

    assert "Forecast end: 22:00:28 UTC (P50), 22:00:52 UTC (P90)" in words
    assert "Latest moment to turn back: 22:09:33 UTC" in words
    assert "| freeze | 5.0 / 9.0 | 7.2 | +2.2 |" in words
    assert "| drain | 5.0 / 9.0 | 9.5 | +4.5 late |" in words
    assert "| lock_out | 5.0 / 9.0 | 2.0 so far |  |" in words


def test_it_fits_into_the_note_of_a_run() -> None:
    runs = [StepRun(step, after(-99_999), after(-0.1)) for step in Step]
    longest = plan_of([dict.fromkeys(Step, 12_345.6)])

    assert len(told("a-region-with-a-long-name", forecast(longest, runs, at=NOW, deadline_at=NOW))) <= LONGEST_NOTE
