"""What remains at a flip and has to be signed: each difference with amount, reason and the entry that clears it (ACCOUNTING D23).

What may still arise until the switch is signed as well, class by class, up to the region's tolerance and no further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hybrid_erp.model.cutover import Direction
from hybrid_erp.model.preflight import Cell, LatestReconciliation, RemainingDifference
from hybrid_erp.model.reconciliation import ZERO_FOR_A_FLIP, DifferenceClass
from hybrid_erp.model.region_plan import ToleranceRule
from hybrid_erp.operations.preflight.subject import Subject

NO_ENTRY = "no entry: it moves nothing between accounts"


def to_sign(subject: Subject, found: LatestReconciliation) -> dict[str, list[dict[str, Any]]]:
    """Ready for JSON, as part of the evidence; the store compares the verification with it."""
    return {
        "to_sign": [_difference(subject, each) for each in found.remaining],
        "may_arise": [
            _allowance(entity, rule)
            for entity in sorted(subject.request.legal_entities)
            for rule in subject.plan.tolerances
            if _counts(subject, entity, rule)
        ],
        "let_pass": [
            {
                "legal_entity": each.legal_entity,
                "class": each.difference_class,
                "aspect": each.aspect,
                "rule": each.rule,
                "count": each.count,
            }
            for each in found.let_pass
        ],
    }


def clearing_entry(cells: Sequence[Cell], *, new_owner: str, new_owner_is_cloud: bool) -> str:
    """The entry at the new owner that makes its balances those of the old one, which holds the books until the switch."""
    lines = []
    for each in cells:
        too_much = each.amount if new_owner_is_cloud else -each.amount
        side = "credit" if too_much > 0 else "debit"
        lines.append(f"{side} {each.account} {abs(each.amount):,} {each.currency} in {each.period}")
    return f"{new_owner}: {', '.join(lines)}" if lines else NO_ENTRY


def _difference(subject: Subject, each: RemainingDifference) -> dict[str, Any]:
    request = subject.request
    entry = clearing_entry(each.cells, new_owner=request.new_owner, new_owner_is_cloud=request.direction is Direction.CUTOVER)
    return {
        "legal_entity": each.legal_entity,
        "class": each.difference_class,
        "aspect": each.aspect,
        "posting_id": str(each.posting_id) if each.posting_id else None,
        "legacy_id": each.legacy_id,
        "cloud_id": each.cloud_id,
        "number": each.number,
        "document_type": each.document_type,
        "amount": f"{each.amount:f}",
        "why": each.why,
        "cleared_by": entry,
        "remedy": DifferenceClass(each.difference_class).remedy,
    }


def _counts(subject: Subject, entity: str, rule: ToleranceRule) -> bool:
    concerned = rule.legal_entities is None or entity in rule.legal_entities
    return concerned and rule.difference not in ZERO_FOR_A_FLIP and rule.expires_on >= subject.today


def _allowance(entity: str, rule: ToleranceRule) -> dict[str, Any]:
    return {
        "legal_entity": entity,
        "class": rule.difference.value,
        "amount": f"{rule.amount:f}",
        "without_money": rule.without_money,
        "owner": rule.owner,
        "reason": rule.reason,
    }
