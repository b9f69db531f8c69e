"""Plan against actual in the note of a cutover's run, and the way to the board that has more."""

from __future__ import annotations

from datetime import UTC, datetime

from hybrid_erp.adapters.store.forecast import PostgresForecast
from hybrid_erp.model.cutover import Cutover
from hybrid_erp.operations.cutover.forecast import Forecast, forecast, plan_of, told
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.run_note import base_url, write_note


def expected_of(found: Cutover) -> Forecast:
    """What was planned, by earlier runs, what it has taken so far, and how it is expected to go on."""
    with store_connection("reader") as connection:
        store = PostgresForecast(connection)
        history, runs = store.history(found.region, found.direction, but=found.cutover_id), store.runs(found.cutover_id)
    return forecast(
        plan_of(history),
        runs,
        at=found.ended_at or datetime.now(UTC),
        frozen_at=found.frozen_at,
        freeze_seconds_max=found.limits.freeze_seconds_max,
    )


def note_plan_against_actual(found: Cutover, *, warning: str = "") -> None:
    """Write the plan against the actual into the run's note. Without a login for notes the board alone has it."""
    said = f"**{found.mode.value} {found.direction.value} of {found.region}: {found.outcome or found.phase}.**"
    board = f"[Board]({base_url()}/hybrid-erp/cutovers/{found.region})"
    alarm = f"**{warning}**\n\n" if warning else ""
    write_note(f"{found.direction.value}_{found.region}", found.run, f"{alarm}{said} {board}\n\n{told(found.region, expected_of(found))}")
