"""Laws of the canonical documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hybrid_erp.model.documents import (
    DOCUMENTS_BY_TYPE,
    Contract,
    CreditMemo,
    Dependency,
    DocumentType,
    Expense,
    Invoice,
    JournalEntry,
    JournalLine,
    Payment,
    Project,
    RevenueSchedule,
    TimeEntry,
    event_type,
)
from hybrid_erp.model.errors import MalformedEventError, UnbalancedEntryError
from hybrid_erp.model.money import CURRENCY_DIGITS, ZERO, smallest_unit
from hybrid_erp.model.ownership import Phase, PostingKind, first_day, next_period, period_of
from tests.model.documents import Trade, charges, entries, trades


def balances(*lines: JournalLine) -> dict[tuple[str, object], Decimal]:
    totals: dict[tuple[str, object], Decimal] = defaultdict(Decimal)
    for line in lines:
        totals[line.account, line.dimensions] += line.signed_amount
    return totals


@given(entries())
def test_an_entry_and_its_reversal_leave_every_account_at_zero(entry: JournalEntry) -> None:
    reversal = entry.reversed("JE-2", date(2026, 4, 1))

    assert set(balances(*entry.lines, *reversal.lines).values()) == {ZERO}


@given(entries())
def test_a_reversal_is_an_entry_that_waits_for_what_it_takes_back(entry: JournalEntry) -> None:
    reversal = entry.reversed("JE-2", date(2026, 4, 1))

    assert JournalEntry.model_validate(reversal.model_dump()) == reversal
    assert Dependency(DocumentType.JOURNAL_ENTRY, entry.number) in reversal.depends_on
    assert reversal.reversed("JE-3", entry.accounting_date).lines == entry.lines


@given(entries(), st.data())
def test_an_entry_out_of_balance_cannot_exist(entry: JournalEntry, data: st.DataObject) -> None:
    content = entry.model_dump()
    line = data.draw(st.sampled_from(content["lines"]))
    side = "debit" if line["debit"] else "credit"
    line[side] += smallest_unit(entry.currency)

    with pytest.raises(UnbalancedEntryError):
        JournalEntry.model_validate(content)


@given(trades().flatmap(charges))
def test_the_total_of_an_invoice_is_its_lines_and_its_tax(content: dict[str, Any]) -> None:
    Invoice.model_validate(content | {"due_on": "2026-04-05"})

    for wrong in (content["total"] + smallest_unit(content["currency"]), content["total"] * 2):
        with pytest.raises(UnbalancedEntryError):
            Invoice.model_validate(content | {"due_on": "2026-04-05", "total": wrong})


@given(trades(), st.data())
def test_a_payment_applies_no_more_than_it_brings(trade: Trade, data: st.DataObject) -> None:
    amount = data.draw(trade.amounts())
    unit = smallest_unit(trade.currency)
    content = trade.head | {"number": "P-1", "customer": "C-1", "bank_account": "MAIN", "amount": amount}

    payment = Payment.model_validate(content | {"applications": [{"invoice": "I-1", "amount": amount}]})
    assert payment.unapplied == 0
    assert payment.settled == payment.net_received + payment.given_up

    with pytest.raises(UnbalancedEntryError):
        Payment.model_validate(content | {"applications": [{"invoice": "I-1", "amount": amount + unit}]})


@given(st.sampled_from(sorted(CURRENCY_DIGITS)), st.sampled_from(["amount", "bank_charge", "discount", "withholding"]))
def test_no_amount_of_a_payment_has_more_digits_than_its_currency(currency: str, field: str) -> None:
    fraction = smallest_unit(currency) / 10
    content: dict[str, Any] = {"number": "P-1", "legal_entity": "DE01", "customer": "C-1", "bank_account": "MAIN", "currency": currency}
    content |= {"accounting_date": "2026-03-05", "amount": Decimal(100)}
    applied: dict[str, Any] = {"invoice": "I-1", "amount": Decimal(1)}
    if field in ("amount", "bank_charge"):
        content[field] = 100 + fraction
    else:
        applied[field] = fraction

    with pytest.raises(MalformedEventError):
        Payment.model_validate(content | {"applications": [applied]})


@pytest.mark.parametrize("debit", ["0", "1"])
def test_a_line_is_a_debit_or_a_credit(debit: str) -> None:
    with pytest.raises(ValidationError):
        JournalLine.model_validate({"account": "1000", "debit": debit, "credit": debit})


ANY_DAY = {"accounting_date": "2026-03-05"}
ENTRY = {"number": "JE-1", "legal_entity": "DE01", "currency": "EUR"} | ANY_DAY
LINES = {"lines": [{"account": "5200", "debit": "1"}, {"account": "1000", "credit": "1"}]}
CUSTOMER = Dependency(DocumentType.CUSTOMER, "C-1")
PROJECT = Dependency(DocumentType.PROJECT, "P-1")
INVOICE: dict[str, Any] = {
    "customer": "C-1",
    "issued_on": "2026-03-05",
    "total": "1",
    "lines": [{"item": "time", "unit_price": "1", "amount": "1"}],
}

WAITS_FOR: list[tuple[type, dict[str, Any], set[Dependency]]] = [
    (JournalEntry, LINES, set()),
    (JournalEntry, LINES | {"project": "P-1"}, {PROJECT}),
    (JournalEntry, LINES | {"reverses": "JE-0"}, {Dependency(DocumentType.JOURNAL_ENTRY, "JE-0")}),
    (
        JournalEntry,
        LINES | {"number": "IC/DE01", "intercompany": {"pair": "IC", "partner": "US01"}},
        {Dependency(DocumentType.JOURNAL_ENTRY, "IC/US01", until="accepted", legal_entity="US01")},
    ),
    (Invoice, INVOICE | {"due_on": "2026-04-05"}, {CUSTOMER}),
    (Invoice, INVOICE | {"due_on": "2026-04-05", "project": "P-1"}, {CUSTOMER, PROJECT}),
    (CreditMemo, INVOICE | {"corrects": "I-1"}, {CUSTOMER, Dependency(DocumentType.INVOICE, "I-1")}),
    (CreditMemo, INVOICE | {"on_account": True}, {CUSTOMER}),
    (
        Payment,
        {"customer": "C-1", "bank_account": "M", "amount": "2", "applications": [{"invoice": f"I-{n}", "amount": "1"} for n in (1, 2)]},
        {CUSTOMER, Dependency(DocumentType.INVOICE, "I-1"), Dependency(DocumentType.INVOICE, "I-2")},
    ),
    (
        Expense,
        {"project": "P-1", "worker": "W-1", "category": "travel", "amount": "1", "corrects": "E-0"},
        {PROJECT, Dependency(DocumentType.EXPENSE, "E-0")},
    ),
    (
        RevenueSchedule,
        {"contract": "K-1", "contract_line": "1", "recognised": "1", "recognised_to_date": "1"},
        {Dependency(DocumentType.CONTRACT, "K-1", until="accepted")},
    ),
]


@pytest.mark.parametrize(("document", "content", "expected"), WAITS_FOR, ids=lambda value: getattr(value, "__name__", ""))
def test_a_document_waits_for_what_it_rests_on(document: Any, content: dict[str, Any], expected: set[Dependency]) -> None:
    assert set(document.model_validate(ENTRY | content).depends_on) == expected


@pytest.mark.parametrize("content", [{}, {"corrects": "I-1", "on_account": True}], ids=["neither", "both"])
def test_a_credit_memo_names_its_invoice_or_says_that_there_is_none(content: dict[str, Any]) -> None:
    with pytest.raises(MalformedEventError, match="names the invoice that it corrects, or is on_account"):
        CreditMemo.model_validate(ENTRY | INVOICE | content)


def test_a_project_waits_for_its_customer_and_knows_its_contract() -> None:
    terms: dict[str, Any] = {"number": "P-1", "legal_entity": "DE01", "name": "Bridge", "customer": "C-1", "contract": "K-1"}
    project = Project.model_validate(terms | {"currency": "EUR", "billing_method": "retainer", "starts_on": "2026-01-01"})

    assert set(project.depends_on) == {CUSTOMER, Dependency(DocumentType.CONTRACT, "K-1", until="accepted")}


def test_time_waits_for_its_task_and_for_what_it_corrects() -> None:
    terms = {"number": "T-2", "legal_entity": "DE01", "project": "P-1", "task": "T", "worker": "W-1", "worked_on": "2026-03-05"}
    entry = TimeEntry.model_validate(terms | {"hours": "7.5", "corrects": "T-1"})

    assert set(entry.depends_on) == {
        PROJECT,
        Dependency(DocumentType.PROJECT_TASK, "T"),
        Dependency(DocumentType.TIME_ENTRY, "T-1"),
    }


def test_a_contract_concerns_the_legal_entities_of_its_lines_once() -> None:
    lines = [
        {"number": f"{n}", "legal_entity": code, "billing_method": "retainer", "amount": "1"}
        for n, code in enumerate(["UK01", "DE01", "UK01"])
    ]
    contract = Contract.model_validate({"number": "K-1", "customer": "C-1", "currency": "EUR", "starts_on": "2026-01-01", "lines": lines})

    assert contract.legal_entities == ("UK01", "DE01")


def test_every_event_type_names_its_document_and_version() -> None:
    assert {event_type(document): document for document in DOCUMENTS_BY_TYPE.values()} == DOCUMENTS_BY_TYPE
    assert {document.document_type for document in DOCUMENTS_BY_TYPE.values()} == set(DocumentType)
    assert {document.kind for document in DOCUMENTS_BY_TYPE.values()} == set(PostingKind)


@given(st.dates())
def test_text_order_of_periods_is_time_order(day: date) -> None:
    period = period_of(day)

    assert first_day(period) <= day
    if period < "9999-12":
        assert period < next_period(period)
        assert day < first_day(next_period(period))


def open_phases() -> Iterable[Phase]:
    return (phase for phase in Phase if phase.open)


def test_a_new_control_claim_is_allowed_in_the_open_phases_alone() -> None:
    assert set(open_phases()) == {Phase.LEGACY_ONLY, Phase.DUAL_RUN, Phase.HYPERCARE, Phase.CLOUD_ONLY}
