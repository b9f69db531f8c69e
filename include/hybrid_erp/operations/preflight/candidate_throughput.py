"""The new owner has taken as much in an hour as a month end brings."""

from __future__ import annotations

from typing import Final

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.operations.preflight.answer import answer, instant
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject

LOOKED_AT_DAYS: Final = 100
"""A quarter end lies within."""


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Look for the hour in which it took the most copies. What it took is a lower bound of what it can take."""
    request, wanted = subject.request, subject.cutover.copies_per_hour_min
    best = facts.deliveries.busiest_hour(request.legal_entities, request.new_owner, since=subject.before(days=LOOKED_AT_DAYS))
    copies = best.copies if best else 0
    told = f"took {copies} copies at best, in the hour from {instant(best.began_at)}" if best else "has taken no copy in a whole hour yet"
    return answer(
        __name__,
        failures=[f"{request.new_owner} {told}, and {wanted} are wanted"] if copies < wanted else (),
        well=f"{request.new_owner} {told}" + (f", and {wanted} are wanted" if wanted else "; the plan asks for no minimum"),
        remedy=f"Let the month-end peak run through the dual run, raise `candidate_slots` of {request.new_owner}, or correct "
        "`copies_per_hour_min` of the plan.",
        evidence={"copies_per_hour_min": wanted, "copies": copies, "began_at": instant(best.began_at) if best else None},
    )
