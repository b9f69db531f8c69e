"""Freeze a region (PROTOCOL F1): no new control is claimed; intake, what was begun, and copies go on."""

from __future__ import annotations

from typing import Any

from hybrid_erp.model.errors import CutoverGivenUpError
from hybrid_erp.model.lock_out import is_locked
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.catch_up import catch_up
from hybrid_erp.operations.cutover.lock_out import in_words, take_rights
from hybrid_erp.operations.cutover.move import Found, Move
from hybrid_erp.ports import LockOut


def freeze(move: Move) -> Found:
    """Freeze the region, and lock people out of the new owner until the release, so that nothing new arises there.

    Raises:
        OwnershipConflictError: The region is not in the phase, or lacks an approval; nothing was changed.
        CutoverGivenUpError: A reconciliation did not pass while people were asked; nothing was changed.
        ErpUnavailableError, WrongSystemError: The new owner's custodian does not answer; run again, or release.
    """
    if move.past(Phase.FROZEN) and move.past(Phase.DRAINED):  # frozen alone: perhaps not every company is locked out yet
        return {"phase": "reached before"}
    waiting = 0
    if not move.now.active:
        _require_equal_books(move)
        waiting = catch_up(move)
    move.store.freeze(move.cutover_id)
    now, locked = move.now, []
    move.report(f"{now.region} is frozen: {', '.join(now.kinds)} from {now.from_period} on")
    for legal_entity in now.legal_entities:
        with move.work.lock_out(now.new_owner, legal_entity) as lock_out:
            generation = take_rights(move, now.new_owner, legal_entity, lock_out)
            told = _read_back(move, legal_entity, lock_out, generation) if generation is not None else {}
        locked.append({"legal_entity": legal_entity, "generation": generation, **told})
    return {"phase": "frozen", "copies that waited": waiting, "locked out of the new owner": locked}


def _require_equal_books(move: Move) -> None:
    """People said yes to figures; what was found since counts more. The verification would stop the move too, with the region frozen."""
    if failed := move.store.failed_while_it_waited(move.cutover_id):
        told = "; ".join(f"{each.legal_entity}: {', '.join(each.reasons[:2])}" for each in failed)
        raise CutoverGivenUpError(
            f"Reconciliation {failed[0].reconciliation_id} of {move.now.region} did not pass while this waited. {told}. Nothing was frozen."
        )


def _read_back(move: Move, legal_entity: str, company: LockOut, generation: int) -> dict[str, Any]:
    """What the new owner itself says, written down. It need not be quiet: what still ends there is read again by the final delta."""
    erp, state = move.now.new_owner, company.state()
    locked = state.generation == generation and is_locked(state, move.now.kinds, move.closers(erp, legal_entity))
    told = in_words(state)
    move.store.note_read_back(erp, legal_entity, generation, as_desired=locked, quiet=False, read_back=told)
    return told
