"""People at the ERPs' own screens, for the demonstration: what they enter bears no mark of the facade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import psycopg
import requests

from hybrid_erp.adapters.erps.tryton.values import as_amount, as_date
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.settings import Settings
from sandbox.golden import SECRETS
from sandbox.ledgersmb.credentials import login_name
from sandbox.postgres import HOST
from sandbox.site import Site
from sandbox.tryton.secrets import ADMINISTRATOR, BOOKKEEPER, load

ADD_ENTRY: Final = """
    INSERT INTO gl (reference, description, transdate, approved) VALUES (setting_increment('glnumber'), %s, %s, true) RETURNING id
"""
ADD_LINE: Final = """
    INSERT INTO acc_trans (trans_id, chart_id, amount, transdate, memo) SELECT %s, id, %s, %s, %s FROM account WHERE accno = %s
"""

Lines = dict[str, Decimal]
"""Canonical account to amount, debit positive."""


@dataclass(frozen=True, slots=True)
class LedgerSmbBookkeeper:
    """The bookkeeper of a company in LedgerSMB."""

    site: Site
    settings: Settings
    legal_entity: str

    def enter(self, on: date, text: str, lines: Lines) -> None:
        """A journal entry, as the ERP's screen writes it."""
        erp = self.settings.regions[self.settings.region_of[self.legal_entity]].legacy
        database = self.settings.erps[erp].companies[self.legal_entity].database
        login = login_name(self.legal_entity, "bookkeeper")
        with psycopg.connect(self.site.cluster.dsn(database, login)) as connection:
            row = connection.execute(ADD_ENTRY, (text, on)).fetchone()
            assert row is not None
            for account, amount in lines.items():
                native = _native(self.settings, erp, self.legal_entity, account, on)
                connection.execute(ADD_LINE, (row[0], -amount, on, text, native))  # an amount above zero is a credit there


@dataclass(frozen=True, slots=True)
class TrytonPerson:
    """The bookkeeper and the administrator of a company in Tryton, by its own client's protocol."""

    site: Site
    settings: Settings
    legal_entity: str

    def enter(self, on: date, text: str, lines: Lines) -> None:
        """A journal entry, posted."""
        company = self._one("company.company", [])
        rows = []
        for account, amount in lines.items():
            native = _native(self.settings, self._erp, self.legal_entity, account, on)
            found = self._one("account.account", [["code", "=", native]])
            rows.append({"account": found, "debit": as_amount(max(amount, Decimal(0))), "credit": as_amount(max(-amount, Decimal(0)))})
        move = {"journal": self._one("account.journal", [["code", "=", "MISC"]]), "period": self._period(on), "date": as_date(on)}
        move |= {"company": company, "description": text, "lines": [["create", rows]]}
        (made,) = self._call(BOOKKEEPER, "model.account.move.create", [move])
        self._call(BOOKKEEPER, "model.account.move.post", [made])

    def close_period(self, on: date) -> None:
        """The accounting period of a day, as its administrator."""
        self._call(ADMINISTRATOR, "model.account.period.close", [self._period(on)])

    def reopen_period(self, on: date) -> None:
        """As if it had not been closed."""
        self._call(ADMINISTRATOR, "model.account.period.reopen", [self._period(on)])

    @property
    def _erp(self) -> str:
        return self.settings.regions[self.settings.region_of[self.legal_entity]].cloud

    def _period(self, on: date) -> int:
        return self._one("account.period", [["start_date", "<=", as_date(on)], ["end_date", ">=", as_date(on)], ["type", "=", "standard"]])

    def _one(self, model: str, domain: list[Any]) -> int:
        rows = self._call(BOOKKEEPER, f"model.{model}.search_read", domain, 0, 1, None, ["id"])
        return int(rows[0]["id"])

    def _call(self, login: str, method: str, *terms: Any) -> Any:
        database = self.settings.erps[self._erp].companies[self.legal_entity].database
        password = load(self.site.folder / SECRETS / "tryton.json")[database].passwords[login]
        body = {"id": 1, "method": method, "params": [*terms, {}]}
        url = f"http://{HOST}:{self.site.ports['tryton']}/{database}/rpc/"
        answer = requests.post(url, json=body, auth=(login, password), timeout=60).json()
        if "error" in answer:
            raise RuntimeError(f"Tryton refuses {method}: {answer['error']}")
        return answer.get("result")


def _native(settings: Settings, erp: str, legal_entity: str, account: str, on: date) -> str:
    return settings.mappings[erp].native_account(
        account, legal_entity=legal_entity, document_type=DocumentType.JOURNAL_ENTRY, dimensions=(), on=on
    )
