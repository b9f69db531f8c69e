"""Whether a recorded trace of the real code is one that the protocol allows, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from tests.protocol_model.replaying import runbook
from tests.protocol_model.replaying.deliveries import captured, claimed, settled
from tests.protocol_model.replaying.known import Known, Why, unchanged
from tests.protocol_model.trace import Action, Record


@dataclass(frozen=True, slots=True)
class Disallowed:
    """The first step of a trace that the protocol does not allow."""

    number: int
    """Of the record, the first being 0."""
    record: Record
    why: str


def allows(trace: Iterable[Record]) -> Disallowed | None:
    """The first step that the protocol does not allow from the state before; None: all are allowed."""
    known: Known | None = None
    for number, record in enumerate(trace):
        if known is None:
            if record.action != "begins":
                return Disallowed(number, record, "a trace begins with `begins`")
            known = Known(record, frozenset(record.companies), [(record.from_period, record.owner)])
            continue
        if why := _why_not(known, record):
            return Disallowed(number, record, why)
        known.facts = record
    return None


def _why_not(known: Known, record: Record) -> Why:
    if known.facts.lapsed and not record.lapsed and record.action not in ("opened", "switched", "releasing"):
        return "a lapsed lease is valid again"
    # Time passes without a writer: the step is judged with the lease as the store judged it.
    known.facts = replace(known.facts, lapsed=record.lapsed or known.facts.lapsed)
    if record.result == "refused":
        return unchanged(known, record)
    return ACTS[record.action](known, record)


def _again(_: Known, record: Record) -> Why:
    return f"{record.action} may come only first"


def _claimed(known: Known, record: Record) -> Why:
    return unchanged(known, record) or claimed(
        known.deliveries,
        record,
        owner=known.owner_of(record.period),
        phase=known.facts.phase,
        is_open=known.open(),
        stays=known.stays(record.period),
    )


def _settled(known: Known, record: Record) -> Why:
    closed = not known.open() and not known.stays(record.period)
    return unchanged(known, record) or settled(known.deliveries, record, closed=closed)


def _captured(known: Known, record: Record) -> Why:
    return unchanged(known, record) or captured(known.deliveries, record, owner=known.owner_of(record.period))


ACTS: Final[dict[Action, Callable[[Known, Record], Why]]] = {
    "begins": _again,
    "claimed": _claimed,
    "settled": _settled,
    "captured": _captured,
    "asked": runbook.asked,
    "approved": runbook.approved,
    "frozen": runbook.frozen,
    "shut": runbook.shut,
    "drained": runbook.drained,
    "lock_intended": runbook.lock_intended,
    "locked": runbook.locked,
    "verified": runbook.verified,
    "switched": runbook.switched,
    "releasing": runbook.releasing,
    "opened": runbook.opened,
    "lapsed": runbook.lapsed,
}
