from __future__ import annotations

from typing import LiteralString

import pytest

from sandbox.firm import Firm
from sandbox.firm.people import COST_CENTRES, DEPARTMENTS
from sandbox.site import Site

OFFICES = [office.code for office in Firm().offices]

LEDGERSMB_CUSTOMERS = "SELECT meta_number FROM entity_credit_account WHERE entity_class = 2"
LEDGERSMB_UNITS = """
    SELECT unit.control_code FROM business_unit AS unit JOIN business_unit_class AS class ON class.id = unit.class_id WHERE class.label = %s
"""
TRYTON_CUSTOMERS = "SELECT code FROM party_party"
TRYTON_PROJECTS = "SELECT split_part(name, ' ', 1) FROM project_work WHERE type = 'project'"


def answers(site: Site, database: str, query: LiteralString, *terms: str) -> set[object]:
    with site.cluster.admin(database) as connection:
        return {row[0] for row in connection.execute(query, terms)}


@pytest.mark.parametrize("code", OFFICES)
def test_both_erps_hold_the_customers_and_projects_of_a_legal_entity_by_their_numbers(site: Site, code: str) -> None:
    data = Firm().master_data(code)
    customers, projects = {each.number for each in data.customers}, {each.number for each in data.projects}
    legacy, cloud = f"ledgersmb_{code.lower()}", f"tryton_{code.lower()}"

    assert customers <= answers(site, legacy, LEDGERSMB_CUSTOMERS)
    assert projects <= answers(site, legacy, LEDGERSMB_UNITS, "Project")
    assert customers <= answers(site, cloud, TRYTON_CUSTOMERS)
    assert projects <= answers(site, cloud, TRYTON_PROJECTS)


@pytest.mark.parametrize("code", OFFICES)
def test_the_legacy_erp_knows_the_cost_centres_and_departments_that_lines_name(site: Site, code: str) -> None:
    legacy = f"ledgersmb_{code.lower()}"

    assert set(COST_CENTRES) <= answers(site, legacy, LEDGERSMB_UNITS, "Cost centre")
    assert set(DEPARTMENTS) <= answers(site, legacy, LEDGERSMB_UNITS, "Department")
