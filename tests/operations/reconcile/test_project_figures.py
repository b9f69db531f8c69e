"""Projects of a legal entity on two ledgers and a real store: what stands on them is compared, and its money told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from hybrid_erp.model.booking import BookingLine
from hybrid_erp.model.books import Origin, ProjectFigures, TimeFigures
from hybrid_erp.model.claim import SettledPosted
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.reconciliation import DifferenceClass, EntityResult, ProjectRow
from tests.builders import a_project, an_event
from tests.observed import an_entry, with_lines
from tests.operations.reconcile.firm import Arriving, Firm, found, the_difference
from tests.operations.reconcile.ledger import Ledger
from tests.stores import CLOUD, LEGACY


def test_projects_are_compared_by_number_and_status(firm: Firm) -> None:
    firm.legacy.works = [ProjectFigures("p,1", "P-1", "Bridge", None, "active"), ProjectFigures("p,2", "P-2", "Tunnel", None, "closed")]
    firm.cloud.works = [ProjectFigures("project.work,1", "P-1", "Bridge", None, "active")]

    difference = the_difference(firm.reconcile())

    assert (difference.number, difference.difference_class) == ("P-2", DifferenceClass.NATIVE_IN_LEGACY)


def test_a_project_figure_that_an_erp_does_not_keep_is_told_as_such_and_one_that_both_keep_is_compared(firm: Firm) -> None:
    bridge = ProjectFigures("p,1", "P-1", "Bridge", None, "active", contract_value=Decimal("900.00"), billed=Decimal("120.00"))
    firm.legacy.works, firm.cloud.works = [bridge], [replace(bridge, native_id="project.work,1", billed=None)]

    result = firm.reconcile()

    told = {each.erp: each.control_total for each in result.evidence if each.figure == "projects"}
    assert told[LEGACY] == f"1 projects; contract value 900.00 EUR; billed 120.00 EUR; unbilled, cost not told by {LEGACY}"
    assert told[CLOUD] == f"1 projects; contract value 900.00 EUR; billed, unbilled, cost not told by {CLOUD}"
    assert result.verdict.passed
    firm.cloud.works = [replace(firm.cloud.works[0], contract_value=Decimal("950.00"))]
    assert (the_difference(firm.reconcile()).aspect, firm.reconcile().verdict.passed) == ("contract value", False)


def on_project(ledger: Ledger, native_id: str, *, net: str = "100") -> None:
    """An invoice with tax, and travel, of the project P-1."""
    on_project, value = (("project", "P-1"),), Decimal(net)
    lines = (
        BookingLine("1100", value + 19, value + 19, on_project, party="C-1"),
        BookingLine("2100", Decimal(-19), Decimal(-19), on_project, tax_code="DE-STD", tax_base=Decimal(-100)),
        BookingLine("4000", -value, -value, on_project),
    )
    invoice = with_lines(an_entry(native_id, posting_id=UUID(int=8), changed_at=None, document_type=DocumentType.INVOICE), *lines)
    cost = (BookingLine("5200", Decimal(40), Decimal(40), on_project), BookingLine("1000", Decimal(-40), Decimal(-40)))
    ledger.post(invoice, with_lines(an_entry(f"{native_id}0", posting_id=UUID(int=9), changed_at=None), *cost))


def figures(result: EntityResult) -> dict[str, ProjectRow]:
    return {row.figure: row for row in result.projects if row.project == "P-1"}


def test_what_is_billed_and_what_it_costs_is_told_by_project_of_both_erps(firm: Firm) -> None:
    for ledger, native_id in ((firm.legacy, "ar,1"), (firm.cloud, "account.move,1")):
        on_project(ledger, native_id)

    result = firm.reconcile()

    told = [each.control_total for each in result.evidence if each.figure == "projects by documents"]
    assert told == ["billed 100, cost 40 EUR"] * 2
    told = [each.control_total for each in result.evidence if each.figure == "documents by type"]
    assert told == ["derived or like none of ours: 1 of 40 EUR; invoice: 1 of 119 EUR"] * 2
    assert {name: (row.legacy, row.cloud, row.classes) for name, row in figures(result).items()} == {
        "billed": (Decimal(100), Decimal(100), ()),
        "cost": (Decimal(40), Decimal(40), ()),
    }


def test_a_difference_of_a_project_is_that_of_its_documents_and_its_money_is_told_once(firm: Firm) -> None:
    for ledger, native_id in ((firm.legacy, "ar,1"), (firm.cloud, "account.move,1")):
        on_project(ledger, native_id)
    by_hand = (BookingLine("5200", Decimal(7), Decimal(7), (("project", "P-1"),)), BookingLine("1000", Decimal(-7), Decimal(-7)))
    firm.cloud.post(with_lines(an_entry("account.move,7", changed_at=None), *by_hand))
    firm.legacy.post(replace(with_lines(an_entry("gl,8", changed_at=None), *by_hand), origin=Origin.PERIOD_RUN, period_run="depreciation"))

    result = firm.reconcile()

    cost = figures(result)["cost"]
    assert (cost.legacy, cost.cloud) == (Decimal(47), Decimal(47))  # equal in sum, and not the same
    assert cost.classes == ((DifferenceClass.NATIVE_IN_CLOUD, Decimal(7)), (DifferenceClass.PERIOD_RUN, Decimal(-7)))
    assert found(result) == [(DifferenceClass.NATIVE_IN_CLOUD, Decimal(7)), (DifferenceClass.PERIOD_RUN, Decimal(7))]


def test_of_an_invoice_that_one_erp_lacks_the_net_amount_is_not_billed_there(firm: Firm) -> None:
    on_project(firm.legacy, "ar,1")
    firm.legacy.post(replace(firm.legacy.documents["ar,1"], posting_id=None, origin=Origin.NATIVE))

    billed = figures(firm.reconcile())["billed"]

    assert (billed.legacy, billed.cloud) == (Decimal(100), Decimal(0))
    assert billed.classes == ((DifferenceClass.NATIVE_IN_LEGACY, Decimal(-100)),)


def test_what_is_a_draft_in_one_erp_costs_nothing_there(firm: Firm) -> None:
    firm.booked("10.00")
    lines = (BookingLine("5200", Decimal(10), Decimal(10), (("project", "P-1"),)), BookingLine("1000", Decimal(-10), Decimal(-10)))
    for ledger in (firm.legacy, firm.cloud):
        ledger.post(with_lines(ledger.documents[ledger.told[-1]], *lines))
    firm.cloud.post(replace(firm.cloud.documents[firm.cloud.told[-1]], posted=False))

    cost = figures(firm.reconcile())["cost"]

    assert (cost.legacy, cost.cloud) == (Decimal(10), Decimal(0))
    assert cost.classes == ((DifferenceClass.CHANGED_AFTER_POSTING, Decimal(-10)),)


@pytest.mark.parametrize("arrives", [False, True])
def test_a_time_entry_on_its_way_is_in_flight_until_it_has_arrived(firm: Firm, arrives: bool) -> None:
    for erp in (LEGACY, CLOUD):
        firm.store.known("project", "P-1", erp=erp)
    worked = {"legal_entity": "DE01", "project": "P-1", "worker": "W-1", "worked_on": "2026-03-02", "hours": "2", "rate": "90.00"}
    firm.store.accept(an_event("time_entry", worked | {"currency": "EUR"}))
    control = firm.store.claim_one()
    firm.store.settlements().settle(control, SettledPosted("jcitems,1", "1", None, None))
    firm.legacy.works = [ProjectFigures("p,1", "P-1", "Bridge", None, "active", unbilled_hours=Decimal(2))]
    firm.cloud.works = [ProjectFigures("project.work,1", "P-1", "Bridge", None, "active", unbilled_hours=Decimal(0))]
    firm.legacy.time = [TimeFigures("jcitems,1", control.posting_id, "P-1", None, "W-1", date(2026, 3, 2), Decimal(2), None, None, True)]
    if arrives:
        firm.cloud = arriving = replace(Arriving(at_look=2), works=firm.cloud.works)
        arriving.arrives = lambda: firm.store.settle_posted(firm.store.claim(CLOUD, role=Role.CANDIDATE)[0])

    result = firm.reconcile()

    difference = the_difference(result)
    assert (difference.difference_class, difference.gross, difference.document_type) == (
        DifferenceClass.IN_FLIGHT,
        Decimal(180),
        "time_entry",
    )
    assert (difference.arrived, result.verdict.passed) == (arrives, arrives)
    assert figures(result)["unbilled hours"].classes == ((DifferenceClass.IN_FLIGHT, Decimal(-2)),)


def test_a_project_on_its_way_has_not_arrived_because_no_document_differs(firm: Firm) -> None:
    firm.store.known("customer", "C-1")
    firm.store.accept(a_project("C-1", number="P-1"))
    firm.store.settle_posted(firm.store.claim_one())
    firm.legacy.works = [ProjectFigures("p,1", "P-1", "Bridge", None, "active")]

    result = firm.reconcile()

    assert (the_difference(result).difference_class, the_difference(result).arrived) == (DifferenceClass.IN_FLIGHT, False)
    assert not result.verdict.passed
