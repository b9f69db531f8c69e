"""What people post in the screens of the real LedgerSMB and the real Tryton is brought to the other one, and both agree afterwards."""

from __future__ import annotations

import pytest

from hybrid_erp.model.books import OpenReceivable
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.wiring.capture import capture_for
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.ledgersmb_person import LedgerSmbBooks
from tests.contracts.tryton_person import TrytonPerson
from tests.operations.reconcile.region import CLOUD, DAY, level, many, reconcile, told

ENTITY, CUSTOMER = "DE01", "C-5001"


def the_person(site: Site, erp: str) -> LedgerSmbBooks | TrytonPerson:
    return LedgerSmbBooks(site.cluster, the_settings()) if erp == "ledgersmb" else TrytonPerson(site, the_settings())


def open_items(person: LedgerSmbBooks | TrytonPerson, customer: str) -> dict[str, OpenReceivable]:
    """What stands open of one customer, by its legal number."""
    reader = person.reader()
    try:
        return {str(item.legal_number): item for item in reader.open_receivables({customer})}
    finally:
        reader.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("erp", ["ledgersmb", "tryton"])
def test_a_credit_memo_without_an_invoice_is_brought_to_the_other_erp(dual_site: Site, erp: str) -> None:
    level()
    people = {name: the_person(dual_site, name) for name in ("ledgersmb", "tryton")}
    before = {name: set(open_items(person, CUSTOMER)) for name, person in people.items()}

    native_id = people[erp].invoice(CUSTOMER, "-250.00", DAY)
    assert capture_for(CLOUD)["captured"] == 1
    level()

    new = {
        name: [item for number, item in open_items(person, CUSTOMER).items() if number not in before[name]]
        for name, person in people.items()
    }
    ((found,), (copy,)) = new["ledgersmb"], new["tryton"]
    assert found.document_type is copy.document_type is DocumentType.CREDIT_MEMO
    assert (found.open_amount, found.legal_number, found.due_on) == (copy.open_amount, copy.legal_number, copy.due_on)
    assert found.open_amount == -250
    (stored,) = many(
        dual_site, "SELECT data FROM posting WHERE document_type = 'credit_memo' AND data->>'number' LIKE %s", f"%:{native_id}"
    )
    assert stored["data"]["on_account"]
    result = reconcile(dual_site, ENTITY)
    assert result["passed"], told(result)
    assert result["entities"][0]["differences"] == [], told(result)


def test_a_credit_that_a_person_sets_off_against_an_invoice_needs_nothing_in_the_other_erp(dual_site: Site) -> None:
    level()
    person = LedgerSmbBooks(dual_site.cluster, the_settings())
    invoice, credit = person.invoice(CUSTOMER, "80.00", DAY), person.invoice(CUSTOMER, "-30.00", DAY)
    person.receive({invoice: "30.00", credit: "-30.00"}, DAY)

    done = capture_for(CLOUD)
    level()

    assert (done["captured"], done["left"]) == (2, 1)
    result = reconcile(dual_site, ENTITY)
    assert result["passed"], told(result)
    assert result["entities"][0]["differences"] == [], told(result)
