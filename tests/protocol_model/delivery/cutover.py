"""The steps of a cutover up to the lock-out (PROTOCOL F). Each looks only at the facts: anyone may run it at any time, and again."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.model import Model, Taken
from tests.protocol_model.delivery.state import ERPS, LATER, Ownership, State, put
from tests.protocol_model.phases import FREEZE_PHASES, OPEN_PHASES


def freeze(model: Model, state: State, kind: int) -> Taken:
    """F1: with a lease that ends by itself."""
    ownership = state.ownership[kind]
    if ownership.phase in OPEN_PHASES and state.left.flip:
        after = state.with_ownership(kind, replace(ownership, phase="frozen"))
        yield "runner", f"FREEZE of kind {kind}, owned by the {ERPS[ownership.owner]} ERP", replace(after, left=state.spent("flip"))


def lapse(model: Model, state: State, kind: int) -> Taken:
    """`frozen_until` passes. Nobody writes anything."""
    ownership = state.ownership[kind]
    if ownership.phase in FREEZE_PHASES and not ownership.lapsed and state.left.lapse:
        after = state.with_ownership(kind, replace(ownership, lapsed=True))
        yield "time", f"the lease of the freeze of kind {kind} passes", replace(after, left=state.spent("lapse"))


def renew_a_lapsed_lease(model: Model, state: State, kind: int) -> Taken:
    """What must never be: a renewal, a second freeze or a clock that goes back makes a lapsed lease valid."""
    ownership = state.ownership[kind]
    if ownership.lapsed and not model.guards.lapsed_is_never_renewed and state.left.renewal:
        after = state.with_ownership(kind, replace(ownership, lapsed=False))
        yield "time", f"the lapsed lease of kind {kind} is renewed", replace(after, left=state.spent("renewal"))


def in_force(model: Model, ownership: Ownership) -> bool:
    """Whether the freeze still holds."""
    return not ownership.lapsed or not model.guards.steps_demand_the_lease


def drain(model: Model, state: State, kind: int) -> Taken:
    """F2: counted in the transaction that writes `drained`."""
    ownership = state.ownership[kind]
    if ownership.phase == "frozen" and in_force(model, ownership) and nothing_under_way(model, state, kind):
        yield "runner", f"DRAINED: kind {kind}", state.with_ownership(kind, replace(ownership, phase="drained"))


def nothing_under_way(model: Model, state: State, kind: int) -> bool:
    """F2's query: nothing claimed, in doubt, or open or dead with a mark, at the old owner."""
    guards, owner = model.guards, state.ownership[kind].owner
    for posting in model.moving(state, kind):
        delivery = state.deliveries[posting][owner]
        if delivery.role == "candidate":
            continue
        if delivery.state == "claimed" and (guards.drain_waits_for_claims or (guards.doubt_blocks_the_drain and not delivery.leased)):
            return False
        if guards.doubt_blocks_the_drain and delivery.state == "in_doubt":
            return False
        begun = guards.begun_is_finished and guards.drain_waits_for_claims and guards.doubt_blocks_the_drain
        if begun and delivery.state in ("open", "dead") and delivery.marked:
            return False
    return True


def lock_out(model: Model, state: State, kind: int) -> Taken:
    """F3: intent, lock, quiet, read back."""
    ownership = state.ownership[kind]
    if not model.guards.lock_out or not in_force(model, ownership):
        return
    if ownership.phase != ("drained" if model.guards.lock_out_before_verify else "verified"):
        return
    old = ownership.owner
    if not ownership.intent:
        yield "runner", f"LOCK INTENT for kind {kind}", state.with_ownership(kind, replace(ownership, intent=True))
    elif not ownership.locked[old]:
        locked = put(ownership.locked, old, True)
        assert len(locked) == 2
        yield "erp", f"the {ERPS[old]} ERP is locked", state.with_ownership(kind, replace(ownership, locked=locked))


def confirm_locked(model: Model, state: State, kind: int) -> Taken:
    """L3, L4."""
    ownership = state.ownership[kind]
    if ownership.phase != "drained" or not model.guards.lock_out_before_verify or not in_force(model, ownership):
        return
    if model.guards.lock_out and not ownership.locked[ownership.owner]:
        return
    old = ownership.owner
    begun = any(each.started and each.erp == old and is_of(model, each.posting, kind) for each in state.requests)
    if not (begun and model.guards.quiet):
        yield "runner", f"LOCKED: kind {kind}", state.with_ownership(kind, replace(ownership, phase="locked"))


def is_of(model: Model, posting: int, kind: int) -> bool:
    """Whether a posting is of a kind."""
    return model.scenario.documents[posting].kind == kind


def new_period(model: Model, state: State) -> Taken:
    """The current period changes."""
    if state.left.tick:
        yield "time", "a new accounting period begins", replace(state, today=LATER, left=state.spent("tick"))
