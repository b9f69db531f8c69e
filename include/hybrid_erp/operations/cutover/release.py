"""Release a region (PROTOCOL R), whatever happened before: what it does depends on the phase that it finds."""

from __future__ import annotations

from hybrid_erp.model.errors import SmokeTestFailedError
from hybrid_erp.operations.cutover.lock_out import require_locked_out
from hybrid_erp.operations.cutover.move import Found, Move
from hybrid_erp.operations.cutover.smoke_test import entries, give_back_rights, has_passed, open_new_owner


def release(move: Move, *, reason: str, anyway: bool = False) -> Found:
    """Before the switch: undo lock-out and freeze, in the order that is safe. After it: open the new owner, if its smoke test has passed.

    `anyway`: a person opens the new owner although it has not, or although somebody may post in the old one: then `watch_moves` holds it.

    Raises:
        SmokeTestFailedError: It has not: the region stays closed.
        LockOutUndoneError: Somebody may post in the old owner again: the region stays closed.
        OwnershipConflictError: A company is not known to be open again; the region stays closed, and the release is run again.
        ErpUnavailableError, WrongSystemError: An ERP does not answer.
    """
    found = move.store.begin_release(move.cutover_id, reason=reason)
    if found == "nothing":
        return {"outcome": move.now.outcome}
    now = move.now
    if found == "releasing":
        give_back_rights(move)
        outcome = move.store.finish_release(move.cutover_id)
        move.work.wake((now.old_owner, now.new_owner))
        return {"outcome": outcome, "owner": now.old_owner}
    passed = has_passed(move)
    if not passed and not anyway:
        raise SmokeTestFailedError(f"Region {now.region} belongs to {now.new_owner} now, but its smoke test has not passed.")
    open_new_owner(move)
    if not anyway:
        require_locked_out(move)
    smoke = {"passed": passed, "reason": reason, "entries": entries(move)}
    outcome = move.store.open_after_switch(move.cutover_id, smoke_test=smoke)
    move.work.wake((now.old_owner, now.new_owner))
    return {"outcome": outcome, "owner": now.new_owner}
