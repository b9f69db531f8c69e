"""Tier 2: open items by customer and by document, where the documents found so far do not account for the difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from decimal import Decimal

from hybrid_erp.model.books import OpenReceivable
from hybrid_erp.model.comparison import DocumentDifference
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Difference, DifferenceClass

CustomerAccount = tuple[str, str]
"""Control account and customer."""


def unequal_items(
    legal_entity: str,
    legacy: Sequence[OpenReceivable],
    cloud: Sequence[OpenReceivable],
    documents: Iterable[DocumentDifference],
    receivables: Container[str],
) -> list[Difference]:
    """One difference for each customer whose open items differ by more than the documents that differ.

    It moves no cell of the trial balance: which receipt settles which invoice is the subledger's own.
    """
    gaps = _sums(cloud)
    for key, amount in _sums(legacy).items():
        gaps[key] -= amount
    for document in documents:
        for line in document.lines:
            side = line.cloud or line.legacy
            if side is not None and side.account in receivables and side.party is not None:
                gaps[(side.account, side.party)] -= line.functional_amount
    return [_difference(legal_entity, key, gap, legacy, cloud) for key, gap in sorted(gaps.items()) if gap]


def _sums(items: Iterable[OpenReceivable]) -> dict[CustomerAccount, Decimal]:
    sums: dict[CustomerAccount, Decimal] = defaultdict(lambda: ZERO)
    for item in items:
        sums[(item.account, item.customer)] += item.functional_open_amount
    return sums


def _difference(
    legal_entity: str, key: CustomerAccount, gap: Decimal, legacy: Sequence[OpenReceivable], cloud: Sequence[OpenReceivable]
) -> Difference:
    account, customer = key
    return Difference(
        DifferenceClass.UNEXPLAINED,
        legal_entity,
        "open items",
        (),
        legacy=_told(legacy, key),
        cloud=_told(cloud, key),
        number=customer,
        document_type="customer",
        why=f"Open items of {customer} on {account} differ by {gap:+,} more than the documents that differ: compare how they are settled.",
        moved=abs(gap),
    )


def _told(items: Sequence[OpenReceivable], key: CustomerAccount) -> str:
    own = [item for item in items if (item.account, item.customer) == key]
    told = [f"{item.legal_number or item.number} {item.open_amount:,} {item.currency}" for item in own[:8]]
    more = [f"and {len(own) - 8} more"] if len(own) > 8 else []
    return ", ".join(told + more) or "nothing"
