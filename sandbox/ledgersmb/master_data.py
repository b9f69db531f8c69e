"""Customers and projects of a company, as its people have entered them over the years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class CustomerSeed:
    """A customer of the firm."""

    number: str
    name: str
    currency: str
    payment_term_days: int
    country: str


@dataclass(frozen=True, slots=True)
class ProjectSeed:
    """A project of a customer."""

    code: str
    name: str
    customer: str


ADD_CUSTOMER = """
    WITH party AS (INSERT INTO entity (name, entity_class, control_code, country_id)
                   SELECT %(name)s, 2, 'C-' || %(number)s, (SELECT id FROM country WHERE short_name = %(country)s)
                   WHERE NOT EXISTS (SELECT 1 FROM entity_credit_account WHERE meta_number = %(number)s AND entity_class = 2)
                   RETURNING id),
         firm AS (INSERT INTO company (entity_id, legal_name) SELECT id, %(name)s FROM party)
    INSERT INTO entity_credit_account (entity_id, entity_class, meta_number, curr, terms, ar_ap_account_id)
    SELECT party.id, 2, %(number)s, %(currency)s, %(payment_term_days)s,
           (SELECT account_id FROM account_link JOIN account ON account.id = account_id WHERE account_link.description = 'AR'
            ORDER BY accno LIMIT 1)
    FROM party
"""
# The customer's own business unit (the ERP makes one for each) has another class; a project's control code is unique in its class.
ADD_PROJECT = """
    INSERT INTO business_unit (class_id, control_code, description, start_date, credit_id)
    SELECT class.id, %(code)s, %(name)s, '2026-01-01',
           (SELECT id FROM entity_credit_account WHERE meta_number = %(customer)s AND entity_class = 2)
    FROM business_unit_class class WHERE class.label = 'Project'
    ON CONFLICT (class_id, control_code) DO NOTHING
"""
ADD_UNITS = """
    INSERT INTO business_unit (class_id, control_code, description, start_date)
    SELECT class.id, code, code, '2026-01-01' FROM business_unit_class class, unnest(%(codes)s::text[]) AS code
    WHERE class.label = %(class)s
    ON CONFLICT (class_id, control_code) DO NOTHING
"""


def seed_master_data(connection: Connection, legal_entity: str, customers: Sequence[CustomerSeed], projects: Sequence[ProjectSeed]) -> None:
    """Enter customers and projects that are not there yet, in one transaction.

    Raises:
        ValueError: A project names a customer that the company does not have.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            ADD_CUSTOMER,
            [
                {
                    "number": each.number,
                    "name": each.name,
                    "currency": each.currency,
                    "payment_term_days": each.payment_term_days,
                    "country": each.country,
                }
                for each in customers
            ],
        )
        cursor.execute("SELECT meta_number FROM entity_credit_account WHERE entity_class = 2")
        known = {row[0] for row in cursor.fetchall()}
        if strangers := sorted({each.customer for each in projects} - known):
            raise ValueError(f"Projects of {legal_entity} name customers that it does not have: {', '.join(strangers[:5])}.")
        cursor.executemany(ADD_PROJECT, [{"code": each.code, "name": each.name, "customer": each.customer} for each in projects])


def seed_units(connection: Connection, cost_centres: Sequence[str], departments: Sequence[str]) -> None:
    """Enter cost centres and departments that are not there yet."""
    with connection.transaction():
        connection.execute(ADD_UNITS, {"class": "Cost centre", "codes": list(cost_centres)})
        connection.execute(ADD_UNITS, {"class": "Department", "codes": list(departments)})
