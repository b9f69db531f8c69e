"""Enter the firm's master data in both ERPs, as people did over the years before the facade was there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hybrid_erp.settings import load_settings
from sandbox.firm.firm import Firm
from sandbox.firm.people import COST_CENTRES, DEPARTMENTS
from sandbox.ledgersmb import build as ledgersmb
from sandbox.ledgersmb import master_data
from sandbox.places import CHECKOUT
from sandbox.postgres import Cluster
from sandbox.tryton import build as tryton
from sandbox.tryton.companies import companies

Progress = Callable[[str], None]


def enter_in_ledgersmb(cluster: Cluster, progress: Progress) -> None:
    """Customers, projects, cost centres and departments of every company; what is there already is left alone."""
    settings = load_settings(CHECKOUT / "config")
    firm = Firm(settings=settings)
    progress("LedgerSMB: customers and projects")
    for code, company, _ in ledgersmb.companies(settings):
        customers, projects = firm.master_data(code).for_ledgersmb()
        with cluster.admin(company.database) as connection:
            master_data.seed_master_data(connection, code, customers, projects)
            master_data.seed_units(connection, COST_CENTRES, DEPARTMENTS)


def enter_in_tryton(cluster: Cluster, work: Path, progress: Progress) -> None:
    """Customers and projects of every company; what is there already is left alone. Cost centres are texts there and need no entry."""
    firm = Firm()
    progress("Tryton: customers and projects")
    for company in companies():
        customers, projects = firm.master_data(company.legal_entity).for_tryton()
        tryton.seed_master_data(cluster, work, company.database, customers, projects)
