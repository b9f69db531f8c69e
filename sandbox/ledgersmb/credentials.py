"""The logins of a company: one for each role of the facade, a bookkeeper, and the custodian who locks them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]

READING = ("base_user", "gl_reports", "ar_transaction_list", "contact_read", "auditor")
# What a lock-out takes away, by what is owned (the package's own roles).
POSTING = {
    "ledger": ("gl_transaction_create",),
    # The right to write tax rows comes with vouchers alone.
    "billing": ("ar_transaction_create", "ar_transaction_create_voucher", "receipt_process", "draft_post"),
    "project": ("business_units_manage", "timecard_add"),
}
# Roles of the package that post too, and that nobody here holds: the custodian could take them away from people who do.
OTHER_POSTING = (
    "gl_voucher_create",
    "yearend_run",
    "batch_post",
    "assets_approve",
    "ap_transaction_create",
    "ap_transaction_create_voucher",
    "payment_process",
)
REFERENCE = ("contact_create", "contact_class_customer", "exchangerate_edit")


@dataclass(frozen=True, slots=True)
class Login:
    """A login role of one company; its name is the legal entity's code and this."""

    name: str
    person: tuple[str, str]
    package_roles: tuple[str, ...]


EVERYTHING = (*REFERENCE, *(role for roles in POSTING.values() for role in roles))
LOGINS = (
    Login("control", ("Facade", "Control"), EVERYTHING),
    Login("candidate", ("Facade", "Candidate"), EVERYTHING),
    Login("run_off", ("Facade", "Run-off"), EVERYTHING),
    Login("bookkeeper", ("Billie", "Bookkeeper"), EVERYTHING),
)
CUSTODIAN = "custodian"
# The package lets nobody read payments but those who make them; whoever is locked out reads on.
READ_ON = "GRANT SELECT ON payment, payment_links TO {}"

LOGIN_IS_THERE = "SELECT 1 FROM pg_roles WHERE rolname = %s"
# The audit trigger refuses a login that is no user of the ERP.
# The package lets every login approve a draft, which posts it. This gives the right to those alone whose role is called after it.
APPROVAL_BY_ROLE = "REVOKE EXECUTE ON FUNCTION draft_approve(int) FROM PUBLIC; GRANT EXECUTE ON FUNCTION draft_approve(int) TO {}"
ADD_USER = """
    WITH party AS (INSERT INTO entity (name, entity_class, control_code, country_id)
                   SELECT %(first)s || ' ' || %(last)s, 3, %(login)s, (SELECT id FROM country WHERE short_name = %(country)s)
                   WHERE NOT EXISTS (SELECT 1 FROM users WHERE username = %(login)s) RETURNING id),
         human AS (INSERT INTO person (entity_id, first_name, last_name) SELECT id, %(first)s, %(last)s FROM party),
         employee AS (INSERT INTO entity_employee (entity_id, employeenumber) SELECT id, %(login)s FROM party)
    INSERT INTO users (username, entity_id) SELECT %(login)s, id FROM party
"""


def login_name(legal_entity: str, name: str) -> str:
    """The PostgreSQL role of a company's login, for example `us01_control`."""
    return f"{legal_entity.lower()}_{name}"


def create_logins(connection: Connection, database: str, legal_entity: str, country: str) -> None:
    """Make the company's logins with their rights, and the ERP's users that belong to them. May be run again.

    The custodian grants the posting rights, because PostgreSQL lets only the grantor take a grant back: so a lock-out needs no superuser.
    """
    custodian = login_name(legal_entity, CUSTODIAN)
    _create_login(connection, custodian)
    grantable = sorted({role for login in LOGINS for role in login.package_roles} | set(OTHER_POSTING))
    for role in (*grantable, *READING):
        uses = sql.SQL("TRUE" if role in READING else "FALSE")  # what it may give and take, it does not hold itself
        connection.execute(
            sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT {}, SET {}").format(
                _package_role(database, role), sql.Identifier(custodian), uses, uses
            )
        )
    connection.execute(sql.SQL(APPROVAL_BY_ROLE).format(_package_role(database, "draft_post")))
    # To wait until the books are quiet it locks these tables in share mode, which MAINTAIN allows without a right to change them.
    connection.execute(
        sql.SQL("GRANT SELECT, MAINTAIN ON gl, ar, ap, acc_trans, payment, jcitems, business_unit TO {}").format(sql.Identifier(custodian))
    )
    for login in LOGINS:
        name = login_name(legal_entity, login.name)
        _create_login(connection, name)
        for role in (*READING, *login.package_roles):
            connection.execute(
                sql.SQL("GRANT {} TO {} GRANTED BY {}").format(
                    _package_role(database, role), sql.Identifier(name), sql.Identifier(custodian)
                )
            )
        connection.execute(sql.SQL(READ_ON).format(sql.Identifier(name)))
        first, last = login.person
        connection.execute(ADD_USER, {"first": first, "last": last, "login": name, "country": country})


def _create_login(connection: Connection, name: str) -> None:
    if connection.execute(LOGIN_IS_THERE, (name,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))


def _package_role(database: str, role: str) -> sql.Identifier:
    return sql.Identifier(f"lsmb_{database}__{role}")
