"""What an ERP's books hold, as the ERP itself tells it: our keys, and the trial balance in canonical accounts."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import psycopg
import requests

from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.money import ZERO
from hybrid_erp.settings import Settings
from sandbox.site import Site

KEY: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

# The ledger's documents and the notes on customers and projects, wherever a key may stand; drafts do not count.
LEDGERSMB_TEXTS: Final = """
    SELECT reference FROM gl WHERE approved AND trans_type_code = 'gl'
    UNION ALL SELECT ponumber FROM ar WHERE approved
    UNION ALL SELECT notes FROM payment
    UNION ALL SELECT subject FROM eca_note
"""
# An amount above zero is a credit there; both rows of a foreign currency amount count.
LEDGERSMB_BALANCES: Final = """
    SELECT a.accno, -sum(t.amount) FROM acc_trans t JOIN account a ON a.id = t.chart_id
    WHERE t.approved AND t.trans_id IN (SELECT id FROM gl WHERE approved UNION ALL SELECT id FROM ar WHERE approved
                                        UNION ALL SELECT id FROM ap WHERE approved)
    GROUP BY a.accno
"""


@dataclass(frozen=True, slots=True)
class Books:
    """One company's books in one ERP."""

    erp: str
    legal_entity: str
    keys: Counter[str]
    """How many documents carry each of our keys."""
    balances: dict[str, Decimal]
    """By canonical account, debit positive; an account that the mapping does not know under its own name."""


def read_books(site: Site, settings: Settings, legal_entities: Collection[str] | None = None) -> list[Books]:
    """Ask every configured ERP, LedgerSMB by SQL, Tryton over HTTP: all companies, or those of some legal entities."""
    return [
        (_ledgersmb if erp.dialect == "sql" else _tryton)(site, name, legal_entity, settings)
        for name, erp in settings.erps.items()
        for legal_entity in erp.companies
        if legal_entities is None or legal_entity in legal_entities
    ]


def _ledgersmb(site: Site, erp: str, legal_entity: str, settings: Settings) -> Books:
    database = settings.erps[erp].companies[legal_entity].database
    with psycopg.connect(site.cluster.dsn(database)) as connection:
        texts = [str(text) for (text,) in connection.execute(LEDGERSMB_TEXTS) if text]
        balances = [(str(account), Decimal(str(amount))) for account, amount in connection.execute(LEDGERSMB_BALANCES)]
    return Books(erp, legal_entity, _keys(texts), _canonical(balances, settings.mappings[erp], legal_entity))


def _tryton(site: Site, erp: str, legal_entity: str, settings: Settings) -> Books:
    company = settings.erps[erp].companies[legal_entity]
    terms = site.connections()[f"{company.connection}_run_off"]
    root = f"http://127.0.0.1:{site.ports['tryton']}/{company.database}/rest/model/"
    with requests.Session() as session:
        session.headers["Authorization"] = f"bearer {terms['password']}"
        company_id = _search(session, root, "company.company", [], "rec_name")[0]["id"]
        context = {"company": company_id, "posted": True}
        session.headers["X-Tryton-Context"] = base64.urlsafe_b64encode(json.dumps(context).encode()).decode()
        moves = _search(session, root, "account.move", [["state", "=", "posted"]], "description", "origin")
        invoices = _search(session, root, "account.invoice", [["state", "in", ["posted", "paid"]]], "description")
        # The move of an invoice is the invoice's; it is counted there.
        texts = [row["description"] for row in moves if not str(row["origin"] or "").startswith("account.invoice")]
        texts += [row["description"] for row in invoices]
        texts += [row["value"] for row in _search(session, root, "party.contact_mechanism", [["type", "=", "other"]], "value")]
        texts += [row["comment"] for row in _search(session, root, "project.work", [["comment", "!=", None]], "comment")]
        accounts = _search(session, root, "account.account", [["type", "!=", None], ["closed", "!=", True]], "code", "balance")
    balances = [(str(row["code"]), Decimal(row["balance"]["decimal"])) for row in accounts]
    return Books(erp, legal_entity, _keys(texts), _canonical(balances, settings.mappings[erp], legal_entity))


def _search(session: requests.Session, root: str, model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
    encoded = base64.urlsafe_b64encode(json.dumps(domain).encode()).decode()
    terms: list[tuple[str, str]] = [("d", encoded), ("s", "10000"), *(("f", field) for field in fields)]
    answer = session.get(root + model, params=terms, headers={"Accept-Encoding": "identity"}, timeout=60, stream=True)
    answer.raise_for_status()
    # This ERP labels plain bodies as gzip: what counts is what came.
    return list(json.loads(answer.raw.read(decode_content=False)))


def _keys(texts: Iterable[str | None]) -> Counter[str]:
    return Counter(key for text in texts if text for key in set(KEY.findall(text)))


def _canonical(balances: Iterable[tuple[str, Decimal]], mapping: Mapping, legal_entity: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for native, amount in balances:
        account = mapping.canonical_account(native, legal_entity=legal_entity) or f"{native} (not mapped)"
        found[account] = found.get(account, ZERO) + amount
    return {account: amount for account, amount in sorted(found.items()) if amount}
