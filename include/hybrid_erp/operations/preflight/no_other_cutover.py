"""The region is where this move begins, every kind that moves is kept in both ERPs, and nobody else is moving it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.preflight import KindState, UnderWay
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask the store for the phase of each kind that moves, its owner and candidate, and for cutovers under way."""
    request = subject.request
    states = facts.moves.kinds(request.region, request.from_period)
    others = [each for each in facts.moves.under_way(request.region) if each.run != request.run]
    moving = [each for each in states if each.kind in request.kinds]
    return answer(
        __name__,
        failures=[*_others(others), *_lacking(subject, states), *(told for state in moving for told in _wrong(subject, state))],
        well=f"{', '.join(each.kind for each in moving)} of {request.region} are in phase {request.direction.begins_in}, owned by "
        f"{request.old_owner} with {request.new_owner} as the candidate; no other cutover is under way",
        remedy=f"Wait for the other cutover to end, or end it; open the dual run of what does not run in both ERPs (`dual_run_"
        f"{request.region}`), or leave that kind out of `kinds`.",
        evidence={
            "kinds": {
                each.kind.value: {
                    "phase": each.phase.value,
                    "owner": each.owner,
                    "candidate": each.candidate,
                    "open_share": each.open_share,
                }
                for each in moving
            },
            "under_way": sorted(each.run for each in others),
        },
    )


def _others(others: Sequence[UnderWay]) -> Iterator[str]:
    for each in others:
        yield f"the {each.direction} that {each.requested_by} asked for in run {each.run} has not ended"


def _lacking(subject: Subject, states: Sequence[KindState]) -> Iterator[str]:
    for kind in sorted(set(subject.request.kinds) - {each.kind for each in states}):
        yield f"the store has no ownership of {kind}"


def _wrong(subject: Subject, state: KindState) -> Iterator[str]:
    request = subject.request
    wanted = request.direction.begins_in
    if state.cutover_id is not None:
        yield f"{state.kind} is frozen by the cutover {state.cutover_id}"
    elif state.phase is not wanted:
        yield f"{state.kind} is in phase {state.phase}, and a {request.direction} begins in {wanted}"
    if state.candidate is None:
        yield f"{state.kind} does not dual-run: it has no candidate in {request.from_period}"
    elif (state.owner, state.candidate) != (request.old_owner, request.new_owner):
        yield f"{state.kind} is owned by {state.owner} with {state.candidate} as the candidate in {request.from_period}"
