"""The release (PROTOCOL R): by the run's teardown, by a command, or by the watcher; idempotent, and only for the active cutover."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.phases import FREEZE_PHASES, OPEN_PHASES
from tests.protocol_model.runbook.state import Call, Model, Run, State, Taken, open_phase
from tests.protocol_model.runbook.tasks import send


def release(model: Model, state: State, number: int, run: Run) -> Taken:
    """Which row of the table applies is found anew at every step."""
    ended, who, actor = state.with_run(number, None), model.who(number), model.actor(number)
    if not model.mine(state, run) or state.phase in OPEN_PHASES:
        if run.step:
            yield actor, f"{who}: nothing left to release", ended
    elif run.step == 0:
        yield from _begin(model, state, number, run)
    elif state.phase not in ("releasing", "switched") and model.guards.releasing_before_undo:
        yield actor, f"{who}: release is overtaken", ended
    elif run.step <= model.bounds.companies:
        yield from _undo(model, state, number, run)
    elif _accepted(model, state):
        yield actor, f"{who}: reads back, OPENED", opened(ended)
    else:
        yield actor, f"{who}: not unlocked yet, it stays {state.phase}", ended


def _begin(model: Model, state: State, number: int, run: Run) -> Taken:
    who, actor, goes_on = model.who(number), model.actor(number), state.with_run(number, replace(run, step=1))
    by_itself = number == model.bounds.runs
    if state.phase in FREEZE_PHASES:
        if by_itself and not state.lapsed:
            return  # the freeze is in force: its run goes on
        if model.guards.releasing_before_undo:
            releasing = replace(goes_on, phase="releasing")
            yield (
                actor,
                f"{who}: RELEASING",
                replace(releasing, epoch=state.epoch + 1) if model.guards.lock_generation else releasing,
            )
        else:
            yield actor, f"{who}: release finds that nothing was switched", goes_on
    else:
        yield actor, f"{who}: goes on with the {'release' if state.phase == 'releasing' else 'opening'}", goes_on


def _undo(model: Model, state: State, number: int, run: Run) -> Taken:
    """Without a lock intent there is nothing to undo; after a switch only what the new owner does not accept."""
    actor, who, company = model.actor(number), model.who(number), run.step - 1
    lock, goes_on = state.locks[state.owner][company], state.with_run(number, replace(run, step=run.step + 1))
    if state.phase == "switched":
        skips = not lock.closed or not model.guards.new_owner_read_back
    else:
        skips = not state.intent or (not lock.closed and not model.guards.generation_recorded_by_every_unlock)
    if skips:
        yield actor, f"{who}: leaves company {company} as it is", goes_on
        return
    words, sent = send(model, state, number, Call(False, state.owner, company, state.epoch, number))
    yield actor, words, sent
    if not model.guards.unlock_read_back and company == model.bounds.companies - 1:
        yield actor, f"{who}: OPENED before the unlock is read back", opened(state.with_run(number, None))


def _accepted(model: Model, state: State) -> bool:
    """Each company is read back as unlocked, and as having obeyed this release's generation."""
    if state.phase == "switched" and not model.guards.new_owner_read_back:
        return True
    locks = state.locks[state.owner]
    read = locks if model.guards.every_company_read_back else locks[:1]
    recorded = state.phase == "releasing" and state.intent and model.guards.lock_generation
    recorded = recorded and model.guards.generation_recorded_by_every_unlock
    return all(not lock.closed and (lock.generation == state.epoch or not recorded) for lock in read)


def opened(state: State) -> State:
    """Claims are open at the owner; the cutover is closed."""
    return replace(state, phase=open_phase(state.owner), cutover=0, intent=0, lapsed=False)
