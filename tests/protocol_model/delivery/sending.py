"""A worker's way with one claim (PROTOCOL S): look, check the lease, send, store the draft's id. It may die at every step."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.model import Model, Taken
from tests.protocol_model.delivery.state import ERPS, IDLE, NOBODY, Book, Delivery, Request, State, Worker


def look(model: Model, state: State, number: int) -> Taken:
    """S2: ask the ERP for the key before anything is sent."""
    worker = state.workers[number]
    posting, erp = worker.posting, worker.erp
    if worker.step != "looking" or may_still_arrive(model, state, posting, erp):
        return
    delivery, book = state.deliveries[posting][erp], state.books[posting][erp]
    asks = f"worker {number} asks the {ERPS[erp]} ERP for posting {posting}:"
    if book.posted:
        same = not model.guards.content_compared or book.version == state.postings[posting].version
        found = replace(worker, step="settling", outcome="posted" if same else "conflict")
        yield "worker", f"{asks} found" + ("" if same else " with other content"), state.with_worker(number, found)
    elif worker.look_up_only:
        yield "worker", f"{asks} not found", _looked_only(model, state, number)
    elif delivery.draft and book.drafts[delivery.draft - 1] == "draft":
        words = f"{asks} its stored draft {delivery.draft} is there"
        yield "worker", words, state.with_worker(number, replace(worker, step="checking", draft=delivery.draft))
    elif not delivery.draft and "draft" in book.drafts:
        draft = book.drafts.index("draft") + 1
        yield "worker", f"{asks} draft {draft} is there", state.with_worker(number, replace(worker, step="storing", draft=draft))
    else:
        yield "worker", f"{asks} not found", state.with_worker(number, replace(worker, step="checking", draft=0))


def may_still_arrive(model: Model, state: State, posting: int, erp: int) -> bool:
    """S8: before the horizon has passed, "not found" says nothing at an ERP that can only be looked up."""
    if not model.guards.horizon or model.scenario.erps[erp] != "look_up_only":
        return False
    return any((each.posting, each.erp, each.sender) == (posting, erp, NOBODY) for each in state.requests)


def _looked_only(model: Model, state: State, number: int) -> State:
    """C4, S7c: absent for good only under a standing lock-out of the credential, once quiet; else it stays in doubt there."""
    worker = state.workers[number]
    posting, erp = worker.posting, worker.erp
    delivery = state.deliveries[posting][erp]
    state = state.with_worker(number, IDLE)
    if delivery.holder != number:
        return state
    started = any((each.posting, each.erp) == (posting, erp) and each.started for each in state.requests)
    refused = model.ownership(state, posting).locked[erp] and delivery.role == "control"
    if refused and not started:
        return state.with_delivery(posting, erp, Delivery())
    return state.with_delivery(posting, erp, replace(delivery, state="in_doubt", holder=NOBODY, leased=False))


def check(model: Model, state: State, number: int) -> Taken:
    """S1, S3: with too little lease, or without it, the claim is given back."""
    worker = state.workers[number]
    if worker.step != "checking":
        return
    posting, erp = worker.posting, worker.erp
    delivery = state.deliveries[posting][erp]
    mine = delivery.holder == number and delivery.state == "claimed"
    if model.guards.lease_before_send and not (mine and delivery.leased):
        after = state.with_worker(number, IDLE)
        if mine:
            keeps = worker.marked_before or (delivery.draft > 0 and model.guards.mark_outlives_give_back)
            back = replace(delivery, state="in_doubt" if keeps else "open", holder=NOBODY, leased=False, marked=keeps)
            after = after.with_delivery(posting, erp, back)
        yield "worker", f"worker {number} gives posting {posting} back: its lease is over", after
    else:
        words = f"worker {number} finds enough lease left for posting {posting}"
        yield "worker", words, state.with_worker(number, replace(worker, step="sending"))


def send(model: Model, state: State, number: int) -> Taken:
    """The request leaves; nothing on the worker's side can call it back."""
    worker = state.workers[number]
    if worker.step != "sending":
        return
    posting, erp = worker.posting, worker.erp
    draft = worker.draft if model.scenario.erps[erp] == "draft" else 0
    request = Request(posting, erp, draft, worker.role, state.postings[posting].version, model.period(state, posting), number)
    what = f"posting {posting}" if not draft else f"draft {draft} of posting {posting} for posting"
    after = state.with_worker(number, replace(worker, step="waiting"))
    yield (
        "worker",
        f"worker {number} sends {what} to the {ERPS[erp]} ERP",
        replace(after, requests=tuple(sorted((*state.requests, request)))),
    )


def time_out(model: Model, state: State, number: int) -> Taken:
    """The answer does not come; the request may still travel."""
    worker = state.workers[number]
    if worker.step != "waiting" or not state.left.timeout:
        return
    after = state.with_worker(number, replace(worker, step="settling", outcome="in_doubt"))
    words = f"worker {number} hears nothing of posting {worker.posting} any more; the request travels on"
    yield "worker", words, replace(after, requests=_abandoned(state, number), left=state.spent("timeout"))


def store_draft(model: Model, state: State, number: int) -> Taken:
    """S5: only the claim's holder stores an id, and only the first."""
    worker = state.workers[number]
    if worker.step != "storing":
        return
    posting, erp = worker.posting, worker.erp
    delivery = state.deliveries[posting][erp]
    if delivery.holder != number and model.guards.draft_stored_by_holder:
        yield "worker", f"worker {number} has lost the claim and leaves draft {worker.draft} alone", state.with_worker(number, IDLE)
        return
    kept = delivery.draft if delivery.draft and model.guards.first_draft_kept else worker.draft
    after = state.with_delivery(posting, erp, replace(delivery, draft=kept))
    words = f"worker {number} stores draft {kept} of posting {posting}"
    yield "worker", words, after.with_worker(number, replace(worker, step="checking", draft=kept))


def crash(model: Model, state: State, number: int) -> Taken:
    """The worker dies; what it sent travels on, what it claimed waits for the end of its lease."""
    worker = state.workers[number]
    if worker.step == "idle" or not state.left.crash:
        return
    after = replace(state.with_worker(number, IDLE), requests=_abandoned(state, number), left=state.spent("crash"))
    yield "worker", f"worker {number} dies with posting {worker.posting}", after


def _abandoned(state: State, number: int) -> tuple[Request, ...]:
    return tuple(sorted(replace(each, sender=NOBODY) if each.sender == number else each for each in state.requests))


def answered(state: State, request: Request, worker_gets: Worker | None) -> State:
    """The request has ended; who waits for it gets the answer."""
    rest = list(state.requests)
    rest.remove(request)
    state = replace(state, requests=tuple(rest))
    return state if request.sender == NOBODY or worker_gets is None else state.with_worker(request.sender, worker_gets)


def empty(book: Book) -> bool:
    """Whether an ERP holds nothing, not even a draft."""
    return not book.posted and "draft" not in book.drafts
