"""A person at Tryton's own screens: what the client sends, with a person's password. Nothing of it bears a mark of ours."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import requests

from hybrid_erp.adapters.erps.tryton.values import as_amount, as_date

Row = dict[str, Any]


@dataclass
class Bookkeeper:
    """One login at one company."""

    url: str
    login: str
    password: str = field(repr=False)
    context: Row = field(default_factory=dict)

    def call(self, method: str, *terms: Any, **context: Any) -> Any:
        """One call of Tryton's own protocol; a warning is answered with yes, as people do."""
        body = {"id": 1, "method": method, "params": [*terms, {**self.context, **context}]}
        content = self._answer(body)
        if content.get("error", [""])[0] == "UserWarning":
            yes = {"user": self.one("res.user", [["login", "=", self.login]]), "name": content["error"][1][0], "always": False}
            self.call("model.res.user.warning.create", [yes])
            content = self._answer(body)
        assert "error" not in content, f"{method}: {content['error']}"
        return content.get("result")

    @cached_property
    def session(self) -> dict[str, str]:
        """Signed in once, as the client is."""
        body = {"id": 1, "method": "common.db.login", "params": [self.login, {"password": self.password}]}
        user, token, *_ = requests.post(self.url, json=body, timeout=60).json()["result"]
        return {"Authorization": "Session " + b64encode(f"{self.login}:{user}:{token}".encode()).decode()}

    def _answer(self, body: Row) -> Row:
        answer = requests.post(self.url, json=body, headers=self.session, timeout=60)
        assert answer.status_code == 200, f"{body['method']}: status {answer.status_code}"
        content: Row = answer.json()
        return content

    def one(self, model: str, domain: Sequence[Any], name: str = "id") -> Any:
        """A field of the first record that matches."""
        rows = self.call(f"model.{model}.search_read", list(domain), 0, 1, None, [name])
        assert rows, f"{model} {domain}"
        return rows[0][name]

    def account(self, code: str) -> int:
        return int(self.one("account.account", [["code", "=", code]]))

    def journal(self, code: str) -> int:
        return int(self.one("account.journal", [["code", "=", code]]))

    def currency(self, code: str) -> int:
        return int(self.one("currency.currency", [["code", "=", code]]))

    def party(self, code: str) -> int:
        return int(self.one("party.party", [["code", "=", code]]))

    def draft_move(self, *lines: tuple[str, str], on: date, text: str = "", journal: str = "MISC", party: str | None = None) -> int:
        """A move as a draft: account and amount, debit positive; the party stands on the receivable."""
        rows = []
        for code, amount in lines:
            row: Row = {"account": self.account(code)}
            row |= {"debit": as_amount(max(Decimal(amount), Decimal(0))), "credit": as_amount(max(-Decimal(amount), Decimal(0)))}
            if party and self.one("account.account", [["code", "=", code]], "party_required"):
                row["party"] = self.party(party)
            rows.append(row)
        period = self.one("account.period", [["start_date", "<=", as_date(on)], ["end_date", ">=", as_date(on)], ["type", "=", "standard"]])
        move = {"journal": self.journal(journal), "period": period, "date": as_date(on), "description": text, "lines": [["create", rows]]}
        return int(self.call("model.account.move.create", [move | {"company": self.context["company"]}])[0])

    def move(self, *lines: tuple[str, str], on: date, **more: Any) -> int:
        """A move, posted."""
        made = self.draft_move(*lines, on=on, **more)
        self.call("model.account.move.post", [made])
        return made

    def draft_invoice(self, party: str, amount: str, *, on: date, currency: str = "EUR", revenue: str = "4.2.2") -> int:
        """An invoice of one line without tax, as a draft; due in a year, so that no warning is raised."""
        customer = self.party(party)
        line = {"type": "line", "description": "Advice", "quantity": 1.0, "unit_price": as_amount(Decimal(amount))}
        line |= {"account": self.account(revenue), "currency": self.currency(currency)}
        invoice = {
            "type": "out",
            "company": self.context["company"],
            "party": customer,
            "invoice_address": self.one("party.address", [["party", "=", customer]]),
            "currency": self.currency(currency),
            "account": self.account("1.2.1"),
            "journal": self.journal("REV"),
            "invoice_date": as_date(on),
            "payment_term_date": as_date(date(on.year + 2, 1, 1)),
            "description": "By hand",
            "lines": [["create", [line]]],
        }
        return int(self.call("model.account.invoice.create", [invoice])[0])

    def invoice(self, party: str, amount: str, *, on: date, **more: Any) -> int:
        """An invoice, posted."""
        made = self.draft_invoice(party, amount, on=on, **more)
        self.call("model.account.invoice.post", [made])
        return made

    def pay(self, invoice: int, amount: str, *, on: date, write_off: bool = False, text: str = "Paid at the bank") -> None:
        """The wizard that pays an invoice: in part if something is left, or with what is left written off."""
        (row,) = self.call("model.account.invoice.read", [invoice], ["party", "currency", "account", "company", "lines_to_pay"])
        start = {"payee": row["party"], "amount": as_amount(Decimal(amount)), "currency": row["currency"], "description": text}
        start |= {"company": row["company"], "invoice_account": row["account"], "date": as_date(on)}
        start["payment_method"] = self.one("account.invoice.payment.method", [])
        answers: Row = {"start": start}
        with_invoice: Row = {"active_model": "account.invoice", "active_id": invoice, "active_ids": [invoice]}
        session = self.call("wizard.account.invoice.pay.create", **with_invoice)[0]
        asked = self.call("wizard.account.invoice.pay.execute", session, answers, "choice", **with_invoice)
        if "view" in (asked or {}):
            ask: Row = {"type": "partial", "lines_to_pay": [], "lines": [], "payment_lines": []}
            if write_off:
                ask = {name: value for name, value in asked["view"]["defaults"].items() if not name.endswith(".")} | {
                    "type": "writeoff",
                    "writeoff": self.one("account.move.reconcile.write_off", []),
                    "lines": row["lines_to_pay"],
                }
            self.call("wizard.account.invoice.pay.execute", session, answers | {"ask": ask}, "pay", **with_invoice)
        self.call("wizard.account.invoice.pay.delete", session)

    def credit(self, invoice: int, *, on: date) -> None:
        """The wizard that takes an invoice back wholly, by a credit note of its own."""
        with_invoice: Row = {"active_model": "account.invoice", "active_id": invoice, "active_ids": [invoice]}
        session = self.call("wizard.account.invoice.credit.create", **with_invoice)[0]
        # A strict series ascends by date: on the day of the latest credit note of the company, if that is later.
        latest = self.call(
            "model.account.invoice.search_read", [["number", "like", "CN-%"]], 0, 1, [["invoice_date", "DESC"]], ["invoice_date"]
        )
        days = [date(*(row["invoice_date"][part] for part in ("year", "month", "day"))) for row in latest]
        start = {"invoice_date": as_date(max([on, *days])), "with_refund": True, "with_refund_allowed": True}
        self.call("wizard.account.invoice.credit.execute", session, {"start": start}, "credit", **with_invoice)
        self.call("wizard.account.invoice.credit.delete", session)

    def cancel_move(self, move: int, text: str = "") -> None:
        """The wizard that cancels a move by its opposite, posted at once."""
        with_move: Row = {"active_model": "account.move", "active_id": move, "active_ids": [move]}
        session = self.call("wizard.account.move.cancel.create", **with_move)[0]
        default = {"description": text, "reversal": True}
        self.call("wizard.account.move.cancel.execute", session, {"default": default}, "cancel", **with_move)
        self.call("wizard.account.move.cancel.delete", session)
