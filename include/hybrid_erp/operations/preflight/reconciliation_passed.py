"""A fresh reconciliation of the whole region passed, and found nothing that must be zero (ACCOUNTING D23)."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid_erp.model.cutover import CheckResult
from hybrid_erp.model.preflight import LatestReconciliation
from hybrid_erp.model.reconciliation import ZERO_FOR_A_FLIP
from hybrid_erp.operations.preflight.answer import answer, instant, listed
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.subject import Subject
from hybrid_erp.operations.preflight.to_sign import to_sign


def check(subject: Subject, facts: Facts) -> CheckResult:
    """Look at the last reconciliation that has ended: what it covers, on which configuration, and what it found."""
    region = subject.request.region
    found = facts.reconciliations.latest(region)
    remedy = f"Run `reconcile_{region}` for the whole region, follow what its report says, and run this again."
    if found is None:
        return answer(__name__, failures=[f"no reconciliation of {region} has ended"], well="", remedy=remedy)
    other = {name: figures for name, figures in sorted(found.differences.items()) if name not in ZERO_FOR_A_FLIP}
    signed = "; to be signed by the controllers: " + listed(f"{n} {name} ({sum_})" for name, (n, sum_) in other.items()) if other else ""
    return answer(
        __name__,
        failures=list(_failures(subject, found)),
        well=f"reconciliation {found.reconciliation_id} passed at {instant(found.finished_at)}, with nothing that must be zero{signed}",
        remedy=remedy,
        evidence={
            "reconciliation_id": str(found.reconciliation_id),
            "finished_at": instant(found.finished_at),
            "legal_entities": sorted(found.legal_entities),
            "differences": {name: {"count": n, "sum": f"{total:f}"} for name, (n, total) in sorted(found.differences.items())},
            **to_sign(subject, found),
        },
    )


def _failures(subject: Subject, found: LatestReconciliation) -> Iterator[str]:
    minutes = subject.cutover.reconciliation_minutes_max
    if not found.passed:
        yield f"the reconciliation of {instant(found.finished_at)} did not pass: {listed(found.reasons) or 'it gives no reason'}"
    if lacking := sorted(set(subject.request.legal_entities) - found.legal_entities):
        yield f"{', '.join(lacking)} was not reconciled"
    if found.finished_at < subject.before(minutes=minutes):
        yield f"it ended at {instant(found.finished_at)}, more than {minutes} minutes ago"
    if found.configuration != subject.versions.configuration:
        yield "it went by another configuration"
    if changed := sorted(erp for erp, version in subject.versions.mappings.items() if found.mappings.get(erp) != version):
        yield f"it went by another mapping of {', '.join(changed)}"
    for name in sorted(ZERO_FOR_A_FLIP & set(found.differences)):
        yield f"must be zero: {found.differences[name][0]} {name}"
