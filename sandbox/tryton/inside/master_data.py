"""Insert customers and projects, many at once.

Run by Tryton's interpreter as `python -m sandbox.tryton.inside.master_data CONFIG DATABASE`, orders as JSON on standard input.
"""

from __future__ import annotations

from typing import Any

from sandbox.tryton.inside import session


def customers(pool: Any, orders: dict[str, Any]) -> None:
    """Parties whose code is the customer's canonical number; those that are there already are left alone."""
    Party = pool.get("party.party")
    terms = {term.name: term.id for term in pool.get("account.invoice.payment_term").search([])}
    there = {party.code for party in Party.search([("code", "in", [row["number"] for row in orders["customers"]])])}
    Party.create(
        [
            {
                "code": row["number"],
                "name": row["name"],
                "addresses": [("create", [{}])],
                "customer_payment_term": terms[row["payment_term"]],
            }
            for row in orders["customers"]
            if row["number"] not in there
        ]
    )


def projects(pool: Any, orders: dict[str, Any], company: int) -> None:
    """Projects named `<canonical number> <name>`, as the connector names them."""
    Work, Status = pool.get("project.work"), pool.get("project.work.status")
    parties = {party.code: party.id for party in pool.get("party.party").search([("code", "!=", None)])}
    status = Status.search([("types", "in", ["project"])], limit=1)[0].id
    common = {"type": "project", "company": company, "timesheet_available": True, "status": status}
    rows = [(f"{row['number']} {row['name']}", row["customer"]) for row in orders["projects"]]
    there = {work.name for work in Work.search([("name", "in", [name for name, _ in rows])])}
    Work.create([{"name": name, "party": parties[customer], **common} for name, customer in rows if name not in there])


def insert(pool: Any, orders: dict[str, Any]) -> None:
    """Customers first: projects name them."""
    from trytond.transaction import Transaction

    company = pool.get("company.company").search([])[0].id
    with Transaction().set_context(company=company):
        customers(pool, orders)
        projects(pool, orders, company)


if __name__ == "__main__":
    session.run(insert)
