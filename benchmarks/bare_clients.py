"""What somebody would write who wanted nothing but to post: no claim, no key, no look-up, no read back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import requests

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.settings import load_settings
from sandbox.site import Site
from tests.builders import CONFIG

Post = Callable[[Sequence[dict[str, Any]]], None]

GL = "INSERT INTO gl (reference, description, transdate, approved, trans_type_code) VALUES (%s, %s, %s, true, 'gl') RETURNING id"
LINE = "INSERT INTO acc_trans (trans_id, chart_id, amount, transdate, source, memo, approved) VALUES (%s, %s, %s, %s, %s, %s, true)"


def _native_account(erp: str, legal_entity: str, entry: dict[str, Any], account: str) -> str:
    from datetime import date

    mapping, on = load_settings(CONFIG).mappings[erp], date.fromisoformat(entry["accounting_date"])
    return mapping.native_account(account, legal_entity=legal_entity, document_type=DocumentType.JOURNAL_ENTRY, dimensions=(), on=on)


@contextmanager
def ledgersmb(site: Site, erp: str, legal_entity: str) -> Iterator[Post]:
    """Plain SQL inserts, one commit an entry, as the ERP's own programs do it."""
    terms = site.connections()[load_settings(CONFIG).erps[erp].companies[legal_entity].connection]
    with psycopg.connect(host=terms["host"], port=terms["port"], user=terms["login"], dbname=terms["schema"]) as connection:  # type: ignore[arg-type]
        accounts: dict[str, int] = dict(connection.execute("SELECT accno, id FROM account").fetchall())
        natives: dict[str, int] = {}

        def post(entries: Sequence[dict[str, Any]]) -> None:
            for entry in entries:
                number, on = entry["number"], entry["accounting_date"]
                row = connection.execute(GL, (number, number, on)).fetchone()
                assert row is not None
                for line in entry["lines"]:
                    account = line["account"]
                    if account not in natives:
                        natives[account] = accounts[_native_account(erp, legal_entity, entry, account)]
                    amount = Decimal(line.get("credit", 0)) - Decimal(line.get("debit", 0))
                    connection.execute(LINE, (row[0], natives[account], amount, on, number, number))
                connection.commit()

        yield post


@contextmanager
def tryton(site: Site, erp: str, legal_entity: str) -> Iterator[Post]:
    """Create and post over REST, on one kept connection."""
    company = load_settings(CONFIG).erps[erp].companies[legal_entity]
    terms = site.connections()[company.connection]
    root = f"http://{terms['host']}:{terms['port']}/{company.database}/rest/model/"
    with requests.Session() as session:
        session.headers.update({"Authorization": f"bearer {terms['password']}", "Content-Type": "application/json"})

        def search(model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
            encoded = base64.urlsafe_b64encode(json.dumps(domain).encode()).decode()
            found = session.get(root + model, params=[("d", encoded), *(("f", name) for name in fields)], timeout=30)
            found.raise_for_status()
            return list(found.json())

        (own,) = search("company.company", [])
        session.headers["X-Tryton-Context"] = base64.urlsafe_b64encode(json.dumps({"company": own["id"]}).encode()).decode()
        journal = search("account.journal", [["code", "=", "MISC"]])[0]["id"]
        natives: dict[str, int] = {}
        periods: dict[str, int] = {}

        def post(entries: Sequence[dict[str, Any]]) -> None:
            for entry in entries:
                on = entry["accounting_date"]
                if on not in periods:
                    day = {"__class__": "date", "year": int(on[:4]), "month": int(on[5:7]), "day": int(on[8:])}
                    within = [["start_date", "<=", day], ["end_date", ">=", day], ["type", "=", "standard"]]
                    periods[on] = search("account.period", within)[0]["id"]
                lines = []
                for line in entry["lines"]:
                    account = line["account"]
                    if account not in natives:
                        code = _native_account(erp, legal_entity, entry, account)
                        natives[account] = search("account.account", [["code", "=", code]])[0]["id"]
                    sides = {side: {"__class__": "Decimal", "decimal": str(line.get(side, 0))} for side in ("debit", "credit")}
                    lines.append({"account": natives[account], **sides})
                day = {"__class__": "date", "year": int(on[:4]), "month": int(on[5:7]), "day": int(on[8:])}
                move = {"company": own["id"], "journal": journal, "period": periods[on], "date": day, "description": entry["number"]}
                made = session.post(root + "account.move", data=json.dumps(move | {"lines": [["create", lines]]}), timeout=30)
                made.raise_for_status()
                session.post(f"{root}account.move/{made.json()['id']}/post", data="{}", timeout=30).raise_for_status()

        yield post


@contextmanager
def stub(url: str) -> Iterator[Post]:
    """One POST an entry, on one kept connection."""
    with requests.Session() as session:

        def post(entries: Sequence[dict[str, Any]]) -> None:
            for entry in entries:
                session.post(url + "/", json=entry, timeout=30).raise_for_status()

        yield post
