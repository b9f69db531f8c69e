"""Nothing moves live on a day that the calendar keeps free (ACCOUNTING D24)."""

from __future__ import annotations

from datetime import timedelta

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.cutover_plan import Blackout
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Look at every day that this run may last until: the time for approvals, and the longest freeze."""
    plan = subject.cutover
    last_on = (subject.now + timedelta(minutes=plan.approval_minutes_max, seconds=plan.freeze_seconds_max)).date()
    met = [each for each in plan.blackouts if _concerns(each, subject) and each.first_on <= last_on and each.last_on >= subject.today]
    told = [f"{each.reason}: nothing moves from {each.first_on} to {each.last_on}" for each in met]
    return answer(
        __name__,
        failures=told if subject.is_live else (),
        warnings=told,
        well="no blackout date until the approvals and the longest freeze are over",
        remedy="Run it live on another day; a rehearsal or a dry run may go on.",
        evidence={"met": [{"first_on": str(each.first_on), "last_on": str(each.last_on), "reason": each.reason} for each in met]},
    )


def _concerns(blackout: Blackout, subject: Subject) -> bool:
    return blackout.legal_entities is None or bool(blackout.legal_entities & set(subject.request.legal_entities))
