"""Every intercompany pair with this region on either side is whole (ACCOUNTING B14)."""

from __future__ import annotations

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask for the halves that are missing, unposted or unequal an hour after they were accepted, in other regions too."""
    entities = subject.request.legal_entities
    found = facts.pairs.half_pairs(entities, subject.firm_entities)
    return answer(
        __name__,
        failures=[f"{each.pair_id}: {each.legal_entity} booked {each.expected}, {each.found}" for each in found],
        well=f"every pair of {', '.join(entities)} with each other and with other regions is whole",
        remedy="Have the source send the missing half, or repair it and run `replay_dead_letters`; an unequal one is corrected upstream.",
        evidence={"half_pairs": [{"pair": each.pair_id, "legal_entity": each.legal_entity, "partner": each.partner} for each in found]},
    )
