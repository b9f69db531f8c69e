"""Set up what every legal entity has alike: company, chart, fiscal years, series, terms, groups and users.

Run by Tryton's interpreter as `python -m sandbox.tryton.inside.common CONFIG DATABASE`, orders as JSON on standard input.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from sandbox.tryton.inside import session

# What a bookkeeper may still see when the right to post is taken away; the lock-out takes the groups that post alone.
READ_ONLY_GROUP = "Ledger read only"
POSTING_GROUPS = ("Accounting", "Project Administration", "Timesheet Administration")
STANDING_GROUPS = ("Party Administration", "Employee Administration", READ_ONLY_GROUP)
CUSTODIAN_GROUP = "Ledger custodian"
# Posting stores a rendering of each invoice. A plain text form costs milliseconds where the stock office document costs most of a second.
INVOICE_FORM = b"${record.number or ''}\t${record.party.rec_name}\t${record.invoice_date}\t${record.total_amount} ${record.currency.code}\n"


def currencies(pool: Any, orders: dict[str, Any]) -> dict[str, Any]:
    """Every currency of the firm."""
    Currency = pool.get("currency.currency")
    rows = [{"name": name, "code": code, "digits": 2} for code, name in orders["currencies"].items()]
    return {
        currency.code: currency
        for currency in Currency.create([{**row, "symbol": row["code"], "rounding": Decimal("0.01")} for row in rows])
    }


def company(pool: Any, currency: Any) -> Any:
    """The one company of a database; each legal entity renames its own."""
    party = pool.get("party.party").create([{"name": "Template", "addresses": [("create", [{}])]}])[0]
    return pool.get("company.company").create([{"party": party.id, "currency": currency.id}])[0]


def chart(pool: Any, orders: dict[str, Any], owner: Any) -> dict[str, Any]:
    """The Universal Chart of Accounts and the firm's own accounts; by code."""
    Account = pool.get("account.account")
    template = pool.get("account.account.template").search([("parent", "=", None), ("name", "=", "Universal Chart of Accounts")])[0]
    session, *_ = pool.get("account.create_chart", type="wizard").create()
    wizard = pool.get("account.create_chart", type="wizard")(session)
    wizard.account.account_template = template
    wizard.account.company = owner
    wizard.transition_create_account()
    by_code = {account.code: account for account in Account.search([("code", "!=", None)])}
    rows = []
    for code, name, like in orders["own_accounts"]:
        model = by_code[like]
        rows.append({"code": code, "name": name, "type": model.type.id, "parent": model.parent.id, "company": owner.id})
    by_code |= {account.code: account for account in Account.create(rows)}
    defaults = {name: by_code[code] for name, code in orders["default_accounts"].items()}
    wizard.properties.company = owner
    wizard.properties.account_receivable, wizard.properties.account_payable = defaults["receivable"], defaults["payable"]
    wizard.properties.category_account_revenue, wizard.properties.category_account_expense = defaults["revenue"], defaults["expense"]
    wizard.transition_create_properties()
    return by_code


def sequence_of(pool: Any, kind: str, name: str, prefix: str, owner: Any) -> Any:
    """A strict number series: gap-free, drawn when a document is posted."""
    sequence_type = pool.get("ir.sequence.type").search([("name", "=", kind)])[0]
    row = {"name": name, "company": owner.id, "sequence_type": sequence_type.id, "prefix": prefix, "padding": 6}
    return pool.get("ir.sequence.strict").create([row])[0]


def fiscal_years(pool: Any, orders: dict[str, Any], owner: Any) -> None:
    """The fiscal years with their series and months; the closed ones are closed."""
    FiscalYear, Period = pool.get("account.fiscalyear"), pool.get("account.period")
    for year in orders["fiscal_years"]:
        row = {
            "name": str(year),
            "start_date": datetime.date(year, 1, 1),
            "end_date": datetime.date(year, 12, 31),
            "company": owner.id,
            "move_sequence": sequence_of(pool, "Account Move", f"Moves {year}", f"M{year}-", owner).id,
        }
        invoices = sequence_of(pool, "Invoice", f"Invoices {year}", f"INV-{year}-", owner).id
        credits = sequence_of(pool, "Invoice", f"Credit notes {year}", f"CN-{year}-", owner).id
        suppliers = sequence_of(pool, "Invoice", f"Supplier invoices {year}", f"SUP-{year}-", owner).id
        series = {"company": owner.id, "out_invoice_sequence": invoices, "out_credit_note_sequence": credits}
        series |= {"in_invoice_sequence": suppliers, "in_credit_note_sequence": suppliers}
        fiscal_year = FiscalYear.create([row | {"invoice_sequences": [("create", [series])]}])[0]
        FiscalYear.create_period([fiscal_year])
        if year in orders["closed_years"]:
            Period.close(Period.search([("fiscalyear", "=", fiscal_year.id)]))


