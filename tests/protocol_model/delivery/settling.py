"""Settlements (PROTOCOL T): one transaction a posting, only for the worker whose token is on the claim."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.model import Model, Taken
from tests.protocol_model.delivery.state import ERPS, IDLE, NOBODY, Delivery, DeliveryState, State, Worker


def settle(model: Model, state: State, number: int) -> Taken:
    """What came of the claim is written down, or thrown away if the claim is another worker's by now."""
    worker = state.workers[number]
    if worker.step != "settling":
        return
    after = state.with_worker(number, IDLE)
    words = f"worker {number} settles posting {worker.posting} at the {ERPS[worker.erp]} ERP: {worker.outcome.replace('_', ' ')}"
    mine = state.deliveries[worker.posting][worker.erp].holder == number
    if mine or not model.guards.claim_token:
        yield "worker", words, _written(model, after, worker)
    else:
        yield "worker", f"{words}, thrown away: the claim is another worker's", after


def _written(model: Model, state: State, worker: Worker) -> State:
    posting, erp = worker.posting, worker.erp
    delivery = replace(state.deliveries[posting][erp], holder=NOBODY, leased=False)
    match worker.outcome:
        case "posted":
            if worker.look_up_only:
                return state.with_delivery(posting, erp, replace(delivery, state="posted", role="candidate"))
            return model.posted(state, posting, erp, worker.role)
        case "rejected" | "conflict" | "refused_for_prerequisite":
            clean = worker.outcome != "conflict" and not worker.marked_before
            return _dead(state, worker, replace(delivery, marked=delivery.marked and not clean))
        case "locked_out":
            delivery = replace(delivery, marked=worker.marked_before)
            if not model.guards.own_refusal_is_retry:
                return _dead(state, worker, delivery, "dead_by_our_lock_out")
            return state.with_delivery(posting, erp, replace(delivery, state="open"))
        case "draft_gone":
            return state.with_delivery(posting, erp, replace(delivery, state="open", draft=0))
        case _:
            return state.with_delivery(posting, erp, replace(delivery, state="in_doubt"))


def _dead(state: State, worker: Worker, delivery: Delivery, how: DeliveryState = "dead") -> State:
    """A dead letter; it keeps its mark unless nothing can have arrived (T4, T5). A copy's changes nothing for the control (D1)."""
    state = state.with_delivery(worker.posting, worker.erp, replace(delivery, state=how))
    if worker.role == "candidate":
        return state
    return state.with_posting(worker.posting, replace(state.postings[worker.posting], state="dead"))
