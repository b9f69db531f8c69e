"""Claims (PROTOCOL C): who may send what to which ERP, read and written in one transaction."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.model import Model, Taken, other
from tests.protocol_model.delivery.state import ERPS, Delivery, Role, State, Worker
from tests.protocol_model.phases import OPEN_PHASES

UNSETTLED = frozenset({"open", "claimed", "in_doubt"})
OWED = frozenset({"open", "claimed", "in_doubt", "dead"})


def claim(model: Model, state: State) -> Taken:
    """An idle worker claims what is due; idle workers are alike, so only the first is looked at."""
    number = next((number for number, worker in enumerate(state.workers) if worker.step == "idle"), None)
    if number is None:
        return
    for posting in range(len(state.postings)):
        yield from _claim_control(model, state, number, posting)
        for erp in (0, 1):
            if _copy_is_due(model, state, posting, erp):
                words = f"worker {number} claims posting {posting} for the {ERPS[erp]} ERP as candidate"
                yield "worker", words, claimed(model, state, number, posting, erp, "candidate")


def _claim_control(model: Model, state: State, number: int, posting: int) -> Taken:
    if not _may_be_claimed(model, state, posting):
        return
    erp, look_up_only = _destination(model, state, posting)
    if not look_up_only and not _its_turn_there(model, state, posting, erp):
        return
    role = _credential(model, state, posting)
    if model.guards.advisory_lock:
        words = f"worker {number} claims posting {posting} for the {ERPS[erp]} ERP as {role}" + (" to look only" if look_up_only else "")
        yield "worker", words, claimed(model, _dated(model, state, posting), number, posting, erp, role, look_up_only=look_up_only)
    else:
        words = f"worker {number} reads that posting {posting} goes to the {ERPS[erp]} ERP, without a lock"
        yield "worker", words, state.with_worker(number, Worker("routed", posting, erp, role))


def write_claim(model: Model, state: State, number: int) -> Taken:
    """Without the lock a claim is written after its destination was read."""
    worker = state.workers[number]
    if worker.step != "routed":
        return
    if state.postings[worker.posting].state != "open" or _held(state, worker.posting):
        yield "worker", f"worker {number} finds posting {worker.posting} taken", state.with_worker(number, Worker())
        return
    words = f"worker {number} writes its claim of posting {worker.posting} for the {ERPS[worker.erp]} ERP"
    yield "worker", words, claimed(model, _dated(model, state, worker.posting), number, worker.posting, worker.erp, worker.role)


def _may_be_claimed(model: Model, state: State, posting: int) -> bool:
    """C2 and C7."""
    if state.postings[posting].state != "open" or _held(state, posting) or not _phase_allows(model, state, posting):
        return False
    lane = model.earlier_in_lane[posting]
    return not model.guards.head_of_lane or all(state.postings[q].state == "posted" for q in lane)


def _held(state: State, posting: int) -> bool:
    return any(each.state == "claimed" and each.leased and each.role != "candidate" for each in state.deliveries[posting])


def _phase_allows(model: Model, state: State, posting: int) -> bool:
    ownership = model.ownership(state, posting)
    if model.claims_open(ownership) or model.pinned(state, posting) is not None:
        return True
    if model.stays(state, posting):
        return model.guards.earlier_periods_go_on
    begun = state.deliveries[posting][model.destination(state, posting)]
    return ownership.phase == "frozen" and model.guards.begun_is_finished and begun.marked and begun.state in UNSETTLED


def _destination(model: Model, state: State, posting: int) -> tuple[int, bool]:
    """C3 and C4: where it goes, and whether only to look there."""
    erp = model.destination(state, posting)
    elsewhere = state.deliveries[posting][other(erp)]
    bound = elsewhere.marked and elsewhere.role != "candidate" and elsewhere.state in UNSETTLED
    return (other(erp), True) if bound and model.guards.begun_is_bound else (erp, False)


def _its_turn_there(model: Model, state: State, posting: int, erp: int) -> bool:
    """C5."""
    before = (state.deliveries[q][erp].state for q in model.earlier_in_lane[posting])
    if model.guards.copies_in_front and any(each not in ("none", "posted") for each in before):
        return False
    return _prerequisite_is_there(model, state, posting, erp)


def _prerequisite_is_there(model: Model, state: State, posting: int, erp: int) -> bool:
    needed = model.scenario.documents[posting].depends_on
    return needed is None or not model.guards.prerequisites_at_the_same_erp or state.deliveries[needed][erp].state == "posted"


def _credential(model: Model, state: State, posting: int) -> Role:
    """L2: what stays where it is uses the run-off credential, which a lock-out leaves alone."""
    stays = model.guards.earlier_periods_run_off and model.stays(state, posting)
    return "run_off" if stays or model.pinned(state, posting) is not None else "control"


def _dated(model: Model, state: State, posting: int) -> State:
    """The first claim settles the period of a posting that bears no date."""
    facts = state.postings[posting]
    if facts.period is not None or not model.guards.period_bound_when_begun:
        return state
    return state.with_posting(posting, replace(facts, period=state.today))


def _copy_is_due(model: Model, state: State, posting: int, erp: int) -> bool:
    """D1: a copy in the order in which the control settled, while the phase allows."""
    delivery, guards = state.deliveries[posting][erp], model.guards
    if delivery.role != "candidate" or not (
        delivery.state in ("open", "in_doubt") or (delivery.state == "claimed" and not delivery.leased)
    ):
        return False
    phase = model.ownership(state, posting).phase
    until_locked = guards.copies_go_on and phase in ("frozen", "drained", "locked")
    if not (phase in OPEN_PHASES or until_locked or model.stays(state, posting) or model.claims_open(model.ownership(state, posting))):
        return False
    ahead = [state.deliveries[q][erp].state for q in model.earlier_in_lane[posting]]
    passed = ("none", "posted") if guards.copies_in_settle_order else ("posted",)
    if guards.copies_in_order and any(each not in passed for each in ahead):
        return False
    return _prerequisite_is_there(model, state, posting, erp)


def claimed(model: Model, state: State, number: int, posting: int, erp: int, role: Role, *, look_up_only: bool = False) -> State:
    """C6: token, lease and mark are written before anything is sent."""
    before = state.deliveries[posting][erp]
    marked = before.marked or before.proven_absent
    delivery = Delivery("claimed", role, number, leased=True, marked=True, draft=before.draft)
    looks = look_up_only or (marked and model.guards.look_first)
    worker = Worker("looking" if looks else "checking", posting, erp, role, marked_before=marked, look_up_only=look_up_only)
    return state.with_delivery(posting, erp, delivery).with_worker(number, worker)


def lease_ends(model: Model, state: State) -> Taken:
    """C8: by the database's clock. A worker between its check and its answer can only be late if it is paused."""
    for posting, pair in enumerate(state.deliveries):
        for erp, delivery in enumerate(pair):
            if not (delivery.state == "claimed" and delivery.leased):
                continue
            worker = state.workers[delivery.holder]
            late = worker.step in ("sending", "waiting") and (worker.posting, worker.erp) == (posting, erp)
            if late and not state.left.pause:
                continue
            after = state.with_delivery(posting, erp, replace(delivery, leased=False))
            words = f"the lease of posting {posting} at the {ERPS[erp]} ERP ends"
            if late:
                yield "time", f"{words} while worker {delivery.holder} is paused", replace(after, left=state.spent("pause"))
            else:
                yield "time", words, after
