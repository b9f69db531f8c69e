"""The ERPs asked directly, in their own databases, without any code of the product."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg

from hybrid_erp.settings import load_settings
from sandbox.site import Site

KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

# Entries that count: approved ones in LedgerSMB, posted ones in Tryton.
LEDGERSMB = "SELECT reference FROM gl WHERE approved"
TRYTON = "SELECT description FROM account_move WHERE state = 'posted'"


def keys_in(site: Site, erp: str, legal_entity: str) -> Sequence[str]:
    """Our key on every booked entry, once for each entry that carries it."""
    company = load_settings(site.config).erps[erp].companies[legal_entity]
    with psycopg.connect(site.cluster.dsn(company.database)) as connection:
        rows = connection.execute(LEDGERSMB if erp.startswith("ledgersmb") else TRYTON).fetchall()
    return [found.group() for (text,) in rows if text and (found := KEY.search(str(text)))]
