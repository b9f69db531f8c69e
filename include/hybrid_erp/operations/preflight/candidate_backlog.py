"""The new owner keeps up: no copy, and no posting, waits for longer than the plan allows."""

from __future__ import annotations

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.model.preflight import Backlog
from hybrid_erp.operations.preflight.answer import answer, instant
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask since when the oldest that waits could have been there. What has just come in may wait, and is no evidence."""
    seconds = subject.cutover.lag_seconds_max
    kinds = [*(each.value for each in subject.request.kinds), PostingKind.REFERENCE.value]
    waiting = facts.deliveries.backlog(subject.request.region, kinds, subject.request.new_owner)
    late = [each for each in waiting if each.oldest_at < subject.before(seconds=seconds)]
    return answer(
        __name__,
        failures=[_told(each) for each in late],
        well=f"no copy and no posting has waited for more than {seconds:g} s",
        remedy=f"Look at `shadow_{subject.request.new_owner}` and `deliver_{subject.request.old_owner}`: what holds them up?",
        evidence={
            "lag_seconds_max": seconds,
            "late": [
                {"legal_entity": each.legal_entity, "erp": each.erp, "role": each.role, "oldest_at": instant(each.oldest_at)}
                for each in late
            ],
        },
    )


def _told(late: Backlog) -> str:
    what = "copies" if late.role == "candidate" else "postings"
    where = f"for {late.erp}" if late.erp else "for their owner"
    return f"{late.postings} {what} of {late.legal_entity} wait {where}, the oldest since {instant(late.oldest_at)}"
