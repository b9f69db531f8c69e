"""One company in its own database: currencies, accounts, taxes, number series, dimensions, the closed year."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from hybrid_erp.model.mapping import Mapping
from hybrid_erp.settings import CompanySettings, LegalEntitySettings, Settings

Connection = psycopg.Connection[tuple[Any, ...]]

CATEGORIES = {"asset": "A", "liability": "L", "equity": "Q", "revenue": "I", "expense": "E"}
CLOSED_ON = "2025-12-31"
FIRST_LEGAL_NUMBER = "{legal_entity}-L-26-00000"  # an `L` for the legacy ERP: both ERPs issue from disjoint series

SET_DEFAULT = """
    INSERT INTO defaults (setting_key, value) VALUES (%s, %s) ON CONFLICT (setting_key) DO UPDATE SET value = excluded.value
"""
ACCOUNT_IS_THERE = "SELECT 1 FROM account WHERE accno = %s"
ADD_ACCOUNT = "SELECT account__save(NULL, %s, %s, %s, '', NULL, false, %s, ARRAY[]::text[], false, false)"
LINK_ACCOUNT = """
    INSERT INTO account_link (account_id, description)
    SELECT account.id, link.name FROM account, unnest(%s::text[]) AS link (name)
    WHERE accno = %s ON CONFLICT DO NOTHING
"""
# What an account is taxed with; the tax's number is what the mapping calls it. The chart's own, outdated rates end.
DROP_TAXES = "DELETE FROM tax WHERE chart_id = (SELECT id FROM account WHERE accno = %s)"
ADD_TAX = "INSERT INTO tax (chart_id, rate, taxnumber, validto) SELECT id, %s, %s, 'infinity' FROM account WHERE accno = %s"
ACTIVATE_DIMENSIONS = """
    WITH wanted AS (SELECT label, position * 10 AS ordering FROM unnest(%s::text[]) WITH ORDINALITY AS each (label, position)),
         added AS (INSERT INTO business_unit_class (label, active, ordering) SELECT label, true, ordering FROM wanted
                   ON CONFLICT (label) DO UPDATE SET active = true RETURNING id)
    INSERT INTO bu_class_to_module (bu_class_id, module_id)
    SELECT added.id, lsmb_module.id FROM added, lsmb_module ON CONFLICT DO NOTHING
"""
CLOSE_YEAR = """
    SELECT eoy_create_checkpoint(%(on)s::date) WHERE NOT EXISTS (SELECT 1 FROM account_checkpoint WHERE end_date = %(on)s::date)
"""


@dataclass(frozen=True, slots=True)
class ChartPlan:
    """Which chart a country keeps, and what canonical accounts are linked to."""

    charts: dict[str, str]
    links: dict[str, list[str]]
    taxed: list[str]


def chart_plan() -> ChartPlan:
    """Read charts.yaml, beside this file."""
    return ChartPlan(**yaml.safe_load((Path(__file__).parent / "charts.yaml").read_text("utf-8")))


def furnish(
    connection: Connection,
    code: str,
    company: CompanySettings,
    legal_entity: LegalEntitySettings,
    settings: Settings,
    mapping: Mapping,
    plan: ChartPlan,
) -> None:
    """Make the copied database this company's own. May be run again."""
    others = [currency for currency in legal_entity.currencies if currency != legal_entity.functional_currency]
    connection.execute(SET_DEFAULT, ("company_name", company.company))
    connection.execute(SET_DEFAULT, ("curr", ":".join([legal_entity.functional_currency, *others])))
    connection.execute(SET_DEFAULT, ("sinumber", FIRST_LEGAL_NUMBER.format(legal_entity=code)))
    connection.execute(SET_DEFAULT, ("rcptnumber", f"{code}-R-26-00000"))
    connection.execute(SET_DEFAULT, ("paynumber", f"{code}-P-26-00000"))
    _furnish_accounts(connection, code, settings, mapping, plan)
    _furnish_taxes(connection, code, legal_entity, settings, mapping, plan)
    connection.execute(ACTIVATE_DIMENSIONS, (list(mapping.dimensions.values()),))
    connection.execute(CLOSE_YEAR, {"on": CLOSED_ON})


def _furnish_accounts(connection: Connection, code: str, settings: Settings, mapping: Mapping, plan: ChartPlan) -> None:
    for rule in mapping.accounts:
        if rule.legal_entities is not None and code not in rule.legal_entities:
            continue
        account = settings.chart.accounts[rule.canonical]
        links = plan.links.get(rule.canonical, [])
        if connection.execute(ACCOUNT_IS_THERE, (rule.native,)).fetchone() is None:
            terms = (rule.native, account.name, CATEGORIES[account.type], rule.canonical in plan.taxed)
            connection.execute(ADD_ACCOUNT, terms)
        connection.execute(LINK_ACCOUNT, (links, rule.native))


def _furnish_taxes(
    connection: Connection, code: str, legal_entity: LegalEntitySettings, settings: Settings, mapping: Mapping, plan: ChartPlan
) -> None:
    natives = [
        rule.native
        for rule in mapping.accounts
        if rule.canonical in plan.taxed and (rule.legal_entities is None or code in rule.legal_entities)
    ]
    for native in natives:
        connection.execute(DROP_TAXES, (native,))
        for tax_code, tax in settings.chart.tax_codes.items():
            if tax.country == legal_entity.country:
                connection.execute(ADD_TAX, (tax.rate, mapping.native_tax_code(tax_code, legal_entity=code), native))
