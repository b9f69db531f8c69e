"""Documents of the large books, read again with other amounts: what an ERP would tell after somebody changed them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, LiteralString

from psycopg import Connection

from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.books import Entry, Origin

STORED: Final[LiteralString] = """
    SELECT d.number, d.posting_id, d.accounting_on, accounts, array_agg(e.dimensions::jsonb ORDER BY place), cents
    FROM large_document d CROSS JOIN generate_series(1, 4) AS place JOIN observed_detail e ON e.detail_id = details[place]
    WHERE d.number = ANY(%s) GROUP BY d.number, d.posting_id, d.accounting_on, accounts, cents ORDER BY d.number
"""


def entries(connection: Connection[tuple[Any, ...]], numbers: Sequence[int], more: dict[int, Decimal]) -> list[Entry]:
    """These documents, with so much more on the second line of each that is named."""
    told = []
    for number, posting_id, accounting_on, accounts, details, cents in connection.execute(STORED, (list(numbers),)):
        amounts = [Decimal(each) / 100 for each in cents]
        amounts[1] += more.get(number, Decimal(0))
        lines = tuple(
            BookingLine(account, amount, amount, tuple((name, value) for name, value in dimensions))
            for account, amount, dimensions in zip(accounts, amounts, details, strict=True)
        )
        booking = Booking("DE01", accounting_on, "EUR", "EUR", lines)
        told.append(Entry(f"entry,{number}", str(number), Origin.FACADE, True, booking, posting_id=posting_id))
    return told
