"""The tasks up to the switch. Anyone may start any of them at any time, again, or in another order; each decides by the facts.

A task that finds at its first step that it may not act changes nothing, and is not told.
"""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.phases import OPEN_PHASES
from tests.protocol_model.runbook.state import CLOUD, ERPS, LEGACY, Call, Model, Run, State, Taken


def freeze(model: Model, state: State, number: int, run: Run) -> Taken:
    """F1: no other cutover of the region, and an id that was never used. Idempotent for its own id."""
    ended, who = state.with_run(number, None), model.who(number)
    if state.phase in OPEN_PHASES and not state.cutover and state.last_cutover < run.cutover:
        frozen = replace(ended, phase="frozen", cutover=run.cutover, last_cutover=run.cutover, verified_for=0, lapsed=False)
        yield "runner", f"{who}: FREEZE for cutover {run.cutover}", _with_epoch(model, frozen)
    elif state.lapsed and model.mine(state, run) and not model.guards.lapsed_is_never_renewed:
        yield "runner", f"{who}: the lapsed lease is renewed", replace(ended, lapsed=False)


def _with_epoch(model: Model, state: State) -> State:
    return replace(state, epoch=state.epoch + 1) if model.guards.lock_generation else state


def drain(model: Model, state: State, number: int, run: Run) -> Taken:
    """F2; what it counts is the delivery model's matter."""
    ended, who = state.with_run(number, None), model.who(number)
    if model.mine(state, run) and state.phase == "frozen" and model.in_force(state):
        yield "runner", f"{who}: DRAINED", replace(ended, phase="drained")


def lock_out(model: Model, state: State, number: int, run: Run) -> Taken:
    """F3: intent, a call to each company, then read back."""
    ended, who = state.with_run(number, None), model.who(number)
    may = model.mine(state, run) and state.phase == "drained" and model.in_force(state)
    if run.step == 0:
        if may:
            written = state.with_run(number, replace(run, step=1, generation=state.epoch, erp=state.owner))
            yield "runner", f"{who}: LOCK INTENT", replace(written, intent=state.epoch)
    elif run.step <= model.bounds.companies:
        remembers = model.guards.generation_of_the_intent
        erp, generation = (run.erp, run.generation) if remembers else (state.owner, state.epoch)
        yield "runner", *send(model, state, number, Call(True, erp, run.step - 1, generation, number))
    elif may and _locked(model, state):
        yield "runner", f"{who}: reads back, LOCKED", replace(ended, phase="locked")
    else:
        yield "runner", f"{who}: the lock-out is not confirmed", ended


def send(model: Model, state: State, number: int, call: Call) -> tuple[str, State]:
    """A lock call leaves; the run waits for it."""
    words = f"{model.who(number)} sends {told(call)}"
    return words, replace(state, calls=tuple(sorted((*state.calls, call))))


def told(call: Call) -> str:
    """A lock call in words."""
    verb = "LOCK" if call.close else "UNLOCK"
    return f"{verb} of generation {call.generation} to company {call.company} of the {ERPS[call.erp]} ERP"


def _locked(model: Model, state: State) -> bool:
    """L4: each company is closed by this cutover's call."""
    locks = state.locks[state.owner]
    read = locks if model.guards.every_company_read_back else locks[:1]
    return all(lock.closed and (lock.generation == state.intent or not model.guards.lock_generation) for lock in read)


def verify(model: Model, state: State, number: int, run: Run) -> Taken:
    """F5; what it compares is the delivery model's matter."""
    ended, who = state.with_run(number, None), model.who(number)
    early = not model.guards.phase_chain and state.phase in (*OPEN_PHASES, "frozen", "drained")
    if model.mine(state, run) and (state.phase == "locked" or early) and model.in_force(state):
        verified = replace(ended, verified_position=state.position, verified_for=state.cutover)
        yield "runner", f"{who}: VERIFIED", replace(verified, phase="verified" if state.phase == "locked" else state.phase)


def switch(model: Model, state: State, number: int, run: Run) -> Taken:
    """W1: the lock is read back just before; everything else is asked in the transaction itself."""
    ended, who = state.with_run(number, None), model.who(number)
    if run.step == 0 and model.guards.lock_read_back_by_switch:
        seen = _locked(model, state)
        words = f"{who}: switch reads that the owner is {'locked out' if seen else 'not locked out'}"
        yield "runner", words, state.with_run(number, replace(run, step=1, seen=seen))
    elif _may_switch(model, state, run):
        new = CLOUD if state.owner == LEGACY else LEGACY
        flipped = replace(ended, owner=new, former=state.owner, phase="switched", intent=0, lapsed=False, approved=0)
        yield "runner", f"{who}: SWITCH", _with_epoch(model, flipped)
    elif run.step:
        yield "runner", f"{who}: switch refused", ended


def _may_switch(model: Model, state: State, run: Run) -> bool:
    guards = model.guards
    if not model.mine(state, run) or state.phase in ("switched", "releasing") or not model.in_force(state):
        return False
    if guards.phase_chain and state.phase != "verified":
        return False
    if guards.approval and not (state.approved == state.cutover or (state.approved and not guards.approval_names_the_cutover)):
        return False
    fresh = state.verified_position == state.position and state.verified_for == state.cutover and state.cutover > 0
    if guards.fresh_verification and not fresh:
        return False
    return run.seen or not guards.lock_read_back_by_switch
