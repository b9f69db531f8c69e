"""What people do to postings: pins, replays, and what they decide about a conflict."""

from __future__ import annotations

from dataclasses import replace

from tests.protocol_model.delivery.model import Model, Taken, other
from tests.protocol_model.delivery.state import CLOUD, ERPS, LEGACY, State, put
from tests.protocol_model.phases import OPEN_PHASES


def set_pin(model: Model, state: State) -> Taken:
    """P: a pin is an ownership move of one entity."""
    if not state.left.pin:
        return
    for entity in model.scenario.pinnable:
        of_it = [p for p, each in enumerate(model.scenario.documents) if each.entity == entity]
        if model.guards.pins_in_open_phases and any(model.ownership(state, p).phase not in OPEN_PHASES for p in of_it):
            continue
        for erp in (LEGACY, CLOUD) if state.pins[entity] is None else (None,):
            after = replace(state, pins=put(state.pins, entity, erp), left=state.spent("pin"))
            moved = [p for p in of_it if model.destination(state, p) != model.destination(after, p)]
            asked = of_it if model.guards.pins_level_without_a_move else moved
            if not model.guards.pins_level or all(_level(model, state, p) for p in asked):
                where = "its region" if erp is None else f"the {ERPS[erp]} ERP"
                yield "person", f"PIN of entity {entity}: to {where}", after


def _level(model: Model, state: State, posting: int) -> bool:
    """P2: nothing under way, no mark but on what is posted, and both ERPs hold the same."""
    leaves = model.destination(state, posting)
    here, there = state.deliveries[posting][leaves], state.deliveries[posting][other(leaves)]
    if here.state in ("claimed", "in_doubt") or (here.state != "posted" and here.marked) or there.state not in ("none", "posted"):
        return False
    return state.books[posting][leaves].posted == state.books[posting][other(leaves)].posted


def replay(model: Model, state: State) -> Taken:
    """Y1: a dead letter is opened again, perhaps with a corrected payload; a dead copy stays a copy."""
    if not state.left.replay:
        return
    left = state.spent("replay")
    for number, posting in enumerate(state.postings):
        if posting.state == "dead":
            opened = replace(_reopened(state, number), left=left)
            yield "person", f"a person replays posting {number}", opened
            if model.scenario.corrected:
                corrected = replace(opened.postings[number], version=posting.version + 1)
                yield "person", f"a person corrects and replays posting {number}", opened.with_posting(number, corrected)
        for erp, delivery in enumerate(state.deliveries[number]):
            if delivery.state == "dead" and delivery.role == "candidate":
                again = state.with_delivery(number, erp, replace(delivery, state="open"))
                yield "person", f"a person replays the copy of posting {number} for the {ERPS[erp]} ERP", replace(again, left=left)


def _reopened(state: State, number: int) -> State:
    state = state.with_posting(number, replace(state.postings[number], state="open"))
    for erp, delivery in enumerate(state.deliveries[number]):
        if delivery.state == "dead":
            state = state.with_delivery(number, erp, replace(delivery, state="open" if delivery.marked else "none"))
    return state


def accept_what_the_erp_holds(model: Model, state: State) -> Taken:
    """Y2: of a conflict, the canonical document is set to what the ERP holds."""
    for number, posting in enumerate(state.postings):
        erp = model.destination(state, number)
        delivery, book = state.deliveries[number][erp], state.books[number][erp]
        if posting.state == "dead" and delivery.state == "dead" and book.posted and book.version != posting.version:
            after = state.with_posting(number, replace(posting, state="open", version=book.version))
            after = after.with_delivery(number, erp, replace(delivery, state="open", marked=True))
            yield "person", f"a person accepts what the {ERPS[erp]} ERP holds of posting {number}", after
