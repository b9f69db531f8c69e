"""Nothing waits for a person, nothing is in doubt, and no mark is old: a drain would not end (PROTOCOL F2, Y3)."""

from __future__ import annotations

from typing import Final

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject

MARK_MINUTES_MAX: Final = 5
"""What may have reached an ERP and is not settled after so long will hold up the drain."""


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Count dead letters, doubts, old marks and copies that were given up, of the kinds that move and of reference documents."""
    kinds = [*(each.value for each in subject.request.kinds), PostingKind.REFERENCE.value]
    found = facts.deliveries.stuck(subject.request.region, kinds, marked_before=subject.before(minutes=MARK_MINUTES_MAX))
    return answer(
        __name__,
        failures=[str(each) for each in found],
        well=f"no dead letters, none in doubt, no copy given up, and no mark older than {MARK_MINUTES_MAX} minutes",
        remedy="Repair the dead letters and run `replay_dead_letters`; look at the ERP of what is in doubt; pin the entity of a copy that "
        "was given up.",
        evidence={
            "stuck": [
                {
                    "legal_entity": each.legal_entity,
                    "kind": each.kind,
                    "erp": each.erp,
                    "role": each.role,
                    "what": each.what,
                    "postings": each.postings,
                }
                for each in found
            ]
        },
    )
