"""Switch a region to its new owner (PROTOCOL W): the lock-out read back once more, then one transaction that asks for every fact itself."""

from __future__ import annotations

from hybrid_erp.model.cutover import Mode
from hybrid_erp.model.errors import CutoverGivenUpError
from hybrid_erp.model.lock_out import is_locked
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.lock_out import in_words
from hybrid_erp.operations.cutover.move import Found, Move


def switch(move: Move) -> Found:
    """Make the new owner own. A rehearsal stops here.

    Raises:
        CutoverGivenUpError: The old owner is not locked out any more, or something was posted there since the verification.
        OwnershipConflictError: One of the facts is not there; the message names it. Nothing has moved.
    """
    if move.past(Phase.SWITCHED):
        return {"phase": "reached before"}
    now = move.now
    if now.mode is Mode.REHEARSAL:
        return {"phase": now.phase.value, "rehearsal": "everything up to the switch went well"}
    for each in move.store.lock_outs(cutover_id=move.cutover_id, erp=now.old_owner):
        with move.work.lock_out(each.erp, each.legal_entity) as company:
            state = company.state()
        locked = state.generation == each.generation and is_locked(state, now.kinds, move.closers(each.erp, each.legal_entity))
        mark = move.work.high_water(each.erp, each.legal_entity, from_period=now.from_period)
        was = each.read_back.get("high water")
        unmoved = mark == was
        # The verification's own mark stays: run again, the step must not compare with what it has found itself.
        read_back = {**in_words(state), "high water": was, "high water at the switch": mark}
        move.store.note_read_back(
            each.erp, each.legal_entity, each.generation, as_desired=locked and unmoved, quiet=False, read_back=read_back
        )
        if not locked:
            raise CutoverGivenUpError(f"{each.legal_entity} at {each.erp} is not locked out any more: {read_back['may post']} may post.")
        if not unmoved:
            raise CutoverGivenUpError(f"{each.legal_entity} at {each.erp} has moved since the verification: {was}, now {mark}.")
    return {"phase": move.store.switch(move.cutover_id, configuration=now.configuration, mappings=now.mappings)}
