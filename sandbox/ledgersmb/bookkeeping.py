"""What a bookkeeper enters in the ERP by hand, past the facade: rows as the ERP's own screens write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

ADD_ENTRY = "INSERT INTO gl (reference, description, transdate, approved) VALUES (setting_increment('glnumber'), %s, %s, true) RETURNING id"
ADD_LINE = """
    INSERT INTO acc_trans (trans_id, chart_id, amount, transdate, memo, approved)
    SELECT %s, id, %s, %s, %s, true FROM account WHERE accno = %s
"""


def enter_journal(connection: Connection, on: date, description: str, lines: Sequence[tuple[str, Decimal]]) -> int:
    """Enter a journal entry natively, in one transaction; lines are (account of the ERP, amount, debit positive). Returns the ERP's id.

    Raises:
        ValueError: It does not balance: the ERP's screens refuse that, its tables do not. Or an account is unknown.
    """
    if gap := sum((amount for _, amount in lines), Decimal(0)):
        raise ValueError(f"The entry is out of balance by {gap}.")
    with connection.transaction():
        row = connection.execute(ADD_ENTRY, (description, on)).fetchone()
        assert row is not None
        for account, amount in lines:
            if connection.execute(ADD_LINE, (row[0], -amount, on, description, account)).rowcount != 1:
                raise ValueError(f"There is no account {account}.")
    return int(row[0])
