"""The phases of a region's move, and when claims are open: what both models and the replay of traces go by."""

from __future__ import annotations

from typing import Final, Literal

from tests.protocol_model.guards import Guards

Phase = Literal["legacy_only", "dual_run", "hypercare", "cloud_only", "frozen", "drained", "locked", "verified", "switched", "releasing"]
OPEN_PHASES: Final = frozenset({"legacy_only", "dual_run", "hypercare", "cloud_only"})
FREEZE_PHASES: Final = frozenset({"frozen", "drained", "locked", "verified"})


def claims_open(guards: Guards, phase: str, *, lapsed: bool, intent: bool) -> bool:
    """C7, and the freeze as a lease: whether new control claims are allowed."""
    if phase in OPEN_PHASES:
        return True
    if not (lapsed and guards.freeze_is_a_lease):
        return False
    if not guards.lapse_opens_no_lock_out:
        return phase in FREEZE_PHASES
    return phase in ("frozen", "drained") and not intent
