"""A legal entity on two ledgers and a real store: what is equal passes at a constant price, what is not is found and classed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from hybrid_erp.adapters.store.reconciliations import PostgresReconciliations
from hybrid_erp.model.booking import BookingLine
from hybrid_erp.model.books import NumberSeries, Origin
from hybrid_erp.model.claim import SettledDead, SettledPosted
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.errors import ConfigurationError, NotReconcilableError
from hybrid_erp.model.reconciliation import DifferenceClass, ProjectRow
from tests.builders import a_journal_entry
from tests.observed import an_entry, with_lines
from tests.operations.reconcile.firm import Arriving, Firm, a_native, found, lines_of, posted_entry, the_difference
from tests.stores import CLOUD, LEGACY, SETTINGS

KINDS, ENTITIES = ("project", "billing", "ledger"), ("DE01", "UK01")
TODAY = date(2026, 3, 31)
PLAN: dict[str, Any] = {"confirmation_seconds_max": 0, "intercompany_accounts": ["1300"]}


def test_two_equal_ledgers_pass_and_nothing_unchanged_is_read_again(firm: Firm) -> None:
    for number in range(5):
        firm.booked(f"{number + 1}.00")

    first = firm.reconcile()
    told, calls = firm.legacy.told_documents, firm.legacy.calls
    second = firm.reconcile()

    assert first.verdict.passed, first.verdict.reasons
    assert (second.verdict.passed, second.looks, second.differences) == (True, 1, ())
    assert firm.legacy.told_documents == told
    assert firm.legacy.calls - calls == calls  # the number of equal documents costs no call
    assert {row.difference for row in first.rows} == {Decimal(0)}
    assert {(row.place.account, row.native_legacy) for row in first.rows} == {("1000", ("N1000",)), ("5200", ("N5200",))}


def test_every_class_is_told_side_by_side_and_comes_to_the_whole_difference(firm: Firm) -> None:
    firm.booked("10.00")
    firm.booked("11.00", copy="waiting")
    firm.store.sql("UPDATE outbox SET due_at = 'infinity' WHERE role = 'candidate' AND state = 'waiting'")
    firm.booked("12.00", copy="refused")
    firm.booked("13.00", copy="unmapped")
    firm.booked("14.00", copy="retried")
    firm.booked("15.00", copy="15.01")
    firm.booked("16.00", copy="19.00")
    firm.booked("17.00")
    firm.cloud.alter(firm.cloud.told[-1])
    firm.legacy.post(a_native("gl,900"))
    firm.cloud.post(a_native("account.move,901", "8.00"))
    firm.legacy.post(a_native("gl,902", "9.00", "6200", origin=Origin.PERIOD_RUN, period_run="depreciation"))

    result = firm.reconcile()

    assert found(result) == sorted(
        [
            (DifferenceClass.IN_FLIGHT, Decimal("11.00")),
            (DifferenceClass.DEAD_LETTER, Decimal("12.00")),
            (DifferenceClass.MAPPING_GAP, Decimal("13.00")),
            (DifferenceClass.CANDIDATE_RETRYING, Decimal("14.00")),
            (DifferenceClass.ROUNDING, Decimal("0.01")),
            (DifferenceClass.ALTERED_BY_ERP, Decimal("3.00")),
            (DifferenceClass.DELETED_AFTER_POSTING, Decimal("17.00")),
            (DifferenceClass.NATIVE_IN_LEGACY, Decimal("7.00")),
            (DifferenceClass.NATIVE_IN_CLOUD, Decimal("8.00")),
            (DifferenceClass.PERIOD_RUN, Decimal("9.00")),
        ]
    )
    assert not result.verdict.passed
    assert result.looks == 2


@pytest.mark.parametrize("tells", [True, False])
def test_what_is_changed_after_posting_is_found_whether_the_erp_tells_or_not(firm: Firm, tells: bool) -> None:
    firm.booked("10.00")
    firm.booked("20.00")
    assert firm.reconcile().verdict.passed
    tampered = replace(firm.cloud.documents["account.move,1"], booking=_booking_of(firm, "20.01"))

    firm.cloud.post(tampered) if tells else firm.cloud.alter(tampered)

    difference = the_difference(firm.reconcile())
    assert (difference.difference_class, difference.gross) == (DifferenceClass.CHANGED_AFTER_POSTING, Decimal("0.01"))
    assert difference.cloud_id == "account.move,1"


def _booking_of(firm: Firm, amount: str) -> Any:
    return replace(firm.cloud.documents["account.move,1"].booking, lines=lines_of(amount))


@pytest.mark.parametrize("tells", [True, False])
def test_what_is_deleted_after_it_was_read_is_found(firm: Firm, tells: bool) -> None:
    firm.booked("10.00")
    assert firm.reconcile().verdict.passed

    firm.cloud.alter("account.move,0")

    assert the_difference(firm.reconcile(thorough=tells)).difference_class is DifferenceClass.DELETED_AFTER_POSTING


@pytest.mark.parametrize("at_look", [1, 2])
def test_what_arrives_while_the_erps_are_read_is_no_alarm(firm: Firm, at_look: int) -> None:
    firm.cloud = arriving = Arriving(at_look=at_look)
    firm.booked("10.00", copy="waiting")
    (claim,) = firm.store.claim(CLOUD, role=Role.CANDIDATE)
    arriving.arrives = lambda: firm.settle_copy(claim, "posted", "10.00", "2026-03-05")

    result = firm.reconcile()

    assert result.verdict.passed, result.verdict.reasons
    assert [each.arrived for each in result.differences] == ([] if at_look == 1 else [True])


def test_a_legacy_account_without_a_scope_is_refused_before_anything_is_compared(firm: Firm) -> None:
    firm.legacy.unmapped = ("5700",)

    with pytest.raises(ConfigurationError, match="Account 5700 of DE01 in the legacy ERP has no scope"):
        firm.reconcile()


def test_a_cloud_erp_without_an_open_period_is_refused(firm: Firm) -> None:
    firm.cloud.closed = True

    with pytest.raises(NotReconcilableError, match="no open accounting period"):
        firm.reconcile()


SCOPE = {"accounts": ["57*"], "scope": "out_of_scope", "owner": "Controller", "reason": "consolidation only", "control_total": "5.00"}


def test_accounts_out_of_scope_are_held_by_their_total(firm: Firm) -> None:
    firm.plan = {"scope": {"legacy": [SCOPE]}}
    firm.legacy.unmapped = ("5700", "5701")
    lines = (BookingLine("5700 of the ERP", Decimal(5), Decimal(5)), BookingLine("5701 of the ERP", Decimal(-5), Decimal(-5)))
    firm.legacy.post(with_lines(an_entry("gl,900", changed_at=None), *lines))

    result = firm.reconcile()

    (apart,) = result.left_out
    assert (apart.amount, apart.held, apart.accounts) == (Decimal(0), False, ("5700", "5701"))
    assert result.rows == ()
    assert "5700" in "".join(result.verdict.reasons)


def test_a_native_account_that_the_mapping_does_not_know_is_a_mapping_gap(firm: Firm) -> None:
    firm.plan = {"scope": {"legacy": [SCOPE | {"scope": "captured", "control_total": None}]}}
    firm.legacy.unmapped = ("5700",)
    lines = (BookingLine("5700 of the ERP", Decimal(5), Decimal(5)), BookingLine("1000", Decimal(-5), Decimal(-5)))
    firm.legacy.post(with_lines(an_entry("gl,900", changed_at=None), *lines))

    difference = the_difference(firm.reconcile())

    assert difference.difference_class is DifferenceClass.MAPPING_GAP
    assert {place.account for place, _ in difference.amounts} == {"1000", f"5700 of {LEGACY}"}


def test_a_run_that_both_make_alike_is_no_difference_and_one_that_is_mirrored_may_not_run_twice(firm: Firm) -> None:
    run = {"account": "6200", "amount": "9.00", "origin": Origin.PERIOD_RUN, "period_run": "depreciation"}
    firm.legacy.post(a_native("gl,902", **run))
    firm.cloud.post(a_native("account.move,902", **run))

    firm.plan = {"period_runs": {"depreciation": "both"}}
    assert firm.reconcile().verdict.passed

    firm.plan = {"period_runs": {"depreciation": "mirror"}}
    assert any("runs in one ERP alone" in reason for reason in firm.reconcile().verdict.reasons)


def test_clearing_accounts_that_are_not_zero_and_control_accounts_without_items_fail(firm: Firm) -> None:
    for ledger, native_id in ((firm.legacy, "gl,1"), (firm.cloud, "account.move,1")):
        lines = (BookingLine("2950", Decimal(5), Decimal(5)), BookingLine("1100", Decimal(-5), Decimal(-5), party="C-1"))
        ledger.post(with_lines(an_entry(native_id, posting_id=UUID(int=9), changed_at=None), *lines))

    failed = {check.name for check in firm.reconcile().checks if not check.holds}

    assert failed == {"account 2950 (migration clearing) is zero in every period", "control account 1100 equals its open items"}


def half_of_a_pair(legal_entity: str, partner: str, account: str) -> dict[str, Any]:
    sides = [{"account": account, "debit": "250.00", "partner": partner}, {"account": "1000", "credit": "250.00", "partner": partner}]
    terms: dict[str, Any] = {
        "number": f"IC-7/{legal_entity}",
        "intercompany": {"pair": "IC-7", "partner": partner},
        "journal_type": "intercompany",
    }
    return a_journal_entry(legal_entity, currency="EUR", exchange_rate=None if legal_entity == "DE01" else "0.86", lines=sides, **terms)


def test_half_an_intercompany_pair_fails_once_it_is_older_than_its_limit(firm: Firm) -> None:
    firm.store.accept(half_of_a_pair("DE01", "UK01", "1300"), half_of_a_pair("UK01", "DE01", "5300"))
    for claim in firm.store.claim(LEGACY):
        if claim.legal_entity == "DE01":
            firm.legacy.post(posted_entry("gl,7", claim, "250.00", "2026-03-05"))
            firm.store.settlements().settle(claim, SettledPosted("gl,7", "JE", None, date(2026, 3, 5)))
        else:
            firm.store.settlements().settle(claim, SettledDead(FailureClass.VALIDATION, "no such account"))

    def halves() -> list[str]:
        return [f"{check.name}: {check.found}" for check in firm.reconcile().checks if "intercompany" in check.name and not check.holds]

    assert halves() == []
    firm.store.sql("UPDATE posting SET accepted_at = accepted_at - interval '61 minutes'")
    assert halves() == ["intercompany pair IC-7 with UK01 is whole: the half of UK01 is dead lettered"]
    assert any("IC-7" in reason for reason in firm.reconcile().verdict.reasons)
    firm.store.sql("UPDATE outbox SET state = 'cancelled' WHERE legal_entity = 'UK01'")
    assert halves() == ["intercompany pair IC-7 with UK01 is whole: nothing from UK01"]
    firm.store.sql("UPDATE outbox SET state = 'posted' WHERE legal_entity = 'UK01'")
    assert halves() == []


def test_a_number_missing_from_a_gapless_series_fails_until_it_is_explained(firm: Firm) -> None:
    firm.legacy.numbers = [NumberSeries("INV-", "INV-1", "INV-9", 7, ("INV-4",), ("INV-6",), gapless=True)]
    firm.cloud.numbers = [NumberSeries("typed by hand", "X-1", "X-99", 2, ("X-50",), ())]

    result = firm.reconcile()

    (check,) = [each for each in result.checks if "number series" in each.name]
    assert (check.holds, check.erp, check.found) == (False, LEGACY, "1 missing (INV-4), 1 cancelled")
    assert not result.verdict.passed
    firm.plan = {"explained_gaps": [{"numbers": ["INV-4"], "owner": "Controller", "reason": "drawn for a test in May"}]}
    assert firm.reconcile().verdict.passed
    firm.plan["explained_gaps"][0]["legal_entities"] = ["UK01"]
    assert not firm.reconcile().verdict.passed


def test_a_result_is_written_once_and_nobody_changes_it(firm: Firm) -> None:
    firm.booked("10.00", copy="refused")
    row = ProjectRow("P-1", "cost", "EUR", Decimal(0), Decimal(5), ((DifferenceClass.DEAD_LETTER, Decimal(5)),))
    result = replace(firm.reconcile(), projects=(row,))
    results = PostgresReconciliations(firm.store.connect("delivery"))
    terms = {
        "region": "emea",
        "legacy": LEGACY,
        "cloud": CLOUD,
        "legal_entities": ["DE01"],
        "depth": "changed",
        "requested_by": "tests",
        "run": "manual__1",
        "configuration": SETTINGS.fingerprint,
        "mappings": {},
        "plan": {},
    }
    key = results.begin(terms)
    assert results.begin(terms) == key

    results.write(key, result)
    results.write(key, replace(result, differences=()))
    results.finish(key, result.verdict)

    assert results.finished(key) == {"DE01": result.verdict}
    sums = firm.store.sql("SELECT account, sum(amount) AS amount FROM reconciliation_amount GROUP BY 1 ORDER BY 1")
    balance = firm.store.sql("SELECT account, sum(cloud - legacy) AS amount FROM reconciliation_balance GROUP BY 1 ORDER BY 1")
    assert sums == balance != []
    for table in ("entity", "difference", "amount", "balance", "project"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            firm.store.sql(f"DELETE FROM reconciliation_{table}")
