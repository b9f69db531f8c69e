"""What is done about cutovers outside their own runs: orphaned freezes are ended, lock-outs are read back, hypercare is told."""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hybrid_erp.adapters.store.cutovers import PostgresCutovers
from hybrid_erp.adapters.store.ownership import PostgresOwnership
from hybrid_erp.model.cutover import Cutover, DesiredLockOut, LockOutEvent
from hybrid_erp.model.errors import (
    ConfigurationError,
    ErpUnavailableError,
    HybridErpError,
    LockOutUndoneError,
    OwnershipConflictError,
    SmokeTestFailedError,
    WrongSystemError,
)
from hybrid_erp.model.lock_out import PostingRight, rights_to_take
from hybrid_erp.model.ownership import Phase
from hybrid_erp.operations.cutover.lock_watch import ReadBack, hold_what_is_undone
from hybrid_erp.operations.cutover.release import release
from hybrid_erp.operations.hypercare import Criterion, require_criteria
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import lock_out
from hybrid_erp.wiring.cutover import closers_of, move_of
from hybrid_erp.wiring.delivery import store_connection
from hybrid_erp.wiring.hypercare import criteria_of
from hybrid_erp.wiring.over_budget import tell_late_step

log: Final = logging.getLogger(__name__)

#: Of a request that nobody has answered and whose own run has not ended it.
FORGOTTEN_AFTER: Final = timedelta(hours=1)


def watch_moves() -> dict[str, int]:
    """End what a dead run has left frozen or half released, read back every lock-out that should stand, and tell which move is late.

    What somebody may post where nobody should is held: nothing new of its kind is claimed until the ERP tells that it is locked out.

    Raises:
        LockOutUndoneError: Somebody may post where nobody should.
    """
    ended = sum(_ended(each) for each in cutovers_under_way())
    undone = _hold_what_is_undone()
    late = sum(tell_late_step(each) for each in cutovers_under_way())
    if undone:
        raise LockOutUndoneError("; ".join(undone) + ".")
    return {"released": ended, "late": late}


def to_reconcile() -> list[str]:
    """The regions to reconcile again: a move of theirs waits for people, and the figures that they were shown grow old."""
    due = []
    with store_connection("reader") as connection:
        store = PostgresCutovers(connection, "")
        for each in store.under_way():
            region = settings().regions.get(each.region)
            plan = region.plan.cutover if region and region.plan else None
            if plan is None or each.frozen_at is not None:
                continue
            last = store.last_reconciled(each.region)
            if last is None or datetime.now(UTC) - last >= timedelta(minutes=plan.reconciliation_every_minutes):
                log.info("The %s of %s waits for people: it is reconciled again.", each.direction, each.region)
                due.append(each.region)
    return due


def cutovers_under_way(region: str | None = None) -> list[Cutover]:
    """The cutovers that have not ended."""
    with store_connection("reader") as connection:
        return list(PostgresCutovers(connection, "").under_way(region))


def lock_out_history(region: str) -> list[LockOutEvent]:
    """Who was locked out when and why, the earliest first."""
    with store_connection("reader") as connection:
        return list(PostgresCutovers(connection, "").lock_out_history(region))


def release_by_hand(region: str, *, by: str, reason: str, anyway: bool = False) -> dict[str, Any]:
    """Release a region outside its run. `anyway`: open the new owner although its smoke test has not passed.

    Raises:
        OwnershipConflictError: No cutover of the region is under way.
        As `release`.
    """
    found = cutovers_under_way(region)
    if not found:
        raise OwnershipConflictError(f"No cutover of {region} is under way.")
    with move_of(found[0], by) as move:
        return release(move, reason=reason, anyway=anyway)


def hypercare_of(region: str) -> tuple[Criterion, ...]:
    """Whether a region may close its way back.

    Raises:
        ConfigurationError: It has no plan for its cutover.
    """
    configured = settings()
    if configured.plan(region).cutover is None:
        raise ConfigurationError(f"Region {region} has no section `plan.cutover`.")
    with store_connection("reader") as connection:
        return criteria_of(configured, connection, region)


def close_reverse(region: str, *, by: str, reason: str) -> None:
    """Close the way back, for good, by a named person.

    Raises:
        OwnershipConflictError: A criterion of the plan is open, or something is on its way back.
    """
    require_criteria(region, hypercare_of(region))
    with store_connection("cutover") as connection:
        PostgresCutovers(connection, by).close_reverse(region, reason=reason)


def tell_hypercare() -> dict[str, int]:
    """Say of each region in hypercare what is still open; how many criteria are."""
    told = {}
    for name, region in settings().regions.items():
        if region.plan is None or region.plan.cutover is None:
            continue
        found = hypercare_of(name)
        if len(found) == 1:
            continue
        for each in found:
            log.info("%s: %s", name, each)
        told[name] = sum(not each.holds for each in found)
    return told


def _ended(found: Cutover) -> bool:
    """Release one that nothing else will; whether it was."""
    forgotten = timedelta(minutes=found.limits.approval_minutes_max) + FORGOTTEN_AFTER
    with store_connection("reader") as connection:
        row = connection.execute("SELECT clock_timestamp() - %s > %s", (found.requested_at, forgotten)).fetchone()
    old = bool(row and row[0])
    if not (found.lapsed or (found.active and found.phase is Phase.RELEASING) or (not found.active and old)):
        return False
    try:
        with move_of(found, "watch") as move:
            outcome = release(move, reason="its run has not ended it")
    except (ErpUnavailableError, WrongSystemError, OwnershipConflictError, SmokeTestFailedError, LockOutUndoneError) as error:
        log.warning("%s stays %s: %s", found.region, found.phase, error)
        return False
    log.warning("The %s of %s that %s asked for was released: %s.", found.direction, found.region, found.requested_by, outcome)
    return True


def _lock_outs() -> list[DesiredLockOut]:
    with store_connection("reader") as connection:
        return [each for each in PostgresCutovers(connection, "").lock_outs() if each.desired == "locked" and each.confirmed]


def _hold_what_is_undone() -> tuple[str, ...]:
    """What is wrong with the lock-outs that should stand; what they concern is held meanwhile (PROTOCOL R2).

    A region whose configuration is wrong stays as it is, and keeps no other from being looked at.
    """
    configured, found = settings(), []
    for each in _lock_outs():
        if (region := configured.region_of.get(each.legal_entity)) is None:
            log.warning("%s at %s is not read back: it is in no region that is configured.", each.legal_entity, each.erp)
        else:
            found.append(ReadBack(region, each, _left(each)))
    with store_connection("cutover") as connection:
        ownership = PostgresOwnership(connection)
        return hold_what_is_undone([each for each in ownership.regions() if each in configured.regions], found, ownership)


def _left(desired: DesiredLockOut) -> frozenset[PostingRight] | None:
    """The rights that should have been taken; a company that cannot be asked now is told and looked at again."""
    try:
        with closing(lock_out(settings(), desired.erp, desired.legal_entity)) as company:
            state = company.state()
    except (ErpUnavailableError, WrongSystemError, HybridErpError) as error:
        log.warning("%s at %s is not read back now: %s", desired.legal_entity, desired.erp, error.message)
        return None
    return rights_to_take(state, desired.kinds, closers_of(desired.erp, desired.legal_entity, desired.from_period))
