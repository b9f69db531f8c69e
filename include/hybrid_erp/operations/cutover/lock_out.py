"""Lock people, foreign interfaces and our control credential out of the old owner (PROTOCOL F3: L1 to L4), company by company."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, Final

from hybrid_erp.model.cutover import DesiredLockOut
from hybrid_erp.model.errors import CutoverGivenUpError, LockOutUndoneError, OvertakenError
from hybrid_erp.model.lock_out import LockOutState, PostingRight, is_locked, rights_to_take
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.move import Found, Move
from hybrid_erp.ports import LockOut

#: Somebody may be given a right while it is taken from the others; more often is no accident.
TRIES: Final = 3


def lock_out(move: Move) -> Found:
    """Take the rights, wait until what had begun has ended, and read back; the region is locked by the ERP's own word alone.

    Raises:
        CutoverGivenUpError: A company cannot be locked out, or another lock-out has overtaken this one.
        NotQuietError: Something that began before the lock-out is open still.
        ErpUnavailableError, WrongSystemError: The custodian does not answer.
    """
    if move.past(Phase.LOCKED):
        return {"phase": "reached before"}
    now = move.now
    ends = move.clock() + move.plan.lock_out_seconds_max
    with ExitStack() as stack:
        opened = {entity: stack.enter_context(move.work.lock_out(now.old_owner, entity)) for entity in now.legal_entities}
        # All of them first: each has to be waited for from then on.
        taken = {entity: take_rights(move, now.old_owner, entity, company) for entity, company in opened.items()}
        told = []
        for legal_entity, company in opened.items():
            move.keep_frozen()
            told.append(_confirmed(move, legal_entity, company, taken[legal_entity], ends))
    move.store.confirm_lock_out(move.cutover_id)
    return {"phase": "locked", "companies": told}


def take_rights(move: Move, erp: str, legal_entity: str, company: LockOut) -> int | None:
    """Write down whose rights are taken, then take them; the generation. None: locked out since an earlier move."""
    state = company.state()
    rights = rights_to_take(state, move.now.kinds, move.closers(erp, legal_entity))
    generation = move.store.intend_lock_out(move.cutover_id, erp, legal_entity, rights)
    if generation is None:
        return None
    try:
        company.lock(rights, generation=generation)
    except OvertakenError as error:
        told = f"{legal_entity} at {erp} has seen lock-out {state.generation}, above {generation}: was the store restored? {error.message}"
        raise CutoverGivenUpError(told) from error
    move.report(f"{legal_entity} at {erp}: {len(rights)} rights to post taken (lock-out {generation})")
    return generation


def _confirmed(move: Move, legal_entity: str, company: LockOut, generation: int | None, ends: float) -> dict[str, Any]:
    """By the generation that this run has taken: the region's present one may be another's."""
    erp, told = move.now.old_owner, dict[str, Any]()
    for _ in range(TRIES):
        assert generation is not None, "only the new owner may be locked out since an earlier move"
        company.wait_until_quiet(seconds=max(1.0, ends - move.clock()))
        state = company.state()
        locked = state.generation == generation and is_locked(state, move.now.kinds, move.closers(erp, legal_entity))
        told = in_words(state)
        move.store.note_read_back(erp, legal_entity, generation, as_desired=locked, quiet=True, read_back=told)
        if locked:
            return {"legal_entity": legal_entity, "generation": generation, **told}
        generation = take_rights(move, erp, legal_entity, company)
    raise CutoverGivenUpError(f"{legal_entity} at {erp} still lets somebody post after {TRIES} tries: {told['may post']}.")


def in_words(state: LockOutState) -> dict[str, Any]:
    """What an ERP says of who may post, for the evidence."""
    return {
        "generation": state.generation,
        "may post": sorted({f"{right.login} ({right.kind})" for right in state.rights}),
        "not stopped by any lock-out": sorted(state.unstoppable),
    }


def require_locked_out(move: Move) -> None:
    """Read the old owner's lock-out back before claims open at the new one (PROTOCOL R2).

    Raises:
        LockOutUndoneError: Somebody may post there.
    """
    now = move.now
    for each in move.store.lock_outs(cutover_id=move.cutover_id, erp=now.old_owner):
        with move.work.lock_out(each.erp, each.legal_entity) as company:
            left = rights_to_take(company.state(), now.kinds, move.closers(each.erp, each.legal_entity))
        if left:
            raise LockOutUndoneError(f"{undone_in_words(each, left)}.")


def undone_in_words(desired: DesiredLockOut, left: Iterable[PostingRight]) -> str:
    """Where somebody may post who should not, and who."""
    who = ", ".join(sorted({right.login for right in left}))
    return f"{desired.legal_entity} at {desired.erp} should be locked out, and lets {who} post"
