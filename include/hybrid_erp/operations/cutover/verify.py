"""Verify a region (PROTOCOL F5): a reconciliation that begins after the lock-out, with what must be zero at zero."""

from __future__ import annotations

from hybrid_erp.model.errors import CutoverGivenUpError, OwnershipConflictError
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.move import Found, Move


def verify(move: Move) -> Found:
    """Note the old owner's high-water mark, reconcile, and let the store decide whether that verifies the region.

    Raises:
        CutoverGivenUpError: It does not; the message says why.
        ErpUnavailableError, WrongSystemError: An ERP cannot be read.
    """
    if move.past(Phase.VERIFIED):
        return {"phase": "reached before"}
    now = move.now
    if now.phase is not Phase.LOCKED:
        raise CutoverGivenUpError(f"Region {now.region} is {now.phase}, not locked: there is nothing to verify yet.")
    assert now.generation is not None
    marks = {}
    for each in move.store.lock_outs(cutover_id=move.cutover_id, erp=now.old_owner):
        marks[each.legal_entity] = move.work.high_water(each.erp, each.legal_entity, from_period=now.from_period)
        read_back = each.read_back | {"high water": marks[each.legal_entity]}
        move.store.note_read_back(each.erp, each.legal_entity, now.generation, as_desired=True, quiet=False, read_back=read_back)
    reconciliation_id = move.work.reconcile(now)
    move.keep_frozen()
    try:
        move.store.verified(move.cutover_id, reconciliation_id)
    except OwnershipConflictError as error:
        raise CutoverGivenUpError(f"{error.message} Reconciliation {reconciliation_id}.") from error
    return {"phase": "verified", "reconciliation": str(reconciliation_id), "high water": marks}
