"""What the store says of how long the steps of a region's moves took."""

from __future__ import annotations

import pytest

from hybrid_erp.adapters.store.forecast import PostgresForecast
from hybrid_erp.model.cutover import Direction, Step
from tests.store.cutovers import Move, dual_run
from tests.stores import Store


@pytest.fixture
def region(store: Store) -> Store:
    dual_run(store)
    return store


def took(store: Store, move: Move, **seconds: float) -> None:
    """Steps of a run, each so long."""
    for step, each in seconds.items():
        store.sql(
            """INSERT INTO cutover_step (cutover_id, step, began_at, ended_at, outcome)
               VALUES (%s, %s, now(), now() + make_interval(secs => %s), 'done')""", move.id, step, each,
        )  # fmt: skip


def ended(store: Store, move: Move, outcome: str) -> None:
    store.sql("UPDATE cutover SET ended_at = clock_timestamp(), outcome = %s WHERE cutover_id = %s", outcome, move.id)


def test_history_is_of_the_runs_that_went_through_in_the_same_direction(region: Store) -> None:
    for outcome, seconds in (("rehearsed", 2.5), ("switched", 3), ("released", 600), ("refused", 700)):
        move = Move(region)
        took(region, move, freeze=seconds, drain=2 * seconds)
        ended(region, move, outcome)
    back = Move(region, direction=Direction.ROLLBACK)
    took(region, back, freeze=900)
    ended(region, back, "switched")

    history = PostgresForecast(region.connect("reader")).history("emea", Direction.CUTOVER)

    assert sorted(each[Step.FREEZE] for each in history) == [2.5, 3.0]
    assert sorted(each[Step.DRAIN] for each in history) == [5.0, 6.0]
    assert PostgresForecast(region.connect("reader")).history("apac", Direction.CUTOVER) == []


def test_tries_of_a_step_add_up_and_one_that_never_ended_counts_nothing(region: Store) -> None:
    move = Move(region)
    took(region, move, drain=2)
    took(region, move, drain=3)
    move.cutovers.begin_step(move.id, Step.DRAIN)
    ended(region, move, "rehearsed")

    reading = PostgresForecast(region.connect("reader"))

    assert reading.history("emea", Direction.CUTOVER) == [{Step.DRAIN: 5.0}]
    assert reading.history("emea", Direction.CUTOVER, but=move.id) == []
    assert [(run.step, run.ended_at is None) for run in reading.runs(move.id)] == [
        (Step.DRAIN, False),
        (Step.DRAIN, False),
        (Step.DRAIN, True),
    ]
