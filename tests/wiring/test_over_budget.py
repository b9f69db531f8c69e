"""A move that takes longer than it may is told, and one that goes as it should is not."""

from __future__ import annotations

import pytest

from hybrid_erp.model.cutover import Mode, Step
from hybrid_erp.wiring.over_budget import run_over_budget, tell_late_step
from tests.store.cutovers import Move, dual_run
from tests.stores import Store

TOLD = "SELECT count(*) FROM audit WHERE action = 'over_budget'"


@pytest.fixture
def rehearsed(store: Store) -> Store:
    """EMEA, with a rehearsal in which each step took a second."""
    dual_run(store)
    move = Move(store, mode=Mode.REHEARSAL).verified()
    for step in Step:
        move.cutovers.end_step(move.cutovers.begin_step(move.id, step), outcome="done", found={})
    store.sql("UPDATE cutover_step SET began_at = ended_at - interval '1 second'")
    move.cutovers.begin_release(move.id, reason="a rehearsal")
    for each in move.cutovers.lock_outs():
        move.cutovers.note_read_back(each.erp, each.legal_entity, each.generation, as_desired=True, quiet=False, read_back={})
    assert move.cutovers.finish_release(move.id) == "rehearsed"
    return store


def test_a_run_whose_budget_is_used_up_is_told_in_the_log_and_in_the_audit_trail(
    rehearsed: Store, caplog: pytest.LogCaptureFixture
) -> None:
    move = Move(rehearsed)

    assert run_over_budget("emea", move.now.run, 5_400)

    assert "live cutover of emea is over its budget: asked for at" in caplog.text
    assert "it may take 90 minutes and is dual_run still" in caplog.text
    assert rehearsed.one(TOLD) == 1


def test_a_run_that_has_ended_or_is_a_dry_run_is_not_told(rehearsed: Store, caplog: pytest.LogCaptureFixture) -> None:
    move = Move(rehearsed)
    move.cutovers.begin_release(move.id, reason="nobody answered")

    assert not run_over_budget("emea", move.now.run, 60)
    assert not run_over_budget("emea", "a dry run", 60)

    assert "over its budget" not in caplog.text
    assert rehearsed.one(TOLD) == 0


def test_a_step_that_takes_longer_than_nine_of_ten_did_is_told_while_the_region_is_frozen(
    rehearsed: Store, caplog: pytest.LogCaptureFixture
) -> None:
    move = Move(rehearsed).frozen()
    step = move.cutovers.begin_step(move.id, Step.DRAIN)
    assert not tell_late_step(move.now)

    rehearsed.sql("UPDATE cutover_step SET began_at = began_at - interval '30 seconds' WHERE step_id = %s", step)

    assert tell_late_step(move.now)

    assert "drain has taken 30 s, nine of ten took 1 s" in caplog.text


def test_a_switch_that_would_come_after_the_longest_freeze_is_told(rehearsed: Store, caplog: pytest.LogCaptureFixture) -> None:
    move = Move(rehearsed).frozen()
    move.cutovers.begin_step(move.id, Step.DRAIN)
    rehearsed.sql("UPDATE cutover SET frozen_at = frozen_at - interval '299 seconds' WHERE ended_at IS NULL")

    assert tell_late_step(move.now)

    assert "when the freeze ends by itself: turn back" in caplog.text


def test_people_who_take_their_time_over_an_approval_are_not_late(rehearsed: Store) -> None:
    move = Move(rehearsed)
    step = move.cutovers.begin_step(move.id, Step.APPROVAL)
    rehearsed.sql("UPDATE cutover_step SET began_at = began_at - interval '1 hour' WHERE step_id = %s", step)

    assert not tell_late_step(move.now)
