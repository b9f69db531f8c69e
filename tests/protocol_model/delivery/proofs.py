"""Looking again for what ever had a mark (PROTOCOL F4), and proofs of absence, which end with the lock-out (S7c)."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.model import Model, Taken
from tests.protocol_model.delivery.sending import may_still_arrive
from tests.protocol_model.delivery.state import ERPS, NOBODY, Delivery, State


def proofs_void(model: Model, state: State, posting: int) -> State:
    """S7c holds only while the lock-out stands: the marks come back."""
    for erp, delivery in enumerate(state.deliveries[posting]):
        if not delivery.proven_absent or model.ownership(state, posting).locked[erp]:
            continue
        owes = delivery.state == "none" and model.destination(state, posting) == erp and state.postings[posting].state == "open"
        back = replace(delivery, proven_absent=False, marked=True, state="open" if owes else delivery.state)
        state = state.with_delivery(posting, erp, back)
    return state


def look_again(model: Model, state: State, kind: int) -> Taken:
    """F4: after the lock-out, everything that ever had a mark. Before it only where F2 is not kept."""
    ownership = state.ownership[kind]
    locked = ownership.phase == "locked"
    if not locked and (ownership.phase != "frozen" or model.guards.begun_is_finished):
        return
    for posting in model.moving(state, kind):
        delivery = state.deliveries[posting][ownership.owner]
        unresolved = delivery.state == "in_doubt" or (delivery.state == "claimed" and not delivery.leased)
        again = locked and model.guards.look_again and delivery.state in ("open", "dead") and delivery.marked
        if delivery.role != "candidate" and (unresolved or again):
            yield from _looked_up(model, state, posting, ownership.owner, locked=locked)


def _looked_up(model: Model, state: State, posting: int, erp: int, *, locked: bool) -> Taken:
    if may_still_arrive(model, state, posting, erp):
        return
    delivery, book = replace(state.deliveries[posting][erp], holder=NOBODY, leased=False), state.books[posting][erp]
    refused = delivery.role == "control" or not model.guards.proof_is_of_the_credential
    asks = f"the runbook asks the {ERPS[erp]} ERP for posting {posting}:"
    if book.posted and model.guards.content_compared and book.version != state.postings[posting].version:
        if delivery.state != "dead":
            after = state.with_posting(posting, replace(state.postings[posting], state="dead"))
            yield "runner", f"{asks} other content", after.with_delivery(posting, erp, replace(delivery, state="dead"))
    elif book.posted:
        yield "runner", f"{asks} found", model.posted(state, posting, erp, delivery.role)
    elif refused or not locked:
        words = f"{asks} not found, " + ("proven absent" if locked else "open again")
        yield "runner", words, _absent(model, state, posting, erp, delivery, locked=locked)


def _absent(model: Model, state: State, posting: int, erp: int, delivery: Delivery, *, locked: bool) -> State:
    book = state.books[posting][erp]
    deleted = tuple("deleted" if each == "draft" else each for each in book.drafts)
    state = state.with_book(posting, erp, replace(book, drafts=deleted))
    dead = delivery.state == "dead"
    if not locked:
        return state.with_delivery(posting, erp, replace(delivery, state="dead" if dead else "open", draft=0))
    proven = model.guards.proofs_end_with_the_lock_out
    return state.with_delivery(posting, erp, Delivery("dead" if dead else "none", delivery.role, proven_absent=proven))
