"""The traces that the kill harness holds against the protocol: of both directions; one that is forged, or of a broken store, is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import pairwise

import pytest

from hybrid_erp.model.cutover import Direction, Step
from hybrid_erp.model.errors import HybridErpError
from sandbox.postgres import Cluster
from tests.operations.cutover.region import STEPS, Region, Run, Runner, a_region
from tests.protocol_model.replay import allows
from tests.protocol_model.trace import Record, line_of, read
from tests.stores import CLOUD, LEGACY

#: The steps of a move.
RUNBOOK = ("frozen", "drained", "lock_intended", "locked", "verified", "switched", "opened")


@pytest.fixture(scope="module")
def trace(cutover_cluster: Cluster) -> list[Record]:
    """A cutover and its rollback, with postings and people at work in every phase."""
    with ExitStack() as stack:
        region = a_region(cutover_cluster, stack)
        for direction in Direction:
            run = Run(direction)
            region.begin(run)
            for step in STEPS:
                region.go_on_living()
                region.here.take(run, step)
        region.require_whole()
        return list(region.recording.so_far())


def of_the_runbook(trace: list[Record]) -> list[int]:
    """Where the steps of both moves are."""
    return [number for number, each in enumerate(trace) if each.action in RUNBOOK]


def intended_once(trace: list[Record]) -> list[Record]:
    """A lock-out is intended company by company; the first of a move is enough for the protocol."""
    first = {each.epoch: number for number, each in reversed(list(enumerate(trace))) if each.action == "lock_intended"}
    return [each for number, each in enumerate(trace) if each.action != "lock_intended" or first[each.epoch] == number]


def without(trace: list[Record], number: int) -> list[Record]:
    return [each for at, each in enumerate(trace) if at != number]


def forged(trace: list[Record], number: int, record: Record) -> list[Record]:
    return [*trace[:number], record, *trace[number + 1 :]]


def forgeries(record: Record) -> Iterator[Record]:
    """Every way to make another step of it that matters."""
    other = CLOUD if record.owner == LEGACY else LEGACY
    yield replace(record, epoch=record.epoch + 1)
    yield replace(record, owner=other)
    yield replace(record, cutover="another")
    yield replace(record, phase="verified" if record.phase == "frozen" else "frozen")
    if record.action in ("claimed", "captured"):
        yield replace(record, erp=CLOUD if record.erp == LEGACY else LEGACY)
    if record.action == "settled":
        yield replace(record, token="another's")
        yield replace(record, result="thrown_away")
    if record.action in ("locked", "opened"):
        yield replace(record, companies=record.companies[1:])
    if record.about and record.action != "asked":
        yield replace(record, about="another")


def test_what_the_code_does_from_a_cutover_to_its_rollback_is_allowed_step_by_step(trace: list[Record]) -> None:
    once = intended_once(trace)
    assert [once[number].action for number in of_the_runbook(once)] == [*RUNBOOK, *RUNBOOK]
    assert {each.action for each in trace} >= {"begins", "asked", "approved", "shut", "claimed", "settled", "captured"}
    assert {each.phase for each in trace} >= {"dual_run", "frozen", "drained", "locked", "verified", "switched", "hypercare"}

    assert allows(trace) is None
    assert allows(read([line_of(each) for each in trace])) is None


def test_a_trace_with_any_step_forged_left_out_or_put_before_another_is_not_allowed(trace: list[Record]) -> None:
    trace = intended_once(trace)
    runbook, steps = of_the_runbook(trace), list(enumerate(trace))[1:]
    let_through = [
        f"{number} {record.action} as {line_of(forgery)}"
        for number, record in steps
        for forgery in forgeries(record)
        if allows(forged(trace, number, forgery)) is None
    ]
    let_through += [f"without {number} {trace[number].action}" for number in runbook if allows(without(trace, number)) is None]
    for one, next_one in pairwise(runbook):
        reordered = [*without(trace, next_one)[:one], trace[next_one], *without(trace, next_one)[one:]]
        let_through += [f"{next_one} {trace[next_one].action} before {one}"] if allows(reordered) is None else []

    assert let_through == []


def test_a_posting_claimed_in_a_closed_phase_is_not_allowed(trace: list[Record]) -> None:
    """Each claim of an open phase, put behind the next freeze with the facts of that moment."""
    let_through = []
    for number, record in enumerate(trace):
        behind = next((at for at in range(number, len(trace)) if trace[at].action == "frozen"), None)
        if record.action == "claimed" and record.role == "control" and behind is not None:
            freeze = trace[behind]
            late = replace(record, phase=freeze.phase, epoch=freeze.epoch, cutover=freeze.cutover, posting="new", token="new")
            let_through += [number] if allows([*trace[: behind + 1], late, *trace[behind + 1 :]]) is None else []

    assert let_through == []


def drain_what_is_begun(here: Runner, run: Run) -> None:
    here.go(run, until=Step.FREEZE)
    here.cutovers.drained(here.move(run).cutover_id)


def freeze_unasked(here: Runner, run: Run) -> None:
    here.request(run)
    here.take(run, Step.FREEZE)


def confirm_at_once(here: Runner, run: Run) -> None:
    here.go(run, until=Step.DRAIN)
    move = here.move(run)
    for legal_entity in move.now.legal_entities:
        here.cutovers.intend_lock_out(move.cutover_id, run.old, legal_entity, [])
    here.cutovers.confirm_lock_out(move.cutover_id)


def open_at_once(here: Runner, run: Run) -> None:
    here.go(run, until=Step.LOCK_OUT)
    move = here.move(run)
    here.cutovers.begin_release(move.cutover_id, reason="a test")
    here.cutovers.finish_release(move.cutover_id)


BROKEN = {
    "drained without a count": (
        "mark_drained",
        "IF remaining > 0 THEN RETURN remaining; END IF;",
        "",
        drain_what_is_begun,
        "is in_doubt at ledgersmb-emea",
    ),
    "frozen without approvals": (
        "freeze_region",
        "IF cardinality(lacking) > 0 THEN",
        "IF false THEN",
        freeze_unasked,
        "not approved by controller DE01, controller UK01, migration_lead",
    ),
    "locked without a read back": (
        "confirm_lock_out",
        "IF lacking IS NOT NULL THEN",
        "IF false THEN",
        confirm_at_once,
        "locked without reading back DE01, UK01",
    ),
    "opened without a read back": (
        "finish_release",
        "IF lacking IS NOT NULL THEN",
        "IF false THEN",
        open_at_once,
        "opened without reading back DE01, UK01",
    ),
    "released under the old epoch": (
        "begin_release",
        "UPDATE ownership SET epoch = epoch + 1 WHERE region = c.region;",
        "",
        open_at_once,
        "a release raises the epoch by one, and leaves the owner",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_store_that_breaks_a_rule_is_seen_in_its_trace(region: Region, name: str) -> None:
    function, kept, instead, act, why = BROKEN[name]
    (row,) = region.sql("SELECT pg_get_functiondef(%s::regproc) AS text", function)
    assert row["text"].count(kept) == 1
    run = Run()
    region.begin(run)
    region.require_allowed()

    region.sql(row["text"].replace(kept, instead))
    with pytest.raises(AssertionError, match=why):
        broken(region, run, act)


def broken(region: Region, run: Run, act: Callable[[Runner, Run], None]) -> None:
    with suppress(HybridErpError):
        act(region.here, run)
    region.require_allowed()
