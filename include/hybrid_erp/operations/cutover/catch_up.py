"""Before the freeze: let the copies arrive that wait for the new owner, so that the region is not frozen while they do."""

from __future__ import annotations

from typing import Final

from hybrid_erp.model.delivery import Role
from hybrid_erp.operations.cutover.move import LOOK_SECONDS, Move

#: For each company in its turn: one with steady traffic is never done, and would keep the others waiting.
TURN_SECONDS: Final = 5.0


def catch_up(move: Move) -> int:
    """Deliver until few enough copies wait, or the time for it is over; how many wait then. The final delta brings over the rest.

    Raises:
        ErpUnavailableError, WrongSystemError: The new owner does not answer; nothing is frozen.
    """
    now, ends = move.now, move.clock() + move.plan.catch_up_seconds_max
    while True:
        waiting = [each for each in move.store.unsettled(move.cutover_id) if each.role == Role.CANDIDATE and each.erp == now.new_owner]
        copies = sum(each.postings for each in waiting)
        if copies <= move.plan.copies_at_freeze_max or move.clock() >= ends:
            return copies
        move.report(f"{copies} copies wait for {now.new_owner}; the freeze begins when {move.plan.copies_at_freeze_max} or fewer do")
        for legal_entity in sorted({each.legal_entity for each in waiting}):
            move.work.deliver(now.new_owner, legal_entity, Role.CANDIDATE, seconds=min(TURN_SECONDS, max(1.0, ends - move.clock())))
        move.wait(LOOK_SECONDS)
