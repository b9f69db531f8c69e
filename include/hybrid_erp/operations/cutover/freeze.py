"""Freeze a region (PROTOCOL F1): no new control is claimed; intake, what was begun, and copies go on."""

from __future__ import annotations

from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.lock_out import take_rights
from hybrid_erp.operations.cutover.move import Found, Move


def freeze(move: Move) -> Found:
    """Freeze the region, and lock people out of the new owner until the release, so that nothing new arises there.

    Raises:
        OwnershipConflictError: The region is not in the phase, or lacks an approval; nothing was changed.
        ErpUnavailableError, WrongSystemError: The new owner's custodian does not answer; run again, or release.
    """
    if move.past(Phase.FROZEN) and move.past(Phase.DRAINED):  # frozen alone: perhaps not every company is locked out yet
        return {"phase": "reached before"}
    move.store.freeze(move.cutover_id)
    now, locked = move.now, []
    move.report(f"{now.region} is frozen: {', '.join(now.kinds)} from {now.from_period} on")
    for legal_entity in now.legal_entities:
        with move.work.lock_out(now.new_owner, legal_entity) as lock_out:
            generation = take_rights(move, now.new_owner, legal_entity, lock_out)
        locked.append({"legal_entity": legal_entity, "generation": generation})
    return {"phase": "frozen", "locked out of the new owner": locked}
