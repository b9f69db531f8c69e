"""The store can carry a freeze: its history is known, its clock right, and it has room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.preflight import StoreHealth
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject

CLOCK_SECONDS_MAX: Final = 2.0
"""Leases end by the database's clock; what people and logs are told is the worker's."""
CONNECTIONS_FREE_MIN: Final = 10
"""A cutover's own, beside the workers'."""
DISK_FREE_GB_MIN: Final = 1
GB: Final = 1024**3


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask the store's PostgreSQL what it tells without a superuser, and this worker for its disk."""
    state, disk = facts.store.health(), facts.surroundings.disk_free_bytes()
    return answer(
        __name__,
        failures=list(_failures(state, disk)),
        warnings=list(_warnings(state)),
        well=f"timeline {state.timeline}; a commit waits for {state.synchronous_standbys}; the clocks agree to {CLOCK_SECONDS_MAX:g} s; "
        f"at least {CONNECTIONS_FREE_MIN} connections and {DISK_FREE_GB_MIN} GB of the worker's disk are free; the store does not tell how "
        "much of its own disk is",
        remedy="Let a standby confirm commits (`synchronous_standby_names`), or have the approvers accept it; set the clocks by NTP; "
        "raise `max_connections` or put a pooler before the store; make room.",
        evidence={
            "timeline": state.timeline,
            "synchronous_standbys": state.synchronous_standbys,
            "standbys": state.standbys,
            "clock_seconds_max": CLOCK_SECONDS_MAX,
            "connections_max": state.connections_max,
            "connections_free_min": CONNECTIONS_FREE_MIN,
            "worker_disk_free_gb_min": DISK_FREE_GB_MIN,
        },
    )


def _failures(state: StoreHealth, disk_free_bytes: int) -> Iterator[str]:
    if state.timeline is None:
        yield "the store does not tell its timeline, so a switch could not notice a restore: let `cutover` read pg_control_system"
    if abs(state.clock_ahead_seconds) > CLOCK_SECONDS_MAX:
        which = "ahead of" if state.clock_ahead_seconds > 0 else "behind"
        yield f"this worker's clock is {abs(state.clock_ahead_seconds):.1f} s {which} the store's"
    if (free := state.connections_max - state.connections_used) < CONNECTIONS_FREE_MIN:
        yield f"the store has {max(free, 0)} of {state.connections_max} connections free, and {CONNECTIONS_FREE_MIN} are wanted"
    if disk_free_bytes < DISK_FREE_GB_MIN * GB:
        yield f"this worker has {disk_free_bytes / GB:.2f} GB of disk free, and {DISK_FREE_GB_MIN} GB are wanted"


def _warnings(state: StoreHealth) -> Iterator[str]:
    if state.synchronous_standbys:
        return
    if state.standbys:
        yield (
            "the store's standby confirms no commit: a failover could lose the last marks, receipts and the switch itself; "
            "after one, everything stops until a person has compared"
        )
    else:
        yield "the store has no standby: with its server, what came since the last backup is lost, and the way back with it"
