"""What must hold in every state and on every step, and that everything can come to an end."""

from __future__ import annotations

from collections.abc import Callable

from tests.protocol_model.delivery.model import Model
from tests.protocol_model.delivery.state import ERPS, LATER, State
from tests.protocol_model.explore import EVERYBODY, Invariant, Progress
from tests.protocol_model.phases import OPEN_PHASES

Question = Callable[[Model, State, State], bool]


def nothing_twice(model: Model, before: State, after: State) -> bool:
    """At most one posted document per posting and ERP, and at most one in the books of record."""
    if before.books is after.books and before.ownership is after.ownership:
        return True
    for posting, books in enumerate(after.books):
        if books[0].posted > 1 or books[1].posted > 1:
            return False
        if books[0].posted and books[1].posted and model.pinned(after, posting) is None:
            owners = model.ownership(after, posting).owners
            if owners[books[0].period] == 0 and owners[books[1].period] == 1:
                return False
    return True


def only_the_owner_takes_effect(model: Model, before: State, after: State) -> bool:
    """What is booked as control is booked in the ERP that owns its period at that moment; people's documents too."""
    for posting, erp in _newly_booked(before, after):
        book, pin = after.books[posting][erp], model.pinned(after, posting)
        owner = model.ownership(after, posting).owners[book.period] if pin is None else pin
        if book.role != "candidate" and owner != erp:
            return False
    return True


def in_order(model: Model, before: State, after: State) -> bool:
    """No document of a lane is booked in an ERP after a later one; what people post stands outside."""
    documents = model.scenario.documents
    for posting, erp in _newly_booked(before, after):
        for later, lane in enumerate(model.earlier_in_lane):
            if posting in lane and after.books[later][erp].posted and not documents[later].native and not documents[posting].native:
                return False
    return True


def nothing_missing_at_the_new_owner(model: Model, before: State, after: State) -> bool:
    """When ownership of a posting moves, both ERPs hold it or neither does."""
    if before.ownership is after.ownership and before.pins is after.pins:
        return True
    for posting, books in enumerate(after.books):
        if model.destination(before, posting) != model.destination(after, posting) and books[0].posted != books[1].posted:
            return False
    return True


def no_dead_letter_by_our_own_lock_out(model: Model, before: State, after: State) -> bool:
    """What our own lock-out refuses is no dead letter."""
    if before.deliveries is after.deliveries:
        return True
    return not any(each.state == "dead_by_our_lock_out" for pair in after.deliveries for each in pair)


def no_refusal_for_want_of_a_prerequisite(model: Model, before: State, after: State) -> bool:
    """No control is refused only because what it depends on is not there yet."""
    return not any(each.outcome == "refused_for_prerequisite" and each.role != "candidate" for each in after.workers)


def claims_never_open_on_a_locked_out_owner(model: Model, before: State, after: State) -> bool:
    """While new controls may be claimed, the owner accepts our control credential."""
    if before.ownership is after.ownership:
        return True
    return not any(model.claims_open(each) and each.locked[each.owner] for each in after.ownership)


def nothing_lost(model: Model, before: State, after: State) -> bool:
    """Once nothing is under way, the store and each ERP tell the same of every posting."""
    if not _quiet(after):
        return True
    for posting, facts in zip(after.books, zip(after.deliveries, after.postings, strict=True), strict=True):
        deliveries, accepted = facts
        for book, delivery in zip(posting, deliveries, strict=True):
            if delivery.state == "posted" and (not book.posted or book.version != accepted.version):
                return False
            unmarked = delivery.state in ("none", "dead", "open") and not delivery.marked and not delivery.proven_absent
            if book.posted and unmarked and accepted.state != "native":
                return False
    return True


def _newly_booked(before: State, after: State) -> list[tuple[int, int]]:
    if before.books is after.books:
        return []
    return [
        (posting, erp)
        for posting, (was, now) in enumerate(zip(before.books, after.books, strict=True))
        for erp in range(len(ERPS))
        if now[erp].posted > was[erp].posted
    ]


def _quiet(state: State) -> bool:
    if state.requests or any(each.step != "idle" for each in state.workers):
        return False
    return all(each.phase in OPEN_PHASES for each in state.ownership)


QUESTIONS: tuple[Question, ...] = (
    nothing_twice,
    only_the_owner_takes_effect,
    in_order,
    nothing_missing_at_the_new_owner,
    no_dead_letter_by_our_own_lock_out,
    no_refusal_for_want_of_a_prerequisite,
    claims_never_open_on_a_locked_out_owner,
    nothing_lost,
)


def in_words(question: Question) -> str:
    """An invariant's name, as a reader says it."""
    return question.__name__.replace("_", " ")


def invariants(model: Model) -> dict[str, Invariant[State]]:
    """Every invariant, asked of this model."""

    def asked(question: Question) -> Invariant[State]:
        return lambda before, after: question(model, before, after)

    return {in_words(each): asked(each) for each in QUESTIONS}


def settled(model: Model, state: State) -> bool:
    """Nothing is under way, and every posting is posted in both ERPs or waits for a person."""
    if not _quiet(state):
        return False
    for posting, deliveries in zip(state.postings, state.deliveries, strict=True):
        if posting.state in ("open", "native"):
            return False
        if posting.state == "posted" and any(each.state not in ("posted", "dead") for each in deliveries):
            return False
    return True


def progress(model: Model) -> dict[str, Progress[State]]:
    """There is always a way on; a freeze needs nobody for it, the close of earlier periods no phase."""
    found: dict[str, Progress[State]] = {"everything can come to an end": Progress(lambda state: settled(model, state), EVERYBODY)}
    if model.scenario.faults.lapse >= model.scenario.faults.flip + model.scenario.faults.renewal:
        found["a freeze ends by itself"] = Progress(
            lambda state: any(model.claims_open(each) for each in state.ownership) or _beyond_a_freeze(state),
            frozenset({"time"}),
            lambda state: all(each.phase in ("frozen", "drained") and not each.intent for each in state.ownership),
        )
        found["a freeze can always be ended, whatever became of its run"] = Progress(
            lambda state: any(model.claims_open(each) for each in state.ownership), frozenset({"time", "watcher", "erp"})
        )
    if any(each.period != LATER for each in model.scenario.documents):
        found["the close of earlier periods goes on in every phase"] = Progress(
            lambda state: not _waits_for_the_close(model, state), frozenset({"worker", "erp", "time", "person"})
        )
    return found


def _beyond_a_freeze(state: State) -> bool:
    return any(each.phase not in ("frozen", "drained") or each.intent for each in state.ownership)


def _waits_for_the_close(model: Model, state: State) -> bool:
    def of_the_close(posting: int) -> bool:
        bound = state.postings[posting].period
        return bound is not None and bound < model.scenario.from_period

    waiting = [p for p, each in enumerate(state.postings) if each.state == "open" and of_the_close(p)]
    return any(all(of_the_close(q) for q in model.earlier_in_lane[p]) for p in waiting)