def terms_and_payment(pool: Any, orders: dict[str, Any], owner: Any, accounts: dict[str, Any]) -> None:
    """Payment terms, the bank payment method, exchange differences and write-offs."""
    Term = pool.get("account.invoice.payment_term")
    for name, days in orders["payment_terms"].items():
        line = {"type": "remainder", "relativedeltas": [("create", [{"days": days}])]}
        Term.create([{"name": name, "lines": [("create", [line])]}])
    journals = {journal.code: journal for journal in pool.get("account.journal").search([])}
    cash, differences = accounts[orders["default_accounts"]["cash"]], accounts[orders["default_accounts"]["differences"]]
    both = {"company": owner.id, "name": "Bank", "journal": journals["CASH"].id, "credit_account": cash.id, "debit_account": cash.id}
    pool.get("account.invoice.payment.method").create([both])
    write_off = both | {
        "name": "Difference",
        "journal": journals["EXC"].id,
        "credit_account": differences.id,
        "debit_account": differences.id,
    }
    pool.get("account.move.reconcile.write_off").create([write_off])
    configuration = pool.get("account.configuration")(1)
    configuration.currency_exchange_journal = journals["EXC"]
    configuration.currency_exchange_credit_account = configuration.currency_exchange_debit_account = differences
    configuration.save()


def invoice_form(pool: Any) -> None:
    """The plain text form in place of the stock one."""
    Report = pool.get("ir.action.report")
    Report.write(
        Report.search([("report_name", "=", "account.invoice")]),
        {"report_content_custom": INVOICE_FORM, "template_extension": "txt", "extension": ""},
    )


def groups_and_users(pool: Any, orders: dict[str, Any], owner: Any) -> None:
    """The group that only reads, the right to state a document's rate, and the users of the product, of the desk and of the custodian."""
    Group, Access, User = pool.get("res.group"), pool.get("ir.model.access"), pool.get("res.user")
    Fields = pool.get("ir.model.field.access")
    reading, keeping = Group.create([{"name": READ_ONLY_GROUP}, {"name": CUSTODIAN_GROUP}])
    accounting, time = (Group.search([("name", "=", name)])[0] for name in ("Accounting", "Timesheet Administration"))
    rights = {"perm_read": True, "perm_write": False, "perm_create": False, "perm_delete": False}
    everything = {"perm_read": True, "perm_write": True, "perm_create": True, "perm_delete": True}
    # As it ships, whoever is an employee enters time; a lock-out can take that right away only where a group has it.
    Access.create([{"model": "timesheet.line", **rights}, {"model": "timesheet.line", "group": time.id, **everything}])
    models = {access.model for access in Access.search([("group.name", "in", POSTING_GROUPS)])}
    Access.create([{"model": model, "group": reading.id, **rights} for model in sorted(models)])
    # Balances are fields that Tryton shows to its own groups alone.
    fields = {(each.model, each.field) for each in Fields.search([("group.name", "in", POSTING_GROUPS), ("perm_read", "=", True)])}
    Fields.create([{"model": model, "field": name, "group": reading.id, **rights} for model, name in sorted(fields)])
    # With the right to post: state the rate of a document's day, and acknowledge a warning by its name.
    for model in ("currency.currency.rate", "res.user.warning"):
        Access.create([{"model": model, "group": accounting.id, **rights, "perm_write": True, "perm_create": True}])
    Access.create([{"model": "res.group", "group": keeping.id, **rights, "perm_write": True, "perm_create": True}])
    names = (*POSTING_GROUPS, *STANDING_GROUPS)
    groups = [group.id for group in Group.search([("name", "in", names)])]
    User.create(
        [
            {"name": login, "login": login, "groups": [("add", groups)], "companies": [("add", [owner.id])], "company": owner.id}
            for login in orders["users"]
        ]
    )
    custodian = {"name": orders["custodian"], "login": orders["custodian"], "groups": [("add", [keeping.id])]}
    User.create([custodian | {"companies": [("add", [owner.id])], "company": owner.id}])
    administrator = User.search([("login", "=", "admin")])[0]
    User.write([administrator], {"companies": [("add", [owner.id])], "company": owner.id})


def set_up(pool: Any, orders: dict[str, Any]) -> None:
    """Everything."""
    from trytond.transaction import Transaction

    by_code = currencies(pool, orders)
    owner = company(pool, by_code["USD"])
    with Transaction().set_context(company=owner.id):
        accounts = chart(pool, orders, owner)
        fiscal_years(pool, orders, owner)
        terms_and_payment(pool, orders, owner, accounts)
        invoice_form(pool)
        groups_and_users(pool, orders, owner)


if __name__ == "__main__":
    session.run(set_up)
