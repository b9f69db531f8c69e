"""The new owner takes postings in every period that moves to it."""

from __future__ import annotations

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.periods import closed_periods
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask the new owner for each legal entity and each period, from the first that moves to the present one."""
    request, periods = subject.request, subject.periods
    closed = closed_periods(subject, facts.companies, request.new_owner)
    span = periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
    return answer(
        __name__,
        failures=[f"{legal_entity} takes nothing in {', '.join(which)}" for legal_entity, which in closed.items()],
        well=f"{request.new_owner} takes postings of {', '.join(request.legal_entities)} in {span}",
        remedy=f"Open the periods in {request.new_owner}, or make its fiscal year; then run this again.",
        evidence={"erp": request.new_owner, "periods": list(periods), "closed": closed},
    )
