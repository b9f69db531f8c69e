"""Traces of the real code: what the protocol allows is let through, and the first step that it does not allow is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.protocol_model.delivery.model import Document, Scenario
from tests.protocol_model.delivery.state import EARLIER, Faults
from tests.protocol_model.guards import ALL, without
from tests.protocol_model.replay import allows
from tests.protocol_model.trace import Record, Result, line_of, read
from tests.protocol_model.walks import walk

BOTH = ("DE01", "FR01")
START = Record(action="begins", phase="dual_run", epoch=3, owner="legacy", companies=BOTH, from_period="2020-01")
ASKED = replace(START, action="asked", about="one", companies=(), from_period="")
YES = replace(ASKED, action="approved")
APPROVED = [ASKED, replace(YES, role="migration_lead"), *(replace(YES, role="controller", company=each) for each in BOTH)]
UNDER_A_FREEZE = replace(START, epoch=4, cutover="one", companies=(), from_period="")
FROZEN = replace(UNDER_A_FREEZE, action="frozen", phase="frozen", from_period="2027-01")
DRAINED = replace(UNDER_A_FREEZE, action="drained", phase="drained")
INTENDED = replace(UNDER_A_FREEZE, action="lock_intended", phase="drained")
LOCKED = replace(UNDER_A_FREEZE, action="locked", phase="locked", companies=BOTH)
VERIFIED = replace(UNDER_A_FREEZE, action="verified", phase="verified")
SWITCHED = replace(UNDER_A_FREEZE, action="switched", phase="switched", epoch=5, owner="cloud")
OPENED = replace(SWITCHED, action="opened", phase="hypercare", cutover=None, companies=BOTH)
ASKED_FOR = [START, *APPROVED]
FLIP = [*ASKED_FOR, FROZEN, DRAINED, INTENDED, LOCKED, VERIFIED, SWITCHED, OPENED]

RELEASING = replace(UNDER_A_FREEZE, action="releasing", phase="releasing", epoch=5)
RELEASED = replace(RELEASING, action="opened", phase="dual_run", cutover=None, companies=BOTH)


def a_claim(facts: Record, **changed: Any) -> Record:
    claim = replace(
        facts,
        action="claimed",
        posting="p1",
        kind="ledger",
        company="DE01",
        erp="legacy",
        role="control",
        period="2027-01",
        token="t1",
        companies=(),
        from_period="",
    )
    return replace(claim, **changed)


def settled(claim: Record, result: Result, **changed: Any) -> Record:
    return replace(claim, action="settled", result=result, **changed)


POSTED = [a_claim(START), settled(a_claim(START), "posted")]
COPY = a_claim(START, erp="cloud", role="candidate", token="t2")
COPIED = [COPY, settled(COPY, "posted")]
LAPSED = replace(FROZEN, action="lapsed", lapsed=True, from_period="")

ALLOWED: dict[str, list[Record]] = {
    "a flip": FLIP,
    "a posting with its copy, then a flip": [START, *POSTED, *COPIED, *FLIP[1:]],
    "a release before the lock intent": [*ASKED_FOR, FROZEN, DRAINED, RELEASING, RELEASED],
    "a release of a lock-out": [*ASKED_FOR, FROZEN, DRAINED, INTENDED, RELEASING, RELEASED],
    "a release after the lock intent of one company": [
        *ASKED_FOR,
        FROZEN,
        DRAINED,
        replace(INTENDED, company="DE01"),
        RELEASING,
        replace(RELEASED, companies=("DE01",)),
    ],
    "a freeze that is frozen again by its own run": [*ASKED_FOR, FROZEN, FROZEN, DRAINED],
    "claims that go on with the old owner after a lapse": [*ASKED_FOR, FROZEN, a_claim(LAPSED)],
    "claims that go on after a lapse that nobody wrote": [*ASKED_FOR, FROZEN, DRAINED, a_claim(replace(DRAINED, lapsed=True))],
    "a step that is refused and changes nothing": [*ASKED_FOR, FROZEN, replace(FROZEN, action="drained", result="refused")],
    "an earlier period during a lock-out": [*FLIP[:-3], a_claim(LOCKED, period="2026-12", role="run_off")],
    "an earlier period after the flip": [*FLIP, a_claim(OPENED, period="2026-12", role="run_off")],
    "what was begun is finished in a freeze": [
        START,
        a_claim(START),
        settled(a_claim(START), "in_doubt"),
        *APPROVED,
        FROZEN,
        a_claim(FROZEN, token="t2"),
        settled(a_claim(FROZEN, token="t2"), "posted"),
    ],
    "the receipt of a claim that was lost": [
        START,
        a_claim(START),
        a_claim(START, token="t2"),
        settled(a_claim(START), "thrown_away"),
        settled(a_claim(START, token="t2"), "posted"),
    ],
}

FORBIDDEN: dict[str, tuple[list[Record], str]] = {
    "a control claimed in a freeze": ([*ASKED_FOR, FROZEN, a_claim(FROZEN)], "a control was claimed in frozen"),
    "a control claimed for the other ERP": ([START, a_claim(START, erp="cloud")], "claimed for cloud, but legacy owns 2027-01"),
    "an earlier period for the new owner": (
        [*FLIP, a_claim(OPENED, erp="cloud", period="2026-12")],
        "claimed for cloud, but legacy owns 2026-12",
    ),
    "a posting begun at the old owner that goes to the new one": (
        [START, a_claim(START), settled(a_claim(START), "in_doubt"), a_claim(START, erp="cloud", token="t2")],
        "begun at legacy, claimed for cloud",
    ),
    "drained with a claim": ([START, a_claim(START), *APPROVED, FROZEN, DRAINED], "posting p1 of DE01 is claimed at legacy"),
    "drained after a lapse": (
        [*ASKED_FOR, FROZEN, LAPSED, replace(DRAINED, lapsed=True)],
        "drained after the lease of the freeze had passed",
    ),
    "a lapsed lease that is valid again": ([*ASKED_FOR, FROZEN, LAPSED, DRAINED], "a lapsed lease is valid again"),
    "a lapsed freeze that is frozen again": ([*ASKED_FOR, FROZEN, LAPSED, replace(FROZEN, lapsed=True)], "a lapsed freeze is frozen again"),
    "claims after a lapse behind a lock intent": (
        [*ASKED_FOR, FROZEN, DRAINED, INTENDED, a_claim(replace(INTENDED, lapsed=True))],
        "a control was claimed in drained",
    ),
    "locked without an intent": ([*ASKED_FOR, FROZEN, DRAINED, LOCKED], "locked without a lock intent"),
    "locked with one company read back": (
        [*FLIP[:-4], replace(LOCKED, companies=("DE01",))],
        "locked without reading back FR01",
    ),
    "opened with one company read back": (
        [*ASKED_FOR, FROZEN, DRAINED, INTENDED, RELEASING, replace(RELEASED, companies=("DE01",))],
        "opened without reading back FR01",
    ),
    "a switch from locked": ([*FLIP[:-3], SWITCHED], "switched leads from verified to switched, not from locked to switched"),
    "a switch of another cutover": ([*FLIP[:-2], replace(SWITCHED, cutover="two")], "switched for a cutover that is not active"),
    "a switch without a new epoch": ([*FLIP[:-2], replace(SWITCHED, epoch=4)], "a switch changes the owner and raises the epoch by one"),
    "a flip that leaves a document behind": ([START, *POSTED, *FLIP[1:-2]], "posting p1 of DE01 is at legacy alone"),
    "a cutover id that is used again": (
        [*ASKED_FOR, FROZEN, RELEASING, RELEASED, replace(FROZEN, epoch=6)],
        "a freeze needs a cutover id of its own",
    ),
    "opened without a release": ([*ASKED_FOR, FROZEN, replace(RELEASED, epoch=4)], "opened from frozen"),
    "a receipt under another's claim": (
        [START, a_claim(START), a_claim(START, token="t2"), settled(a_claim(START), "posted")],
        "settled under a claim that is not its own",
    ),
    "a mark that a second attempt clears": (
        [
            START,
            a_claim(START),
            settled(a_claim(START), "in_doubt"),
            a_claim(START, token="t2"),
            settled(a_claim(START, token="t2"), "retry", marked=False),
        ],
        "the mark of an earlier attempt was cleared",
    ),
    "a refused step that changed the phase": (
        [*ASKED_FOR, FROZEN, replace(DRAINED, result="refused")],
        "drained changed phase, epoch, owner or cutover",
    ),
    "a trace without a beginning": ([FROZEN], "a trace begins with `begins`"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_trace_that_the_protocol_allows_is_let_through(name: str) -> None:
    assert allows(ALLOWED[name]) is None


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_first_step_that_the_protocol_forbids_is_named(name: str) -> None:
    trace, why = FORBIDDEN[name]

    found = allows(trace)

    assert found is not None
    assert (found.number, found.why) == (len(trace) - 1, why)


def test_a_trace_is_read_as_it_was_written() -> None:
    trace = [START, *POSTED, *COPIED, *FLIP[1:]]

    assert list(read([line_of(each) for each in trace])) == trace


@pytest.mark.parametrize("line", ['{"action": "guessed"}', '{"action": "frozen", "mood": "good"}'])
def test_a_line_that_is_not_understood_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        list(read([line]))


@pytest.mark.exploration
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "documents", [(Document(), Document(lane=None)), (Document(period=EARLIER), Document())], ids=["one period", "two periods"]
)
def test_what_the_model_does_is_allowed(documents: tuple[Document, ...], seed: int) -> None:
    scenario = Scenario(documents, Faults(flip=2, timeout=1, lapse=1, release=1, crash=1))

    assert allows(walk(scenario, ALL, seed)) is None


@pytest.mark.exploration
@pytest.mark.parametrize(
    "guard",
    [
        "freeze",
        "drain_waits_for_claims",
        "steps_demand_the_lease",
        "lapsed_is_never_renewed",
        "begun_is_finished",
    ],
)
def test_what_the_model_does_without_a_guard_is_seen_in_its_traces(guard: str) -> None:
    scenario = Scenario((Document(),), Faults(flip=1, timeout=1, lapse=2, renewal=1, release=1, crash=1))

    assert any(allows(walk(scenario, without(guard), seed)) for seed in range(300))
