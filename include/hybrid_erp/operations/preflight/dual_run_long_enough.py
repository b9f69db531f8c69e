"""Both ERPs have been kept whole for long enough to be compared."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid_erp.model.cutover import CheckResult, Direction
from hybrid_erp.model.ownership import Phase
from hybrid_erp.model.preflight import WHOLE, KindState
from hybrid_erp.operations.preflight.answer import answer, instant
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask how much of each kind that moves is copied, and since when all of it; before a rollback, whether it is in hypercare."""
    request = subject.request
    moving = [each for each in facts.moves.kinds(request.region, request.from_period) if each.kind in request.kinds]
    back = request.direction is Direction.ROLLBACK
    since = {each.kind.value: instant(each.dual_run_since) if each.dual_run_since else None for each in moving}
    told = ", ".join(f"{kind} since {at}" for kind, at in since.items())
    return answer(
        __name__,
        failures=[lacking for state in moving for lacking in (_not_in_hypercare(state) if back else _lacking(subject, state))],
        well="every kind is in hypercare and copied whole to the old owner" if back else f"copied whole: {told}",
        remedy=f"Raise the share to 100 % (`dual_run_{request.region}`) and wait; a rollback begins in hypercare alone.",
        evidence={
            "open_share": {each.kind.value: each.open_share for each in moving},
            **({} if back else {"whole_since": since, "days_min": subject.cutover.dual_run_days_min}),
        },
    )


def _lacking(subject: Subject, state: KindState) -> Iterator[str]:
    days = subject.cutover.dual_run_days_min
    if state.open_share < WHOLE:
        yield f"{state.kind} is copied to {state.open_share / WHOLE:.2%} only"
    elif state.dual_run_since is None:
        yield f"{state.kind} has no dual run"
    elif state.dual_run_since > subject.before(days=days):
        yield f"{state.kind} is copied whole since {instant(state.dual_run_since)}, less than {days:g} days"


def _not_in_hypercare(state: KindState) -> Iterator[str]:
    if state.phase is not Phase.HYPERCARE:
        yield f"{state.kind} is in phase {state.phase}, not in hypercare"
    elif state.open_share < WHOLE:
        yield f"{state.kind} is copied to {state.open_share / WHOLE:.2%} only"
