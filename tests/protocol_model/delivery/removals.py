"""What each guard of claims, delivery, periods, lease and pins is for."""

from __future__ import annotations

from typing import Final

from tests.protocol_model.delivery.model import Document, Scenario
from tests.protocol_model.delivery.scenarios import IN_A_LANE, LOOK_UP_ONLY, NO_DATE, ONE, TWO_KINDS
from tests.protocol_model.delivery.state import EARLIER, Faults
from tests.protocol_model.removals import REDUNDANT, Removal, removal

TWICE: Final = "nothing twice"
WRONG_ERP: Final = "only the owner takes effect"
ORDER: Final = "in order"
MISSING: Final = "nothing missing at the new owner"
LOST: Final = "nothing lost"
OPEN_WHILE_LOCKED: Final = "claims never open on a locked out owner"
STUCK: Final = "everything can come to an end"
CLOSE_STANDS_STILL: Final = "the close of earlier periods goes on in every phase"
FREEZE_STAYS: Final = "a freeze ends by itself"

NATIVE: Final = (Document(native=True),)
ONE_SERIES_TWO_PROJECTS: Final = (Document(entity=0), Document(entity=1))
OF_THE_CLOSE: Final = (Document(period=EARLIER),)
DRAFT_AT_THE_OLD_OWNER: Final = ("draft", "unique")


def _alone(documents: tuple[Document, ...] = ONE, **faults: int) -> Scenario:
    """One worker."""
    return Scenario(documents, Faults(**faults), workers=1)


ONE_FLIP: Final = _alone(flip=1)
LATE: Final = _alone(flip=1, timeout=1)
LATE_OR_RELEASED: Final = _alone(flip=1, timeout=1, release=1)
THERE_AND_BACK: Final = _alone(flip=2, timeout=1, crash=1, release=1)
TWO_PHASE: Final = Scenario(ONE, Faults(flip=1, timeout=1, release=1), workers=1, two_phase=True)
TWO_PHASE_LAPSED: Final = Scenario(ONE, Faults(flip=1, timeout=1, lapse=2, renewal=1, release=1), workers=1, two_phase=True)
DRAFTS: Final = Scenario(ONE, Faults(timeout=1, pause=1), DRAFT_AT_THE_OLD_OWNER)
NATIVE_RELEASED: Final = _alone((Document(), Document(native=True)), flip=1, release=1)
PINNED: Final = Scenario(ONE, Faults(flip=1, pin=2, timeout=1), workers=1, pinnable=(0,))

