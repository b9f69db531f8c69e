"""Tier 2: what each customer owes; and the open items, where the documents found so far do not account for the difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from decimal import Decimal

from hybrid_erp.model.books import CustomerBalance, OpenReceivable
from hybrid_erp.model.comparison import DocumentDifference
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Difference, DifferenceClass

CustomerAccount = tuple[str, str]
"""Control account and customer."""


def unequal_customers(
    legacy: Iterable[CustomerBalance],
    cloud: Iterable[CustomerBalance],
    documents: Iterable[DocumentDifference],
    receivables: Container[str],
) -> dict[CustomerAccount, Decimal]:
    """The customers whose balances differ by more than the documents that differ, and by how much."""
    gaps = _sums(cloud)
    for key, amount in _sums(legacy).items():
        gaps[key] -= amount
    for document in documents:
        for line in document.lines:
            side = line.cloud or line.legacy
            if side is not None and side.account in receivables and side.party is not None:
                gaps[(side.account, side.party)] -= line.functional_amount
    return {key: gap for key, gap in gaps.items() if gap}


def _sums(balances: Iterable[CustomerBalance]) -> dict[CustomerAccount, Decimal]:
    sums: dict[CustomerAccount, Decimal] = defaultdict(lambda: ZERO)
    for balance in balances:
        sums[(balance.account, balance.customer)] += balance.amount
    return sums


def unequal_items(
    legal_entity: str, key: CustomerAccount, gap: Decimal, legacy: Sequence[OpenReceivable], cloud: Sequence[OpenReceivable]
) -> Difference:
    """A customer whose balances differ, with the open items of both ERPs.

    It moves no cell of the trial balance: which receipt settles which invoice is the subledger's own.
    """
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
