"""Nothing moves live on a day that the calendar keeps free, unless a second controller of each legal entity agrees (ACCOUNTING D24)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.cutover_plan import Blackout
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Look at every day that this run may last until: the time for approvals, and the longest freeze.

    Overridden, it is a warning: the second controllers say yes to it, or the store freezes nothing.
    """
    plan, why = subject.cutover, subject.request.override_blackout
    last_on = (subject.now + timedelta(minutes=plan.approval_minutes_max, seconds=plan.freeze_seconds_max)).date()
    met = [each for each in plan.blackouts if _kept_free(each, subject) and each.first_on <= last_on and each.last_on >= subject.today]
    told = [f"{each.reason}: nothing moves from {each.first_on} to {each.last_on}" for each in met]
    overridden = sorted({entity for each in met for entity in _kept_free(each, subject)}) if subject.is_live and why else []
    if overridden:
        failures = list(_alone(overridden, subject, facts))
        told.append(f"overridden if a second controller of {', '.join(overridden)} agrees: {why}")
    else:
        failures = told if subject.is_live else []
    evidence = {"met": [{"first_on": str(each.first_on), "last_on": str(each.last_on), "reason": each.reason} for each in met]}
    return answer(
        __name__,
        failures=failures,
        warnings=told,
        well="no blackout date until the approvals and the longest freeze are over",
        remedy=_remedy(overridden, failures),
        evidence=evidence | ({"overridden": overridden} if overridden else {}),
    )


def _kept_free(blackout: Blackout, subject: Subject) -> frozenset[str]:
    """For which legal entities of the request."""
    entities = frozenset(subject.request.legal_entities)
    return entities if blackout.legal_entities is None else entities & blackout.legal_entities


def _alone(entities: list[str], subject: Subject, facts: Facts) -> Iterator[str]:
    """A controller who approves the move cannot override its date as well, and who asks can do neither."""
    known = facts.surroundings.known_logins()
    for entity in entities:
        named = subject.cutover.approvers.controllers.get(entity, ())
        able = {each for each in named if each != subject.request.requested_by and (known is None or each in known)}
        if len(able) < 2:
            who = ", ".join(sorted(able)) or "nobody"
            yield f"{entity} has no second controller who could override its blackout date: {who} can answer"


def _remedy(overridden: list[str], failures: list[str]) -> str:
    if not overridden:
        return "Run it live on another day, or say in `override_blackout` why not; a rehearsal or a dry run may go on."
    if failures:
        return "Name another controller who can sign in, in the plan's `cutover.approvers.controllers`; or run it on another day."
    return "Two controllers of each legal entity named have to answer, one for the move and another one for its date."