OF_CLAIMS: Final = (
    removal("advisory_lock", Scenario(ONE, Faults(pin=1), workers=1, pinnable=(0,)), WRONG_ERP, 6),
    removal("advisory_lock lock_out", Scenario(ONE, Faults(flip=1)), WRONG_ERP, 10),
    removal("head_of_lane", Scenario(IN_A_LANE, Faults()), ORDER, 8),
    removal("freeze", Scenario(ONE, Faults(flip=1, timeout=1)), OPEN_WHILE_LOCKED, 4),
    removal("begun_is_bound", THERE_AND_BACK, REDUNDANT),
    removal("copies_in_front", Scenario(ONE_SERIES_TWO_PROJECTS, Faults(pin=1), workers=1, pinnable=(1,)), ORDER, 15),
    removal("prerequisites_at_the_same_erp", Scenario(TWO_KINDS, Faults()), "no refusal for want of a prerequisite", 4),
    removal("claim_token", Scenario(ONE, Faults(timeout=1)), STUCK, 9),
    removal("lease_before_send", Scenario(ONE, Faults(), LOOK_UP_ONLY), TWICE, 10),
    removal("look_first", Scenario(ONE, Faults(timeout=1), LOOK_UP_ONLY), TWICE, 9),
    removal("horizon", Scenario(ONE, Faults(timeout=1), LOOK_UP_ONLY, workers=1), TWICE, 11),
    removal("content_compared", Scenario(ONE, Faults(timeout=1, reject=1, replay=1), workers=1, corrected=True), LOST, 16),
    removal("own_refusal_is_retry", LATE_OR_RELEASED, REDUNDANT),
    removal("own_refusal_is_retry drain_waits_for_claims", ONE_FLIP, "no dead letter by our own lock out", 9),
    removal("copies_in_order", Scenario(IN_A_LANE, Faults()), ORDER, 18),
    removal("copies_in_settle_order", _alone((Document(), Document(native=True)), flip=1), STUCK, 2),
    removal("copies_go_on", ONE_FLIP, STUCK, 3),
)
OF_THE_FLIP: Final = (
    removal("drain_waits_for_claims", LATE_OR_RELEASED, REDUNDANT),
    removal("drain_waits_for_claims look_again", THERE_AND_BACK, LOST, 24),
    removal("drain_waits_for_claims look_again lock_out", ONE_FLIP, WRONG_ERP, 9),
    removal("doubt_blocks_the_drain", THERE_AND_BACK, REDUNDANT),
    removal("doubt_blocks_the_drain look_again", _alone(flip=2, timeout=1, release=1), LOST, 24),
    removal("begun_is_finished", TWO_PHASE, REDUNDANT),
    removal("begun_is_finished quiet", TWO_PHASE, WRONG_ERP, 16),
    removal("begun_is_finished lock_out", LATE, WRONG_ERP, 13),
    removal("begun_is_finished look_again", THERE_AND_BACK, LOST, 25),
    removal("begun_is_finished proofs_end_with_the_lock_out", LATE_OR_RELEASED, LOST, 15),
    removal("lock_out", _alone(NATIVE, flip=1), WRONG_ERP, 6),
    removal("lock_out_before_verify", _alone(NATIVE, flip=1, release=1), REDUNDANT),
    removal("lock_out_before_verify old_owner_read_again", _alone(NATIVE, flip=1), MISSING, 7),
    removal("lock_out_by_credential", ONE_FLIP, STUCK, 1),
    removal("run_off_passes", _alone(OF_THE_CLOSE, flip=1), STUCK, 4),
    removal("quiet", TWO_PHASE, REDUNDANT),
    removal("look_again", THERE_AND_BACK, REDUNDANT),
    removal("proofs_end_with_the_lock_out", LATE_OR_RELEASED, REDUNDANT),
    removal("copies_complete", LATE_OR_RELEASED, REDUNDANT),
    removal("copies_complete switch_counts_again", ONE_FLIP, MISSING, 12),
    removal("balances_verified", LATE_OR_RELEASED, REDUNDANT),
    removal("switch_checks_facts", ONE_FLIP, MISSING, 5),
    removal("switch_counts_again", LATE_OR_RELEASED, REDUNDANT),
    removal("balances_verified copies_complete old_owner_read_again", NATIVE_RELEASED, MISSING, 8),
    removal("old_owner_read_again", _alone(NATIVE, flip=1, release=1), REDUNDANT),
)
OF_PERIODS: Final = (
    removal("flip_moves_named_periods", _alone(OF_THE_CLOSE, flip=1), MISSING, 11),
    removal("earlier_periods_go_on", _alone(OF_THE_CLOSE, flip=1), CLOSE_STANDS_STILL, 1),
    removal("earlier_periods_run_off", _alone(OF_THE_CLOSE, flip=1), STUCK, 4),
    removal("earlier_periods_are_copied", _alone(OF_THE_CLOSE, flip=1), STUCK, 1),
    removal("counts_are_of_what_moves", _alone(OF_THE_CLOSE, flip=1, reject=1), STUCK, 10),
    removal("people_of_the_close_keep_to_it", Scenario(NATIVE, Faults(flip=1), workers=1, close_posts=True), WRONG_ERP, 8),
    removal("period_bound_when_begun", _alone(NO_DATE, flip=1, timeout=1, tick=1), WRONG_ERP, 12),
)
OF_THE_LEASE: Final = (
    removal("freeze_is_a_lease", _alone(flip=1, lapse=1), FREEZE_STAYS, 1),
    removal("lapse_opens_no_lock_out", _alone(flip=1, lapse=1), OPEN_WHILE_LOCKED, 5),
    removal("steps_demand_the_lease", TWO_PHASE_LAPSED, REDUNDANT),
    removal("steps_demand_the_lease quiet", TWO_PHASE_LAPSED, WRONG_ERP, 16),
    removal("steps_demand_the_lease lock_out switch_counts_again", _alone(flip=1, lapse=1, timeout=1), WRONG_ERP, 13),
    removal("lapsed_is_never_renewed", TWO_PHASE_LAPSED, REDUNDANT),
    removal("lapsed_is_never_renewed quiet", TWO_PHASE_LAPSED, WRONG_ERP, 17),
    removal("lapsed_is_never_renewed lock_out", TWO_PHASE_LAPSED, WRONG_ERP, 15),
)
OF_PINS: Final = (
    removal("pins_level", Scenario(ONE, Faults(pin=1), workers=1, pinnable=(0,)), WRONG_ERP, 5),
    removal("pins_level_without_a_move", PINNED, REDUNDANT),
    removal("pins_level_without_a_move begun_is_finished", PINNED, WRONG_ERP, 19),
    removal("pins_in_open_phases", PINNED, REDUNDANT),
    removal("pins_in_open_phases pins_level_without_a_move", PINNED, STUCK, 9),
    removal("proof_is_of_the_credential", PINNED, REDUNDANT),
)
OF_DRAFTS: Final = (
    removal("draft_stored_by_holder", DRAFTS, REDUNDANT),
    removal("first_draft_kept", DRAFTS, REDUNDANT),
    removal("draft_stored_by_holder first_draft_kept", DRAFTS, TWICE, 22),
    removal("mark_outlives_give_back", DRAFTS, REDUNDANT),
)
DELIVERY_REMOVALS: Final[tuple[Removal, ...]] = (*OF_CLAIMS, *OF_DRAFTS, *OF_THE_FLIP, *OF_PERIODS, *OF_THE_LEASE, *OF_PINS)
