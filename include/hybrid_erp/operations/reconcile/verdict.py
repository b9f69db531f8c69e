"""Whether a legal entity passes: nothing is unexplained, every other class is within the region's tolerances, and every check holds.

A tolerance is compared with money moved in sum, never with what is left when debits and credits cancel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Check, Difference, DifferenceClass, LeftOut, Tolerance, Verdict
from hybrid_erp.model.region_plan import IgnoreRule


def let_pass(differences: Iterable[Difference], rules: Sequence[IgnoreRule], on: date) -> tuple[Difference, ...]:
    """The same differences, each that a rule lets pass marked with it; one that moves money or that nothing explains is never marked."""
    in_force: dict[str, IgnoreRule] = {rule.aspect: rule for rule in rules if rule.expires_on >= on}
    return tuple(_marked(difference, in_force) for difference in differences)


def _marked(difference: Difference, rules: dict[str, IgnoreRule]) -> Difference:
    known = all(aspect in rules for aspect in difference.aspects)
    if difference.gross or difference.difference_class is DifferenceClass.UNEXPLAINED or not known:
        return difference
    rule = rules[difference.aspects[0]]
    return replace(difference, ignored=f"{rule.owner}: {rule.reason}")


def verdict_of(
    legal_entity: str,
    differences: Sequence[Difference],
    checks: Sequence[Check],
    left_out: Sequence[LeftOut],
    tolerances: Sequence[Tolerance],
    on: date,
) -> Verdict:
    """Pass or fail, with every reason."""
    reasons = [reason for each in DifferenceClass for reason in _reasons(each, legal_entity, differences, tolerances, on)]
    reasons += [f"{check.name}: expected {check.expected}, found {check.found} ({check.erp})" for check in checks if not check.holds]
    for accounts in left_out:
        if not accounts.held:
            total = f"{accounts.amount:,} {accounts.currency}, not {accounts.control_total:,}"
            reasons.append(f"accounts {', '.join(accounts.accounts) or '(none)'} of {accounts.erp}, {accounts.scope}, sum to {total}")
    return Verdict(not reasons, tuple(reasons))


def _reasons(
    difference_class: DifferenceClass, legal_entity: str, differences: Sequence[Difference], tolerances: Sequence[Tolerance], on: date
) -> list[str]:
    counted = [each for each in differences if each.difference_class is difference_class and not each.ignored and not each.arrived]
    if not counted:
        return []
    tolerance = next((each for each in tolerances if _applies(each, difference_class, legal_entity, on)), None)
    gross = sum((each.gross for each in counted), ZERO)
    without_money = sum(1 for each in counted if not each.gross)
    if difference_class is DifferenceClass.UNEXPLAINED or tolerance is None:
        return [f"{len(counted)} {difference_class}: {gross:,} in sum"]
    return _above(difference_class, gross, without_money, tolerance)


def _applies(tolerance: Tolerance, difference_class: DifferenceClass, legal_entity: str, on: date) -> bool:
    for_it = tolerance.legal_entities is None or legal_entity in tolerance.legal_entities
    return tolerance.difference_class is difference_class and for_it and tolerance.expires_on >= on


def _above(difference_class: DifferenceClass, gross: Decimal, without_money: int, tolerance: Tolerance) -> list[str]:
    reasons = []
    if gross > tolerance.amount:
        reasons.append(f"{difference_class}: {gross:,} in sum, tolerated are {tolerance.amount:,} ({tolerance.owner})")
    if without_money > tolerance.without_money:
        reasons.append(
            f"{difference_class}: {without_money} that move no money, tolerated are {tolerance.without_money} ({tolerance.owner})"
        )
    return reasons
