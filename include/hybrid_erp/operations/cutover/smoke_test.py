"""The smoke test (ACCOUNTING D25): a balanced entry of the smallest amount is booked by the new owner, read back, and reversed."""

from __future__ import annotations

from hybrid_erp.model.cutover import Mode
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import SmokeTestFailedError
from hybrid_erp.model.lock_out import is_open
from hybrid_erp.model.ownership import Phase, PostingKind
from hybrid_erp.operations.cutover.move import LOOK_SECONDS, Found, Move


def smoke_test(move: Move) -> Found:
    """Open the new owner where an earlier move had locked it out, then send the entries and wait until it has booked them.

    Raises:
        SmokeTestFailedError: It did not book them as it should; the region stays closed until a person decides.
        ErpUnavailableError, WrongSystemError: It does not answer.
    """
    now = move.now
    if now.mode is Mode.REHEARSAL or now.ended_at is not None:
        return {"sent": 0}
    if now.phase is not Phase.SWITCHED or not now.active:
        raise SmokeTestFailedError(f"Region {now.region} is {now.phase}: there is no new owner to try.")
    opened = open_new_owner(move)
    if PostingKind.LEDGER not in now.kinds:
        return {"opened": opened, "sent": 0, "reason": "the ledger does not move, and nothing else can be tried without a fiscal document"}
    posting_ids = move.work.accept_canaries(now)
    move.store.send_canary(move.cutover_id, posting_ids)
    ends = move.clock() + move.plan.drain_seconds_max
    while not has_passed(move):
        for legal_entity in now.legal_entities:
            move.work.deliver(now.new_owner, legal_entity, Role.CONTROL, seconds=move.plan.lease_seconds / 2)
        canaries = move.work.canaries(now)
        refused = [canary.legal_entity for canary in canaries if "dead_lettered" in canary.states]
        if refused or (move.clock() > ends and not has_passed(move)):
            told = "; ".join(f"{canary.legal_entity}: {', '.join(canary.states)}" for canary in canaries if not canary.passed)
            raise SmokeTestFailedError(f"{now.new_owner} has not booked the smoke test's entries: {told}.")
        move.wait(LOOK_SECONDS)
    return {"opened": opened, "entries": entries(move)}


def has_passed(move: Move) -> bool:
    """Whether the new owner has booked every entry as it should; without a ledger that moves there is none."""
    now = move.now
    return PostingKind.LEDGER not in now.kinds or all(canary.passed for canary in move.work.canaries(now))


def entries(move: Move) -> dict[str, list[str | None]]:
    """The native ids of the entries at the new owner, by legal entity."""
    return {each.legal_entity: list(each.native_ids) for each in move.work.canaries(move.now)}


def open_new_owner(move: Move) -> list[str]:
    """Undo the lock-out that an earlier move made at the new owner, and read it back; the companies concerned."""
    now = move.now
    concerned = list(move.store.intend_opening(move.cutover_id))
    give_back_rights(move, erp=now.new_owner)
    return concerned


def give_back_rights(move: Move, *, erp: str | None = None) -> None:
    """Give the rights back wherever this cutover wants a company open, and read it back (PROTOCOL R)."""
    for each in move.store.lock_outs(cutover_id=move.cutover_id, erp=erp):
        if each.desired != "open" or each.confirmed:
            continue
        with move.work.lock_out(each.erp, each.legal_entity) as company:
            company.unlock(each.taken, generation=each.generation)
            state = company.state()
        opened = state.generation == each.generation and is_open(state, each.taken)
        told = {"generation": state.generation, "given back": len(each.taken & state.rights), "taken": len(each.taken)}
        move.store.note_read_back(each.erp, each.legal_entity, each.generation, as_desired=opened, quiet=False, read_back=told)
        move.report(f"{each.legal_entity} at {each.erp}: {told['given back']} of {told['taken']} rights given back")
