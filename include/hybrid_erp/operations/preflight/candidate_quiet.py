"""A copy is not printed, sent, dunned or collected, in the ERP that takes copies now and in the one that will (ACCOUNTING B12)."""

from __future__ import annotations

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.operations.preflight.answer import answer
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Ask each company what could make a copy loud; what the configuration says is quieted there counts as quiet."""
    failures: list[str] = []
    because: dict[str, str] = {}
    quieted: dict[str, dict[str, str]] = {}
    for erp in subject.owners:
        means = subject.quieted.get(erp, {})
        for legal_entity in subject.request.legal_entities:
            told = facts.companies.quietness(erp, legal_entity)
            because[erp] = told.because
            failures += [f"{each.name} of {legal_entity} at {erp} {each.what}" for each in told.loud if each.name not in means]
            quieted.setdefault(erp, {}).update({each.name: means[each.name] for each in told.loud if each.name in means})
    named = "; ".join(f"{name} at {erp}: {means}" for erp, found in quieted.items() for name, means in sorted(found.items()))
    return answer(
        __name__,
        failures=failures,
        well="; ".join(f"{erp}: {why}" for erp, why in because.items()) + (f". Quieted: {named}" if named else ""),
        remedy="Keep copies from it by the ERP's own means, and name it with that means under `quieted` of the ERP in config/erps.yaml.",
        evidence={"because": because, "loud": failures, "quieted": quieted},
    )
