"""Make a copy of the common database one legal entity's own: name, currency, rates, taxes and credentials.

Run by Tryton's interpreter as `python -m sandbox.tryton.inside.company CONFIG DATABASE`, orders as JSON on standard input.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from sandbox.tryton.inside import session

BEFORE_EVERYTHING = datetime.date(2020, 1, 1)


def rates(pool: Any, orders: dict[str, Any]) -> None:
    """One rate of each currency, in units of one unit of the functional currency."""
    by_code = {currency.code: currency.id for currency in pool.get("currency.currency").search([])}
    rows = [{"currency": by_code[code], "date": BEFORE_EVERYTHING, "rate": Decimal(rate)} for code, rate in orders["rates"].items()]
    pool.get("currency.currency.rate").create(rows)


def taxes(pool: Any, orders: dict[str, Any], owner: Any) -> None:
    """The taxes of the legal entity's country."""
    accounts = pool.get("account.account").search([("code", "=", orders["output_tax"])])
    for code, tax in orders["taxes"].items():
        row = {"name": code, "description": tax["name"], "type": "percentage", "rate": Decimal(tax["rate"]), "company": owner.id}
        pool.get("account.tax").create([row | {"invoice_account": accounts[0].id, "credit_note_account": accounts[0].id}])


def credentials(pool: Any, orders: dict[str, Any]) -> None:
    """A REST key for each role of the product, passwords for people."""
    User = pool.get("res.user")
    by_login = {user.login: user for user in User.search([])}
    for login, key in orders["keys"].items():
        application = {"user": by_login[login].id, "application": "rest", "key": key, "state": "validated"}
        pool.get("res.user.application").create([application])
    for login, password in orders["passwords"].items():
        User.write([by_login[login]], {"password": password})


def set_up(pool: Any, orders: dict[str, Any]) -> None:
    """Everything."""
    from trytond.transaction import Transaction

    owner = pool.get("company.company").search([])[0]
    pool.get("party.party").write([owner.party], {"name": orders["name"]})
    currency = pool.get("currency.currency").search([("code", "=", orders["functional_currency"])])[0]
    pool.get("company.company").write([owner], {"currency": currency.id})
    with Transaction().set_context(company=owner.id):
        rates(pool, orders)
        taxes(pool, orders, owner)
        credentials(pool, orders)


if __name__ == "__main__":
    session.run(set_up)
