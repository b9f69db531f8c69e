"""What the figures alone say of a difference between two documents of one posting."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from hybrid_erp.model.comparison import Aspect, DocumentDifference, LineDifference
from hybrid_erp.model.money import ZERO, smallest_unit
from hybrid_erp.model.reconciliation import DifferenceClass
from hybrid_erp.operations.reconcile.cells import UNMAPPED

_DATES: Final = frozenset({Aspect.ACCOUNTING_DATE, Aspect.PERIOD, Aspect.ISSUE_DATE, Aspect.DUE_DATE})
_AMOUNTS: Final = frozenset({Aspect.AMOUNT, Aspect.FUNCTIONAL_AMOUNT})
_TAXES: Final = frozenset({Aspect.TAX_CODE, Aspect.TAX_BASE})


def shape_of(difference: DocumentDifference) -> DifferenceClass | None:
    """The class that the figures speak of by themselves; None: they speak of none."""
    aspects = difference.aspects
    if has_unmapped(difference):
        return DifferenceClass.MAPPING_GAP
    if aspects <= _DATES:
        return DifferenceClass.TIMING
    if aspects == {Aspect.LEGAL_NUMBER}:
        return DifferenceClass.NUMBERING
    if aspects <= _AMOUNTS:
        if _rounded(difference):
            return DifferenceClass.ROUNDING
        if Aspect.AMOUNT not in aspects:
            return DifferenceClass.FX_RATE
    if aspects <= _AMOUNTS | _TAXES and _only_tax(difference.lines):
        return DifferenceClass.TAX
    return None


def has_unmapped(difference: DocumentDifference) -> bool:
    """Whether one of the documents stands on an account, or bears a tax code, that the mapping does not know."""
    documents = (*difference.pair.legacy, *difference.pair.cloud)
    return any(UNMAPPED in (line.account + (line.tax_code or "")) for document in documents for line in document.lines)


def _rounded(difference: DocumentDifference) -> bool:
    """At most one smallest unit of the currency for each line (ACCOUNTING B11)."""
    if not difference.lines or len(difference.pair.legacy) != 1 or len(difference.pair.cloud) != 1:
        return False
    legacy, cloud = difference.pair.legacy[0], difference.pair.cloud[0]
    spare = max(legacy.line_count, cloud.line_count) - max(len(legacy.lines), len(cloud.lines))
    lines = 1 + max(spare, 0)  # more than one line may have been summed under one key
    unit, functional_unit = smallest_unit(legacy.currency), smallest_unit(legacy.functional_currency)
    return all(
        abs(amount_gap(each)) <= unit * lines and abs(each.functional_amount) <= functional_unit * lines for each in difference.lines
    )


def _only_tax(lines: tuple[LineDifference, ...]) -> bool:
    """Tax, and the receivable that bears it."""
    taxed = [each for each in lines if _tax_code(each)]
    return bool(taxed) and all(_tax_code(each) or _party(each) for each in lines)


def _tax_code(line: LineDifference) -> str | None:
    return next((side.tax_code for side in (line.legacy, line.cloud) if side and side.tax_code), None)


def _party(line: LineDifference) -> str | None:
    return next((side.party for side in (line.legacy, line.cloud) if side and side.party), None)


def amount_gap(line: LineDifference) -> Decimal:
    """By how much it differs in the document's currency: cloud less legacy."""
    return (line.cloud.amount if line.cloud else ZERO) - (line.legacy.amount if line.legacy else ZERO)


def moved_within(difference: DocumentDifference) -> Decimal:
    """The money in functional currency that moves between customers, projects, tax codes or currencies, also where no cell shows it."""
    gaps = [line.functional_amount for line in difference.lines]
    moved = max(sum((gap for gap in gaps if gap > 0), ZERO), -sum((gap for gap in gaps if gap < 0), ZERO))
    if moved or not difference.aspects & {Aspect.AMOUNT, Aspect.CURRENCY, Aspect.PARTY, Aspect.SIGN}:
        return moved
    documents = (*difference.pair.legacy, *difference.pair.cloud)
    debits = [sum((line.functional_amount for line in each.lines if line.functional_amount > 0), ZERO) for each in documents]
    return max(debits, default=ZERO)
