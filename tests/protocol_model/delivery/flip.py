"""Verify, switch, open, release (PROTOCOL F5, W, R): each decides by the facts, in one transaction."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.cutover import in_force, is_of, nothing_under_way
from tests.protocol_model.delivery.model import Model, Taken, other
from tests.protocol_model.delivery.proofs import proofs_void
from tests.protocol_model.delivery.state import CLOUD, EARLIER, ERPS, Ownership, State, put
from tests.protocol_model.phases import FREEZE_PHASES, Phase


def verify(model: Model, state: State, kind: int) -> Taken:
    """F5: zero missing, extra, retrying, dead, in doubt."""
    ownership = state.ownership[kind]
    if ownership.phase != ("locked" if model.guards.lock_out_before_verify else "drained") or not in_force(model, ownership):
        return
    if all(_level(model, state, posting, ownership.owner) for posting in model.moving(state, kind)):
        yield "runner", f"VERIFIED: kind {kind}", state.with_ownership(kind, replace(ownership, phase="verified"))


def _level(model: Model, state: State, posting: int, old: int) -> bool:
    guards = model.guards
    there, here = state.books[posting][old], state.books[posting][other(old)]
    copy, control = state.deliveries[posting][other(old)], state.deliveries[posting][old]
    explained = copy.role == "candidate" and copy.state in ("open", "claimed", "in_doubt", "dead")
    if guards.balances_verified and there.posted != here.posted and not explained:
        return False
    if guards.copies_complete and not _complete(state, posting, old):
        return False
    settled = control.role == "candidate" or control.state in ("none", "posted")
    proven = control.state in ("open", "dead") and not control.marked
    return settled or proven or not guards.look_again


def _complete(state: State, posting: int, old: int) -> bool:
    copy = state.deliveries[posting][other(old)]
    if state.books[posting][old].posted != state.books[posting][other(old)].posted or state.postings[posting].state == "native":
        return False
    return copy.role != "candidate" or copy.state in ("none", "posted")


def switch(model: Model, state: State, kind: int) -> Taken:
    """W1: all facts in one transaction, then owner and phase."""
    ownership = state.ownership[kind]
    if ownership.phase == "verified":
        if not in_force(model, ownership) or (model.guards.lock_out and not ownership.locked[ownership.owner]):
            return
        if model.guards.switch_counts_again and not _counts_as_settled(model, state, kind):
            return
        if model.guards.old_owner_read_again and _has_moved(model, state, kind):
            return
        yield from _flipped(model, state, kind)
    elif not model.guards.switch_checks_facts and state.left.flip and ownership.phase not in ("switched", "releasing"):
        yield from _flipped(model, replace(state, left=state.spent("flip")), kind)


def _counts_as_settled(model: Model, state: State, kind: int) -> bool:
    """W1.4, by the store alone: F2's query for control, and every copy of what moves is posted at the new owner."""
    old = state.ownership[kind].owner
    copies = (state.deliveries[posting][other(old)] for posting in model.moving(state, kind))
    return all(each.role != "candidate" or each.state in ("none", "posted") for each in copies) and nothing_under_way(model, state, kind)


def _has_moved(model: Model, state: State, kind: int) -> bool:
    """ACCOUNTING D21: whether the old owner holds a document of what moves that came after the verification."""
    old = state.ownership[kind].owner
    return any(state.books[p][old].posted and state.deliveries[p][old].state != "posted" for p in model.moving(state, kind))


def _flipped(model: Model, state: State, kind: int) -> Taken:
    ownership = state.ownership[kind]
    new = other(ownership.owner)
    earlier = model.scenario.from_period == EARLIER or not model.guards.flip_moves_named_periods
    owners = (new if earlier else ownership.owners[EARLIER], new)
    after = state.with_ownership(kind, replace(ownership, owners=owners, phase="switched", lapsed=False, intent=False))
    yield "runner", f"SWITCH of kind {kind} to the {ERPS[new]} ERP", after


def open_after_switch(model: Model, state: State, kind: int) -> Taken:
    """R: the new owner is unlocked, if it was the old owner once; the old owner's lock-out stays."""
    ownership = state.ownership[kind]
    if ownership.phase == "switched":
        yield "watcher", f"OPENED: kind {kind} after the switch", _opened(model, state, kind, ownership)


def release(model: Model, state: State, kind: int) -> Taken:
    """R: a cutover is given up. Whoever comes next may do it, and must once a lapse has met a lock intent."""
    ownership = state.ownership[kind]
    if ownership.phase == "releasing":
        yield "watcher", f"RELEASED: kind {kind} is unlocked and open again", _opened(model, state, kind, ownership)
    elif ownership.phase in FREEZE_PHASES and (state.left.release or ownership.lapsed):
        left = state.left if ownership.lapsed else state.spent("release")
        after = state.with_ownership(kind, replace(ownership, phase="releasing"))
        yield "watcher", f"RELEASING: kind {kind}", replace(after, left=left)


def _opened(model: Model, state: State, kind: int, ownership: Ownership) -> State:
    phase: Phase = "hypercare" if ownership.owner == CLOUD else "dual_run"
    unlocked = put(ownership.locked, ownership.owner, False)
    assert len(unlocked) == 2
    state = state.with_ownership(kind, Ownership(ownership.owners, phase, locked=unlocked))
    for posting in range(len(state.postings)):
        if is_of(model, posting, kind):
            state = proofs_void(model, state, posting)
    return state
