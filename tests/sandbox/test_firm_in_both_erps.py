from __future__ import annotations

from contextlib import closing
from typing import LiteralString

import pytest

from hybrid_erp.model.booking import compare
from hybrid_erp.model.delivery import Posted
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from sandbox.firm import Firm
from sandbox.firm.people import COST_CENTRES, DEPARTMENTS
from sandbox.golden import SECRETS
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.erp_under_test import ErpUnderTest, a_submission
from tests.contracts.ledgersmb_under_test import LedgerSmbUnderTest
from tests.contracts.tryton_under_test import TrytonUnderTest

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


@pytest.mark.parametrize("name", ["ledgersmb", "tryton"])
def test_each_erp_books_a_story_as_its_documents_demand(site: Site, name: str) -> None:
    settings = the_settings()
    erp: ErpUnderTest = LedgerSmbUnderTest(site.cluster, settings)
    if name == "tryton":
        # A company whose number series nobody else uses: Tryton wants its invoices in the order of their dates.
        company = {"legal_entity": "UK01", "other": "DE01"}
        erp = TrytonUnderTest(site.cluster, settings, site.connections(), site.folder / SECRETS, **company)
    booked = 0
    with closing(erp.connector()) as connector:
        for event in Firm().story(40, legal_entities={erp.legal_entity}):
            document = DOCUMENTS_BY_TYPE[event["type"]].model_validate(event["data"])
            if document.document_type not in connector.capabilities:
                continue
            submission = a_submission(settings, document)
            outcome = connector.submit(submission, lambda draft_id: None)
            if submission.booking is None:
                continue  # it is here for those that name it
            assert isinstance(outcome, Posted), f"{document.number}: {outcome}"
            (native,) = connector.read(document.document_type, [outcome.native_id])
            assert native.booking is not None
            assert compare(submission.booking, native.booking) == (), document.number
            booked += 1
    assert booked > 20
