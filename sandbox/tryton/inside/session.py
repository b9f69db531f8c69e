"""One transaction inside Tryton, with its rules and without its web server."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def run(task: Callable[[Any, dict[str, Any]], None]) -> None:
    """Run `task(pool, orders)` as `python -m ... CONFIG DATABASE`, orders as JSON on standard input, in one transaction.

    Tryton asks for table locks by raising, to be given them when the transaction starts again.
    """
    from trytond.config import config

    config.update_etc(sys.argv[1])
    # These read the configuration when they are imported.
    from trytond.pool import Pool
    from trytond.transaction import Transaction, TransactionError

    database, orders = sys.argv[2], json.load(sys.stdin)
    Pool.start()
    pool = Pool(database)
    pool.init()
    extras: dict[str, Any] = {}
    while True:
        with Transaction().start(database, 0, **extras) as transaction:
            try:
                task(pool, orders)
            except TransactionError as locks:
                transaction.rollback()
                locks.fix(extras)
                continue
            transaction.commit()
            return
