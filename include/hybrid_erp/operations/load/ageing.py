"""Ageing: what each customer owes, by how long it has been due. Two ERPs that hold the same items show the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final

Cell = tuple[str, str]
"""Customer, bucket."""

#: The last day of each bucket, in days after the due date.
BUCKETS: Final = ((0, "not due"), (30, "1 to 30 days"), (60, "31 to 60 days"), (90, "61 to 90 days"))
OLDEST: Final = "over 90 days"


def bucket(due_on: date, on: date) -> str:
    """In which bucket an item is that fell due on a day."""
    days = (on - due_on).days
    return next((name for last, name in BUCKETS if days <= last), OLDEST)


def ageing(items: Iterable[tuple[str, date, Decimal]], on: date) -> dict[Cell, Decimal]:
    """What is open by customer and bucket; an item is customer, due date and amount, all in one currency."""
    cells: dict[Cell, Decimal] = defaultdict(Decimal)
    for customer, due_on, amount in items:
        cells[customer, bucket(due_on, on)] += amount
    return {cell: amount for cell, amount in sorted(cells.items()) if amount}
