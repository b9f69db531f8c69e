"""All that may happen next in the runbook model, and what must hold."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.explore import Exploration, Invariant, Progress, explore
from tests.protocol_model.guards import ALL, Guards
from tests.protocol_model.phases import FREEZE_PHASES
from tests.protocol_model.runbook import tasks
from tests.protocol_model.runbook.release import release
from tests.protocol_model.runbook.state import NOBODY, TASKS, Act, Bounds, Call, Lock, Model, Run, State, Taken, Task

ACTS: dict[Task, Act] = {
    "freeze": tasks.freeze,
    "drain": tasks.drain,
    "lock_out": tasks.lock_out,
    "verify": tasks.verify,
    "switch": tasks.switch,
    "release": release,
}


def steps(model: Model, state: State) -> Taken:
    """Every step that some actor may take now."""
    yield from _surroundings(model, state)
    for call in dict.fromkeys(state.calls):
        yield from _erp_gets(model, state, call)
    for number, run in enumerate(state.runs):
        if run is None:
            yield from _start(model, state, number)
        elif any(call.sender == number for call in state.calls):
            yield from _stops_waiting(model, state, number, run)
        else:
            yield from _signed(state, run, ACTS[run.task](model, state, number, run))
            if run.step and number < model.bounds.runs:
                yield "runner", f"{model.who(number)} dies in {run.task}", state.with_run(number, None)


def _signed(before: State, run: Run, taken: Taken) -> Taken:
    """A change of phase says for which cutover it was made."""
    for actor, words, after in taken:
        yield actor, words, replace(after, changed_for=run.cutover) if after.phase != before.phase else after


def _surroundings(model: Model, state: State) -> Taken:
    if model.claims_open(state) and state.left.traffic:
        left = replace(state.left, traffic=state.left.traffic - 1)
        yield "worker", "a posting is delivered", replace(state, position=state.position + 1, left=left)
    if state.cutover and state.approved != state.cutover and state.phase in FREEZE_PHASES:
        yield "person", f"another person approves cutover {state.cutover}", replace(state, approved=state.cutover)
    if state.phase in FREEZE_PHASES and not state.lapsed:
        yield "time", "the lease of the freeze passes", replace(state, lapsed=True)


def _start(model: Model, state: State, number: int) -> Taken:
    """A task is started and takes its first step; one that finds nothing to do, or is refused, changes nothing."""
    if number == model.bounds.runs:
        if model.bounds.watcher and state.cutover:
            watch = Run("release", state.cutover)
            yield from _signed(state, watch, release(model, state, number, watch))
    elif state.left.starts:
        left = replace(state, left=replace(state.left, starts=state.left.starts - 1))
        for task in TASKS:
            run = Run(task, model.bounds.ids[number])
            yield from _signed(state, run, ACTS[task](model, left, number, run))


def _erp_gets(model: Model, state: State, call: Call) -> Taken:
    """R1: a company obeys a lock call unless it has obeyed one of a higher generation."""
    rest = list(state.calls)
    rest.remove(call)
    after = replace(state, calls=tuple(rest))
    if call.sender != NOBODY and (run := state.runs[call.sender]) is not None:
        after = after.with_run(call.sender, replace(run, step=run.step + 1))
    late = " late" if call.sender == NOBODY else ""
    companies = state.locks[call.erp]
    if model.guards.lock_generation and call.generation < companies[call.company].generation:
        yield "erp", f"{tasks.told(call)} arrives{late} and is ignored", after
        return
    lock = Lock(call.close, call.generation)
    changed = (*companies[: call.company], lock, *companies[call.company + 1 :])
    locks = (changed, state.locks[1]) if call.erp == 0 else (state.locks[0], changed)
    yield "erp", f"{tasks.told(call)} is obeyed{late}", replace(after, locks=locks)


def _stops_waiting(model: Model, state: State, number: int, run: Run) -> Taken:
    """The run dies, or hears nothing and goes on; its call travels on."""
    if state.left.late:
        calls = tuple(sorted(replace(each, sender=NOBODY) if each.sender == number else each for each in state.calls))
        after = replace(state, calls=calls, left=replace(state.left, late=state.left.late - 1))
        yield model.actor(number), f"{model.who(number)} dies; its call travels on", after.with_run(number, None)
        goes_on = after.with_run(number, replace(run, step=run.step + 1))
        yield model.actor(number), f"{model.who(number)} hears nothing; its call travels on", goes_on


def invariants(model: Model) -> dict[str, Invariant[State]]:
    """What must hold in every state and on every step."""

    def claims_never_open_on_a_locked_out_owner(before: State, after: State) -> bool:
        return not model.claims_open(after) or after.all_locks(after.owner, closed=False)

    def the_old_erp_is_never_opened_after_the_flip(before: State, after: State) -> bool:
        return after.former is None or before.owner != after.owner or after.all_locks(after.former, closed=True)

    def no_flip_before_every_company_is_locked_out(before: State, after: State) -> bool:
        return before.owner == after.owner or before.all_locks(before.owner, closed=True)

    def no_flip_without_an_approval_of_this_cutover(before: State, after: State) -> bool:
        return before.owner == after.owner or (before.approved == before.cutover and before.cutover > 0)

    def no_flip_without_a_verification_of_this_cutover(before: State, after: State) -> bool:
        verified = (before.verified_for, before.verified_position) == (before.cutover, before.position)
        return before.owner == after.owner or (verified and before.cutover > 0)

    def no_task_touches_another_cutover(before: State, after: State) -> bool:
        return before.phase == after.phase or not before.cutover or after.changed_for == before.cutover

    named = (
        no_task_touches_another_cutover,
        claims_never_open_on_a_locked_out_owner,
        the_old_erp_is_never_opened_after_the_flip,
        no_flip_before_every_company_is_locked_out,
        no_flip_without_an_approval_of_this_cutover,
        no_flip_without_a_verification_of_this_cutover,
    )
    return {each.__name__.replace("_", " "): each for each in named}


def progress(model: Model) -> dict[str, Progress[State]]:
    """Whatever became of its run, a freeze ends: by itself, or by the watcher once a lock intent is written."""
    by_itself: Progress[State] = Progress(
        model.claims_open,
        frozenset({"time"}),
        lambda state: state.phase in ("frozen", "drained") and not state.intent,
    )
    ended: Progress[State] = Progress(model.claims_open, frozenset({"time", "watcher", "erp"}))
    return {"a freeze ends by itself": by_itself, "a freeze can always be ended, whatever became of its run": ended}


def search(bounds: Bounds, guards: Guards = ALL, *, limit: int = 2_000_000, stop_at_first: bool = False) -> Exploration:
    """Explore the runbook."""
    model = Model(bounds, guards)
    return explore(
        model.start(),
        lambda state: steps(model, state),
        invariants(model),
        progress(model) if bounds.watcher else {},
        limit=limit,
        stop_at_first=stop_at_first,
    )
