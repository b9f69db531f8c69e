"""A project's figures in the real LedgerSMB and the real Tryton: equal where the books are, and each difference in its class."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from hybrid_erp.model.delivery import Role
from sandbox.site import Site
from sandbox.store_setup import DATABASE
from tests.builders import a_journal_entry, a_project, an_event, an_invoice, the_settings
from tests.operations.reconcile.region import CLOUD, LEGACY, accept, drain, level, many, reconcile, told

ENTITY, CUSTOMER, PROJECT, SECOND = "DE01", "C-5001", "P-FIGURES", "P-SECOND"
COPY_TIME = """
    INSERT INTO timesheet_line (company, cost_price, create_date, create_uid, date, description, duration, employee, uuid, work)
    SELECT company, cost_price, now(), create_uid, date, 'by hand', interval '5 hours', employee, uuid || '/2', work FROM timesheet_line
    WHERE id = %s
"""
COPY_HOURS = """
    INSERT INTO jcitems (business_unit_id, description, qty, allocated, sellprice, fxsellprice, checkedin, checkedout, person_id, total,
                         non_billable, jctype, curr)
    SELECT business_unit_id, 'by hand', 6, 0, sellprice, fxsellprice, checkedin, checkedout, person_id, total, 0, jctype, curr
    FROM jcitems WHERE id = %s
"""


def a_time_entry(number: str, hours: str, **changes: Any) -> dict[str, Any]:
    data = {"number": number, "legal_entity": ENTITY, "project": PROJECT, "worker": "W-7", "worked_on": "2026-11-02", "hours": hours}
    return an_event("time_entry", data | {"rate": "100.00", "currency": "EUR"} | changes)


def rows(found: Mapping[str, Any], project: str = PROJECT) -> dict[str, Mapping[str, Any]]:
    return {row["figure"]: row for row in found["entities"][0]["projects"] if row["project"] == project}


def classes_of(row: Mapping[str, Any]) -> dict[str, Decimal]:
    found = {name: Decimal(amount) for name, amount in row["classes"].items()}
    assert sum(found.values()) == row["difference"]
    return found


@pytest.mark.timeout(900)
def test_the_figures_of_a_project_are_equal_and_what_is_done_to_them_is_told_in_its_class(dual_site: Site) -> None:
    for number in (PROJECT, SECOND):
        accept(dual_site, [a_project(CUSTOMER, number=number)])
    level()
    hours = {"T-GONE": "1", "T-OTHER": "2", "T-BILLED": "3", "T-KEPT": "7.25"}
    accept(dual_site, [a_time_entry(number, each) for number, each in hours.items()])
    accept(dual_site, [a_time_entry("T-NEVER", "4", billable=False)])
    travel = [{"account": "5200", "debit": "40.00"}, {"account": "1000", "credit": "40.00"}]
    accept(dual_site, [a_journal_entry(project=PROJECT, lines=travel, accounting_date="2026-11-17")])
    (invoice,) = accept(dual_site, [an_invoice(CUSTOMER, amount="900.00", project=PROJECT, accounting_date="2026-11-17")])
    level()

    equal = reconcile(dual_site, ENTITY)

    figures = {name: (row["legacy"], row["cloud"]) for name, row in rows(equal).items()}
    assert figures == {
        "billed": (900, 900),
        "cost": (40, 40),
        "unbilled": (1325, None),  # Tryton keeps no rate
        "unbilled hours": (Decimal("13.25"), Decimal("13.25")),
    }, told(equal)
    assert [each for each in equal["entities"][0]["differences"] if each["document_type"] == "time_entry"] == [], told(equal)

    at = {(row["number"], row["erp"]): int(row["native_id"].rpartition(",")[2]) for row in natives(dual_site, hours)}
    move = int(natives_of(dual_site, invoice)[CLOUD].rpartition(",")[2])
    with dual_site.cluster.admin(the_settings().erps[CLOUD].companies[ENTITY].database) as tryton:
        tryton.execute(COPY_TIME.encode(), (at["T-KEPT", CLOUD],))
        tryton.execute(b"DELETE FROM timesheet_line WHERE id = %s", (at["T-GONE", CLOUD],))
        tryton.execute(b"UPDATE timesheet_line SET duration = duration + interval '30 minutes' WHERE id = %s", (at["T-OTHER", CLOUD],))
        swapped = "UPDATE account_move_line SET description = replace(description, %s, %s), write_date = now() WHERE move = %s"
        tryton.execute(swapped.encode(), (f"project={PROJECT}", f"project={SECOND}", move))
    with dual_site.cluster.admin(the_settings().erps[LEGACY].companies[ENTITY].database) as ledgersmb:
        ledgersmb.execute(COPY_HOURS.encode(), (at["T-KEPT", LEGACY],))
        ledgersmb.execute(b"UPDATE jcitems SET allocated = qty WHERE id = %s", (at["T-BILLED", LEGACY],))
    refused, _ = accept(dual_site, [a_time_entry("T-REFUSED", "8"), a_time_entry("T-FLIES", "0.5")])
    drain(LEGACY, Role.CONTROL)
    with psycopg.connect(dual_site.cluster.dsn(DATABASE), autocommit=True) as store:
        dead = "UPDATE outbox SET state = 'dead_lettered', reason = 'no such worker' WHERE posting_id = %s AND role = 'candidate'"
        store.execute(dead, (refused,))

    found = reconcile(dual_site, ENTITY, depth="all")

    time = {each["number"]: each for each in found["entities"][0]["differences"] if each["document_type"] == "time_entry"}
    by_hand = [each for number, each in time.items() if not number.startswith("T-")]
    expected = {
        "T-GONE": ("changed_after_posting", 100),
        "T-OTHER": ("changed_after_posting", 50),
        "T-BILLED": ("changed_after_posting", 300),
        "T-REFUSED": ("dead_letter", 800),
        "T-FLIES": ("in_flight", 50),
    }
    assert {name: (each["class"], each["gross"]) for name, each in time.items() if each not in by_hand} == expected, told(found)
    assert {(each["class"], each["gross"]) for each in by_hand} == {("native_in_legacy", 600), ("native_in_cloud", 0)}, told(found)
    row = rows(found)["unbilled hours"]
    assert (row["legacy"], row["cloud"]) == (Decimal("24.75"), Decimal("17.75"))
    assert classes_of(row) == {
        "changed_after_posting": Decimal("2.5"),
        "dead_letter": Decimal(-8),
        "in_flight": Decimal("-0.5"),
        "native_in_legacy": Decimal(-6),
        "native_in_cloud": Decimal(5),
    }
    assert classes_of(rows(found)["billed"]) == {"changed_after_posting": Decimal(-900)}
    assert classes_of(rows(found, SECOND)["billed"]) == {"changed_after_posting": Decimal(900)}
    assert rows(found)["cost"]["difference"] == 0


def natives(site: Site, numbers: Mapping[str, str]) -> list[dict[str, Any]]:
    statement = "SELECT number, erp, native_id FROM crosswalk WHERE document_type = 'time_entry' AND number = ANY(%s)"
    return many(site, statement, list(numbers))


def natives_of(site: Site, posting_id: UUID) -> dict[str, str]:
    return {row["erp"]: row["native_id"] for row in many(site, "SELECT erp, native_id FROM delivery WHERE posting_id = %s", posting_id)}
