"""Build Tryton's databases: modules once, what is common once, then a copy for each legal entity."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from sandbox.postgres import Cluster
from sandbox.tryton import chart, secrets
from sandbox.tryton.companies import Company, companies, payment_terms
from sandbox.tryton.install import Installation, install
from sandbox.tryton.secrets import BOOKKEEPER, CUSTODIAN, ROLES, CompanySecrets
from sandbox.tryton.server import DATABASE_ROLE, write_config

ROOT = Path(__file__).parents[2]
TEMPLATE = "tryton_template"
FISCAL_YEARS = (2025, 2026)
CLOSED_YEARS = (2025,)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer of the master data."""

    number: str
    name: str
    currency: str
    payment_term: str


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project of the master data."""

    number: str
    name: str
    customer: str


def build(cluster: Cluster, work: Path, secrets_file: Path, progress: Progress = print) -> None:
    """Fill the running cluster with one database for each legal entity that Tryton holds; keys and passwords go to `secrets_file`."""
    installation = install(work)
    config = write_config(work / "trytond-build.conf", cluster.port)
    progress("Tryton: modules")
    _make_role(cluster)
    _new_database(cluster, TEMPLATE, "template0")
    _activate(installation, config)
    progress("Tryton: chart, fiscal years, users")
    _inside(installation, config, TEMPLATE, "common", _common_orders())
    opened = {}
    for company in companies():
        progress(f"Tryton: {company.legal_entity} {company.name}")
        _new_database(cluster, company.database, TEMPLATE)
        opened[company.database] = CompanySecrets()
        _inside(installation, config, company.database, "company", _company_orders(company, opened[company.database]))
    with cluster.admin() as connection:  # a site is a copy of the whole cluster: what nobody reads is not copied
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(TEMPLATE)))
    secrets.save(secrets_file, opened)


def seed_master_data(cluster: Cluster, work: Path, database: str, new_customers: list[NewCustomer], new_projects: list[NewProject]) -> None:
    """Insert customers and projects into one company, in one transaction; what is there already is left alone."""
    config = write_config(work / "trytond-build.conf", cluster.port)
    orders = {"customers": [asdict(each) for each in new_customers], "projects": [asdict(each) for each in new_projects]}
    _inside(install(work), config, database, "master_data", orders)


def _make_role(cluster: Cluster) -> None:
    with cluster.admin() as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (DATABASE_ROLE,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(DATABASE_ROLE)))


def _new_database(cluster: Cluster, name: str, template: str) -> None:
    cluster.create_database(name, template=template)
    with cluster.admin() as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(DATABASE_ROLE)))


def _activate(installation: Installation, config: Path) -> None:
    # The administrator's password is set anew in every company; this one opens nothing that is kept.
    password = config.with_suffix(".password")
    password.write_text(CompanySecrets().passwords[BOOKKEEPER], encoding="utf-8")
    command = [str(installation.admin), "-c", str(config), "-d", TEMPLATE, "-u", "ir", "res", *chart.MODULES]
    options = ["--activate-dependencies", "--email", "admin@example.com", "-p"]
    try:
        _call([*command, *options], {"TRYTONPASSFILE": str(password)}, "")
    finally:
        password.unlink()


def _common_orders() -> dict[str, Any]:
    return {
        "currencies": chart.CURRENCY_NAMES,
        "own_accounts": chart.OWN_ACCOUNTS,
        "default_accounts": {
            "receivable": chart.RECEIVABLE,
            "payable": chart.PAYABLE,
            "revenue": chart.REVENUE,
            "expense": chart.EXPENSE,
            "cash": chart.CASH,
            "differences": chart.CURRENCY_DIFFERENCES,
        },
        "fiscal_years": FISCAL_YEARS,
        "closed_years": CLOSED_YEARS,
        "payment_terms": payment_terms(),
        "users": [*ROLES.values(), BOOKKEEPER],
        "custodian": CUSTODIAN,
    }


def _company_orders(company: Company, opened: CompanySecrets) -> dict[str, Any]:
    return {
        "name": company.name,
        "functional_currency": company.functional_currency,
        "rates": company.rates,
        "taxes": company.taxes,
        "output_tax": chart.OUTPUT_TAX,
        "keys": {ROLES[role]: key for role, key in opened.keys.items()},
        "passwords": opened.passwords,
    }


def _inside(installation: Installation, config: Path, database: str, program: str, orders: dict[str, Any]) -> None:
    command = [str(installation.python), "-m", f"sandbox.tryton.inside.{program}", str(config), database]
    _call(command, {"PYTHONPATH": str(ROOT)}, json.dumps(orders))


def _call(command: list[str], environment: dict[str, str], orders: str) -> None:
    done = subprocess.run(command, check=False, input=orders, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})
    if done.returncode:
        raise RuntimeError(f"Tryton was not built: `{' '.join(command[:3])}` ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
