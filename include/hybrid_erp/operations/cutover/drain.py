"""Drain a region (PROTOCOL F2): what was begun at the old owner is finished; what people booked at the new one is brought over."""

from __future__ import annotations

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.move import Found, Move


def drain(move: Move) -> Found:
    """Finish what was begun; the store counts and decides.

    Raises:
        CutoverGivenUpError: The budget is used up; the message names what is not settled.
        ErpUnavailableError, WrongSystemError: An ERP does not answer.
    """
    if move.past(Phase.DRAINED):
        return {"phase": "reached before"}
    now, finished = move.now, 0
    for _ in move.until_settled(move.plan.drain_seconds_max, "Draining"):
        for legal_entity in now.legal_entities:
            move.work.capture(now, now.new_owner, legal_entity)
        begun = [each for each in move.store.unsettled(move.cutover_id) if each.role == Role.CONTROL]
        for legal_entity in sorted({each.legal_entity for each in begun}):
            move.work.look_again(now.old_owner, legal_entity)
            move.work.deliver(now.old_owner, legal_entity, Role.CONTROL, seconds=move.plan.lease_seconds / 2)
        finished = max(finished, sum(each.postings for each in begun))
        if not (left := move.store.drained(move.cutover_id)):
            break
        move.report(f"{left} postings that were begun at {now.old_owner} are not settled")
    return {"phase": "drained", "begun": finished}
