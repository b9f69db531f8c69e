"""The guards of the protocol, each of which can be taken away to see what it is for."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, fields, replace
from functools import cache


@dataclass(frozen=True, slots=True)
class Guards:
    """The rules that are kept; all of them, unless a search takes one away. The sentence below each names its rule of the protocol."""

    # Claims, sending, settling.
    advisory_lock: bool = True
    """C1: a claim reads the owner and is written under one lock, which every change of ownership excludes."""
    head_of_lane: bool = True
    """C2: a posting waits until every earlier one of its lane is posted."""
    freeze: bool = True
    """C7: a freeze stops new control claims."""
    begun_is_bound: bool = True
    """C4: a posting with a mark at another ERP is looked up there, and goes nowhere else before."""
    copies_in_front: bool = True
    """C5, first half: earlier postings of the lane that have a delivery at the destination are posted there first."""
    prerequisites_at_the_same_erp: bool = True
    """C5, second half: what a posting depends on is posted at that same ERP."""
    claim_token: bool = True
    """T1: only the worker whose token is on the claim settles it."""
    lease_before_send: bool = True
    """S1, S3: nothing is sent under a lease that has ended or a claim that is another's."""
    look_first: bool = True
    """S2: with a mark or a draft from before, the ERP is asked before anything is sent."""
    horizon: bool = True
    """S8: at a `look_up_only` ERP "not found" counts only after the longest time that a request may travel."""
    draft_stored_by_holder: bool = True
    """S5: only the claim's holder stores a draft id; another worker stops and touches nothing."""
    first_draft_kept: bool = True
    """S5: a draft id is never stored over another; only the stored draft is ever posted."""
    mark_outlives_give_back: bool = True
    """S3: giving a claim back takes no mark away once a draft is stored."""
    content_compared: bool = True
    """T2: what is found under the key is compared; other content is a conflict, never posted."""
    own_refusal_is_retry: bool = True
    """T4: what our own lock-out refuses is tried again, never a dead letter."""
    copies_in_order: bool = True
    """D1: the candidate gets the copies of a lane one after the other."""
    copies_in_settle_order: bool = True
    """D1: that order is the control's order of settling, not of intake."""
    copies_go_on: bool = True
    """C7, D1: copies are claimed until the region is locked."""

    # Freeze, drain, lock-out, verify, switch.
    drain_waits_for_claims: bool = True
    """F2: drained means that nothing is claimed at the old owner."""
    doubt_blocks_the_drain: bool = True
    """F2: drained means that nothing is in doubt at the old owner."""
    begun_is_finished: bool = True
    """F2: what was begun at the old owner is finished there: a posting with a mark is not drained."""
    lock_out: bool = True
    """F3: the old owner itself refuses people and our control credential before ownership moves."""
    lock_out_before_verify: bool = True
    """F3: the lock-out comes before the final delta and the verification."""
    lock_out_by_credential: bool = True
    """L2: the lock-out lets candidate copies pass."""
    run_off_passes: bool = True
    """L2: the lock-out lets the run-off credential pass: pinned entities, and periods that stay."""
    quiet: bool = True
    """L3: the lock-out counts once every ERP transaction that had passed its check has ended."""
    look_again: bool = True
    """F4: after the lock-out everything that ever had a mark is looked up again."""
    proofs_end_with_the_lock_out: bool = True
    """S7, R: "proven absent" is void when the lock-out is undone."""
    proof_is_of_the_credential: bool = True
    """S7c: "not found" under a lock-out proves something only of the credential that is locked out."""
    copies_complete: bool = True
    """F5, W1.4: every document of the old owner is at the new owner, and no copy waits."""
    balances_verified: bool = True
    """F5: both ERPs are compared, within tolerances; a copy under way explains a difference."""
    switch_checks_facts: bool = True
    """W1: the switch asks for phase and facts itself, whatever the runbook thinks."""
    switch_counts_again: bool = True
    """W1.4: the switch counts unsettled deliveries again, in its own transaction."""

    old_owner_read_again: bool = True
    """ACCOUNTING D21: what moves has not changed at the old owner since the verification."""

    # Accounting periods.
    flip_moves_named_periods: bool = True
    """A2: a flip moves `from_period` and what follows; earlier periods keep their owner."""
    earlier_periods_go_on: bool = True
    """C7, A2: postings of periods that stay are claimed in every phase."""
    earlier_periods_run_off: bool = True
    """L2: postings of periods that stay are sent with the run-off credential."""
    earlier_periods_are_copied: bool = True
    """A2, A5: what is posted into a period that stays is copied to the other ERP as ever, whatever its credential."""
    counts_are_of_what_moves: bool = True
    """F2, F5, W1.4: drain, verification and switch count what moves; the close of earlier periods holds up no flip."""
    people_of_the_close_keep_to_it: bool = True
    """L2, A2: those who may still post at the old owner may post into the periods that stay, and into no other."""
    period_bound_when_begun: bool = True
    """A2, A3: a posting's period is settled by its first claim; no clock and no close moves what has a mark."""

    # The freeze is a lease.
    freeze_is_a_lease: bool = True
    """When `frozen_until` has passed without a lock intent, claims go on with the old owner, and no writer is needed."""
    steps_demand_the_lease: bool = True
    """Drained, lock intent, locked, verified and switch demand under the exclusive lock that the lease has not lapsed."""
    lapsed_is_never_renewed: bool = True
    """A lapsed lease is never valid again: not by a renewal, not by freezing again, not by a clock that goes back."""
    lapse_opens_no_lock_out: bool = True
    """With a lock intent written a lapse opens nothing; the release does, after the ERP was unlocked and read back."""

    # Pins.
    pins_level: bool = True
    """P2: a pin moves only what is settled and level in both ERPs."""
    pins_level_without_a_move: bool = True
    """P2: so it is also where the pin does not change the posting's ERP: the credential changes."""
    pins_in_open_phases: bool = True
    """P1: a pin moves only in an open phase, never during a cutover."""

    # The runbook.
    tasks_act_for_their_cutover: bool = True
    """F1, R: a task acts only for the active cutover, under its own id."""
    approval: bool = True
    """W1.3: the switch demands an approval."""
    approval_names_the_cutover: bool = True
    """W1.3: the approval is for this cutover."""
    phase_chain: bool = True
    """W1.2: the switch demands the phase `verified`, and each phase the one before."""
    fresh_verification: bool = True
    """W1.5: the verification is of this cutover and covers the last posting."""
    lock_read_back_by_switch: bool = True
    """W1.6: the lock-out is read back just before the switch."""
    every_company_read_back: bool = True
    """L4: the lock of each company is read back, not of one for all."""
    lock_generation: bool = True
    """R1: lock calls carry the generation; an ERP ignores a lower one. The epoch rises on freeze, release and switch."""
    generation_of_the_intent: bool = True
    """R1: a lock call carries the generation and the ERP of the intent that its run wrote, never what the store says when it is sent."""
    generation_recorded_by_every_unlock: bool = True
    """R1: an unlock goes out and is recorded even where the ERP looks unlocked: it is what makes an older lock call void."""
    releasing_before_undo: bool = True
    """R: the phase `releasing` is committed before the lock-out is undone."""
    unlock_read_back: bool = True
    """R: claims open only after the ERP was read back as unlocked; of every company."""
    new_owner_read_back: bool = True
    """R, B1: after the switch claims open only once the new owner accepts our control credential."""


ALL = Guards()


def without(*names: str) -> Guards:
    """Every guard but these."""
    return replace(ALL, **dict.fromkeys(names, False))


@cache
def meanings() -> dict[str, str]:
    """Each guard with the sentence below it."""
    body = ast.parse(inspect.getsource(Guards)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field_, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field_, ast.AnnAssign) and isinstance(field_.target, ast.Name):
            assert isinstance(text, ast.Expr), field_.target.id
            assert isinstance(text.value, ast.Constant), field_.target.id
            found[field_.target.id] = str(text.value.value)
    assert list(found) == [each.name for each in fields(Guards)]
    return found
