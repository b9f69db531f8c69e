"""What each guard of the runbook is for, and what is explored with all of them."""

from __future__ import annotations

from typing import Final

from tests.protocol_model.removals import REDUNDANT, Removal, removal
from tests.protocol_model.runbook.state import Bounds

OPEN_WHILE_LOCKED: Final = "claims never open on a locked out owner"
NOT_LOCKED: Final = "no flip before every company is locked out"
NOT_APPROVED: Final = "no flip without an approval of this cutover"
NOT_VERIFIED: Final = "no flip without a verification of this cutover"

ONE_RUN: Final = Bounds(starts=7, late=0, traffic=1, ids=(1,), watcher=False)
ITS_CALL_IS_LATE: Final = Bounds(starts=7, late=1, traffic=0, ids=(1,))
GHOST_OF_AN_OLDER_RUN: Final = Bounds(starts=7, late=1, traffic=1, ids=(1, 2), watcher=False)
GHOST_BESIDE_ITS_NEXT_TRY: Final = Bounds(starts=7, late=0, traffic=0, ids=(1, 1), watcher=False)

TINY_RUNBOOK: Final[dict[str, Bounds]] = {
    "one run, its lock call is late, a watcher": Bounds(starts=4, late=1, traffic=0, ids=(1,)),
}
SMALL_RUNBOOK: Final[dict[str, Bounds]] = TINY_RUNBOOK | {
    "a killed task goes on beside its next try": GHOST_BESIDE_ITS_NEXT_TRY,
    "a second cutover, and the ghost of the first": GHOST_OF_AN_OLDER_RUN,
    "one run to its end, its lock call is late, a watcher": ITS_CALL_IS_LATE,
    "two companies": Bounds(starts=6, late=1, traffic=0, ids=(1,), companies=2, watcher=False),
}
FULL_RUNBOOK: Final[dict[str, Bounds]] = SMALL_RUNBOOK | {
    "two companies, late calls, a watcher": Bounds(starts=7, late=2, traffic=1, ids=(1,), companies=2),
    "two companies, a ghost beside its next try": Bounds(starts=7, late=1, traffic=0, ids=(1, 1), companies=2, watcher=False),
    "a ghost beside its next try, late calls": Bounds(starts=8, late=1, traffic=1, ids=(1, 1)),
    "a second cutover, late calls, a watcher": Bounds(starts=9, late=1, traffic=1, ids=(1, 2)),
    "there and back, a late call": Bounds(starts=13, late=1, traffic=0, ids=(1, 2), watcher=False),
}

RUNBOOK_REMOVALS: Final[tuple[Removal, ...]] = (
    removal("tasks_act_for_their_cutover", GHOST_OF_AN_OLDER_RUN, "no task touches another cutover", 2),
    removal("approval", ONE_RUN, NOT_APPROVED, 9),
    removal("approval_names_the_cutover", Bounds(9, 0, 0, (1, 2), watcher=False), NOT_APPROVED, 14),
    removal("phase_chain", ONE_RUN, REDUNDANT),
    removal("fresh_verification", ONE_RUN, REDUNDANT),
    removal("lock_read_back_by_switch", ONE_RUN, REDUNDANT),
    removal("phase_chain fresh_verification", ONE_RUN, NOT_VERIFIED, 9),
    removal("phase_chain lock_read_back_by_switch", ONE_RUN, NOT_LOCKED, 4),
    removal("every_company_read_back", Bounds(7, 1, 0, (1,), companies=2, watcher=False), NOT_LOCKED, 12),
    removal("lock_generation", GHOST_OF_AN_OLDER_RUN, OPEN_WHILE_LOCKED, 10),
    removal("generation_of_the_intent", ITS_CALL_IS_LATE, OPEN_WHILE_LOCKED, 10),
    removal("generation_recorded_by_every_unlock", ITS_CALL_IS_LATE, OPEN_WHILE_LOCKED, 9),
    removal("releasing_before_undo", Bounds(7, 1, 0, (1, 1), watcher=False), OPEN_WHILE_LOCKED, 8),
    removal("unlock_read_back", ONE_RUN, OPEN_WHILE_LOCKED, 8),
    removal("new_owner_read_back", Bounds(13, 0, 0, (1, 2), watcher=False), OPEN_WHILE_LOCKED, 26),
    removal("freeze_is_a_lease", ITS_CALL_IS_LATE, "a freeze ends by itself", 1),
    removal("lapse_opens_no_lock_out", ITS_CALL_IS_LATE, OPEN_WHILE_LOCKED, 6),
    removal("steps_demand_the_lease", ITS_CALL_IS_LATE, REDUNDANT),
    removal("lapsed_is_never_renewed", ITS_CALL_IS_LATE, REDUNDANT),
)
