"""The sum of all classes equals the total difference, always: what no document explains is a difference of its own, unexplained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import BalanceRow, Difference, DifferenceClass, Place


def explained(rows: Sequence[BalanceRow], differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences, and one more for each cell that they do not explain to the cent."""
    differences = tuple(differences)
    rest: dict[Place, Decimal] = defaultdict(lambda: ZERO, {row.place: row.difference for row in rows})
    for difference in differences:
        for place, amount in difference.amounts:
            rest[place] -= amount
    complete = (*differences, *(_unexplained(place, amount) for place, amount in rest.items() if amount))
    require_whole(rows, complete)
    return complete


def _unexplained(place: Place, amount: Decimal) -> Difference:
    return Difference(
        DifferenceClass.UNEXPLAINED,
        place.legal_entity,
        "amount",
        ((place, amount),),
        why=f"{place.account} in {place.period} differs by {amount:+,} {place.currency} more than the documents of both ERPs account for.",
    )


def require_whole(rows: Iterable[BalanceRow], differences: Iterable[Difference]) -> None:
    """Hold that every cell's difference is the sum of its classes, and nothing else is told of it."""
    sums: dict[Place, Decimal] = defaultdict(lambda: ZERO)
    for difference in differences:
        for place, amount in difference.amounts:
            sums[place] += amount
    total = {row.place: row.difference for row in rows if row.difference}
    told = {place: amount for place, amount in sums.items() if amount}
    assert told == total, f"the classes come to {told}, the trial balance differs by {total}"
