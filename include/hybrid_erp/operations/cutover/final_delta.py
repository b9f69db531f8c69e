"""The final delta (PROTOCOL F4): after the lock-out, whatever is in the old owner reaches the new one."""

from __future__ import annotations

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.move import Found, Move


def final_delta(move: Move) -> Found:
    """Look again for what was ever in doubt, capture what was posted natively up to the lock-out, and let every copy arrive.

    Raises:
        CutoverGivenUpError: The budget is used up; the message names what is not settled.
        ErpUnavailableError, WrongSystemError: An ERP does not answer.
    """
    if move.past(Phase.VERIFIED):
        return {"phase": "reached before"}
    now, copies = move.now, 0
    for _ in move.until_settled(move.plan.delta_seconds_max, "The final delta"):
        for legal_entity in now.legal_entities:
            for erp in (now.old_owner, now.new_owner):
                move.work.look_again(erp, legal_entity)
                move.work.capture(now, erp, legal_entity)
        lacking = move.store.unsettled(move.cutover_id)
        copies = max(copies, sum(each.postings for each in lacking))
        if not lacking:
            break
        for legal_entity in sorted({each.legal_entity for each in lacking}):
            move.work.deliver(now.new_owner, legal_entity, Role.CANDIDATE, seconds=move.plan.lease_seconds / 2)
        if not (left := move.store.unsettled(move.cutover_id)):
            break
        move.report(f"not settled: {'; '.join(map(str, left))}")
    return {"copies": copies}
