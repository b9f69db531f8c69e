"""The part of a replay that is about deliveries: what may be claimed and settled, and what a flip must not leave behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.protocol_model.trace import Record

Deliveries = dict[tuple[str, str, str], "Held"]
CLEARS = frozenset({"absent"})
BOOKS = frozenset({"control", "run_off"})


@dataclass(frozen=True, slots=True)
class Held:
    """What a trace has shown of one posting at one company of one ERP."""

    state: str
    role: str
    period: str
    token: str
    marked: bool
    marked_before: bool
    pinned: bool


def claimed(deliveries: Deliveries, record: Record, *, owner: str, phase: str, is_open: bool, stays: bool) -> str | None:
    """C3, C4, C7: to whom it goes, and whether the phase allows."""
    key = (record.posting, record.company, record.erp)
    before = deliveries.get(key)
    if before is not None and before.state == "posted":
        return "claimed what is posted there"
    if before is not None and before.state == "claimed" and before.token == record.token:
        return "claimed twice with one token"
    goes_on, held_elsewhere = is_open or stays or record.pinned, _elsewhere(deliveries, record)
    if record.role in BOOKS:
        begun = phase == "frozen" and ((before is not None and before.marked) or held_elsewhere)
        smoke = phase == "switched" and record.canary
        why = _control(record, _marked_elsewhere(deliveries, record), owner, goes_on=goes_on or begun or smoke, phase=phase)
    elif goes_on or phase in ("frozen", "drained", "locked"):
        why = None if held_elsewhere else "a copy was claimed of what no other ERP holds"
    else:
        why = f"a copy was claimed in {phase}"
    if why is None:
        marked = before is not None and before.marked
        deliveries[key] = Held("claimed", record.role, record.period, record.token, True, marked, record.pinned)
    return why


def _control(record: Record, bound: str | None, owner: str, *, goes_on: bool, phase: str) -> str | None:
    if bound is not None and not (record.look_up_only and record.erp == bound):
        return f"begun at {bound}, claimed for {record.erp}"
    if bound is None and record.erp != owner and not record.pinned:
        return f"claimed for {record.erp}, but {owner} owns {record.period}"
    return None if goes_on else f"a control was claimed in {phase}"


def _marked_elsewhere(deliveries: Deliveries, record: Record) -> str | None:
    """C4: the other ERP that a request for the posting may have reached."""
    for (posting, company, erp), held in deliveries.items():
        here = (posting, company) == (record.posting, record.company) and erp != record.erp
        if here and held.marked and held.role in BOOKS and held.state != "posted":
            return erp
    return record.erp if record.look_up_only else None


def _elsewhere(deliveries: Deliveries, record: Record) -> bool:
    """Whether another ERP holds it: booked there as control, or by people and captured."""
    return any(
        (posting, company) == (record.posting, record.company) and erp != record.erp and held.state == "posted"
        for (posting, company, erp), held in deliveries.items()
    )


def captured(deliveries: Deliveries, record: Record, *, owner: str) -> str | None:
    """Booked by people at that ERP: as control where it owns the period, else as a copy that the owner has yet to book."""
    key = (record.posting, record.company, record.erp)
    if key in deliveries:
        return "captured what we sent there ourselves"
    if record.role != ("control" if record.erp == owner else "candidate"):
        return f"captured as {record.role} at {record.erp}, but {owner} owns {record.period}"
    deliveries[key] = Held("posted", record.role, record.period, "", True, False, record.pinned)
    return None


def settled(deliveries: Deliveries, record: Record, *, closed: bool) -> str | None:
    """T1, T4, S3: only by the holder, and the mark goes only where nothing can have arrived."""
    key = (record.posting, record.company, record.erp)
    held = deliveries.get(key)
    mine = held is not None and held.state == "claimed" and held.token == record.token
    if held is None or not mine:
        return None if record.result == "thrown_away" else "settled under a claim that is not its own"
    if record.result == "thrown_away":
        return "thrown away, though the claim was its own"
    if held.marked_before and not record.marked and record.result not in CLEARS | {"posted"}:
        return "the mark of an earlier attempt was cleared"
    if record.result == "in_doubt" and not record.marked:
        return "in doubt without a mark"
    if record.result == "dead" and closed and not record.marked and held.role == "control" and not held.pinned:
        return "a dead letter while claims were closed: that is a retry"
    deliveries[key] = Held(record.result, held.role, held.period, "", record.marked, held.marked_before, held.pinned)
    return None


def under_way(deliveries: Mapping[tuple[str, str, str], Held], owner: str) -> str | None:
    """F2's query: what is claimed, in doubt, or open or dead with a mark, at the old owner; and what the other ERP alone holds."""
    for (posting, company, erp), held in deliveries.items():
        if erp == owner and held.role in BOOKS and (held.state in ("claimed", "in_doubt") or (held.marked and held.state != "posted")):
            return f"posting {posting} of {company} is {held.state} at {erp}"
    return next((each for each in _alone(deliveries) if not each.endswith(f"at {owner} alone")), None)


def complete(deliveries: Mapping[tuple[str, str, str], Held]) -> str | None:
    """W1.4: every posting that is booked in one ERP is booked in the other one too."""
    return next(_alone(deliveries), None)


def _alone(deliveries: Mapping[tuple[str, str, str], Held]) -> Iterator[str]:
    booked = [key for key, held in deliveries.items() if held.state == "posted"]
    where = Counter((posting, company) for posting, company, _ in booked)
    return (f"posting {posting} of {company} is at {erp} alone" for posting, company, erp in booked if where[posting, company] == 1)
