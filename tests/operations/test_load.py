"""What a load brings of one snapshot, and what it says that it cannot bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.model.booking import Booking
from hybrid_erp.model.books import Entry, Origin, ProjectFigures, TaskFigures, TimeFigures
from hybrid_erp.model.documents import DocumentType, OpeningBalance, OpenItem
from hybrid_erp.model.load import GapClass, KnownToStore, LoadItem, LoadPlan
from hybrid_erp.model.money import ZERO, round_money
from hybrid_erp.operations.load.open_items import rate_and_residual
from hybrid_erp.operations.load.plan import with_later_references
from tests.operations.books import TODAY, FakeBooks, a_movement, a_party, a_receivable
from tests.operations.loads import a_plan, the_terms

KEY = UUID("01020304-0506-8708-890a-0b0c0d0e0f10")


def books(*receivables: Any, **changes: Any) -> FakeBooks:
    """A company with a bank, revenue, tax, and these open items on its control account."""
    owed = sum((each.functional_open_amount for each in receivables), ZERO)
    movement = [a_movement("1000", "500.00"), a_movement("4000", "-400.00"), a_movement("2100", "-100.00")]
    movement += [a_movement("1100", str(owed)), a_movement("4000", str(-owed), period="2026-04")] if owed else []
    return FakeBooks(movement, list(receivables), [a_party()], **changes)


def documents(plan: LoadPlan, document_type: DocumentType) -> list[Any]:
    return [item.posting.document for item in plan.items if item.document_type is document_type and item.posting]


def classes(plan: LoadPlan) -> list[GapClass]:
    return [gap.gap_class for gap in plan.gaps]


def clearing(plan: LoadPlan, items: Sequence[LoadItem] | None = None) -> Decimal:
    firm = the_terms().firm
    bookings = [firm.booking_of(item.posting.document) for item in items or plan.items if item.posting and item.is_figure]
    return sum((line.functional_amount for booking in bookings if booking for line in booking.lines if line.account == "2950"), ZERO)


def test_every_account_is_brought_and_the_control_account_goes_against_the_clearing_account() -> None:
    plan = a_plan(books(a_receivable("119.00")))

    (balance,) = documents(plan, DocumentType.OPENING_BALANCE)
    assert isinstance(balance, OpeningBalance)
    assert {line.account: line.amount for line in balance.lines} == {
        "1000": Decimal("500.00"),
        "2100": Decimal("-100.00"),
        "2950": Decimal("119.00"),
        "4000": Decimal("-519.00"),
    }
    (item,) = documents(plan, DocumentType.OPEN_ITEM)
    assert isinstance(item, OpenItem)
    assert (item.number, item.legal_number, item.customer, item.open_amount) == ("LOAD/INV-17", "INV-17", "C-100", Decimal("119.00"))
    assert clearing(plan) == ZERO
    assert plan.loaded["1100"] == Decimal("119.00")
    assert plan.blocking == ()


def test_all_figures_bear_the_load_date() -> None:
    plan = a_plan(books(a_receivable()), accounting_on=date(2026, 11, 30))

    assert {item.posting.document.accounting_on for item in plan.items if item.posting and item.is_figure} == {date(2026, 11, 30)}
    assert a_plan(books(), accounting_on=None).accounting_on == TODAY


def test_credits_and_unapplied_cash_are_brought_as_negative_items() -> None:
    credit = a_receivable("-50.00", native_id="ar,18", number="CN-1", legal_number="CN-1", document_type=DocumentType.CREDIT_MEMO)
    cash = a_receivable("-20.00", native_id="payment,3", number="7", legal_number=None, document_type=DocumentType.PAYMENT)

    plan = a_plan(books(a_receivable(), credit, cash))

    items = {item.number: (item.open_amount, item.original_amount) for item in documents(plan, DocumentType.OPEN_ITEM)}
    assert items["LOAD/CN-1"] == (Decimal("-50.00"), Decimal("50.00"))
    assert items["LOAD/7"] == (Decimal("-20.00"), Decimal("20.00"))
    assert clearing(plan) == ZERO


def test_a_foreign_item_is_brought_at_what_it_is_booked_at_whatever_the_rounding() -> None:
    usd = {"currency": "USD", "exchange_rate": Decimal("0.9137"), "original_amount": Decimal("1000.00")}
    whole = a_receivable("1000.00", functional_open_amount=Decimal("913.70"), **usd)
    rest = a_receivable("333.33", functional_open_amount=Decimal("304.58"), native_id="ar,18", number="2", legal_number="2", **usd)

    plan = a_plan(books(whole, rest))

    items = {item.number: item for item in documents(plan, DocumentType.OPEN_ITEM)}
    assert items["LOAD/INV-17"].exchange_rate == Decimal("0.9137")
    assert round_money(items["LOAD/2"].exchange_rate * Decimal("333.33"), "EUR") == Decimal("304.58")
    assert clearing(plan) == ZERO


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_there_is_a_rate_for_every_open_amount_and_what_it_is_booked_at(cents: int, functional_cents: int) -> None:
    amount, functional = Decimal(cents) / 100, Decimal(functional_cents) / 100

    rate, residual = rate_and_residual(a_receivable(str(amount), currency="USD", functional_open_amount=functional), "EUR")

    assert rate is not None
    assert residual == ZERO
    assert round_money(amount * rate, "EUR") == functional


@pytest.mark.parametrize(
    ("open_amount", "functional", "brought"),
    [
        ("0.00", "-117.76", {"LOAD/INV-17/residual": ("EUR", Decimal("-117.76"))}),
        ("10.00", "-5.00", {"LOAD/INV-17": ("USD", Decimal("10.00")), "LOAD/INV-17/residual": ("EUR", Decimal("-14.00"))}),
    ],
)
def test_a_currency_difference_that_nobody_booked_is_brought_as_it_stands_and_told(
    open_amount: str, functional: str, brought: dict[str, Any]
) -> None:
    item = a_receivable(open_amount, currency="USD", functional_open_amount=Decimal(functional), exchange_rate=Decimal("0.9"))

    plan = a_plan(books(item))

    assert {each.number: (each.currency, each.open_amount) for each in documents(plan, DocumentType.OPEN_ITEM)} == brought
    assert classes(plan) == [GapClass.CURRENCY_RESIDUAL]
    assert clearing(plan) == ZERO
    assert plan.loaded["1100"] == Decimal(functional)


@given(st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=12))
def test_the_clearing_account_is_zero_after_any_load(amounts: list[int]) -> None:
    receivables = [
        a_receivable(str(Decimal(cents) / 100), native_id=f"ar,{number}", number=str(number), legal_number=f"N-{number}")
        for number, cents in enumerate(amounts)
    ]

    plan = a_plan(books(*receivables))

    assert clearing(plan) == ZERO
    assert sum(plan.loaded.values(), ZERO) == ZERO
    assert plan.blocking == ()


def test_profit_of_earlier_years_goes_to_retained_earnings() -> None:
    legacy = FakeBooks([a_movement("1000", "10.00", period="2025-12"), a_movement("4000", "-10.00", period="2025-12")])

    (balance,) = documents(a_plan(legacy), DocumentType.OPENING_BALANCE)

    assert {line.account: line.amount for line in balance.lines} == {"1000": Decimal("10.00"), "3100": Decimal("-10.00")}


def test_the_same_load_makes_the_same_keys_and_another_one_makes_others() -> None:
    legacy = books(a_receivable())

    keys = [item.posting_id for item in a_plan(legacy).items]

    assert keys == [item.posting_id for item in a_plan(legacy).items]
    assert not set(keys) & {item.posting_id for item in a_plan(legacy, ordinal=2).items}
    (again,) = documents(a_plan(legacy, ordinal=2), DocumentType.OPEN_ITEM)
    assert (again.number, again.version) == ("LOAD/INV-17", 2)


def test_an_invoice_that_the_facade_knows_keeps_its_number_so_that_a_payment_finds_it() -> None:
    invoice = a_receivable("70.00", posting_id=KEY)
    cash = a_receivable("-20.00", native_id="payment,3", posting_id=UUID(int=1), number="7", document_type=DocumentType.PAYMENT)
    known = KnownToStore(numbers={KEY: "B-2026-1", UUID(int=1): "PAY-1"})

    items = documents(a_plan(books(invoice, cash), known=known), DocumentType.OPEN_ITEM)

    assert sorted((item.number, item.legal_number) for item in items) == [("B-2026-1", "INV-17"), ("LOAD/INV-17", "INV-17")]


def test_two_items_of_one_number_are_told_apart() -> None:
    plan = a_plan(books(a_receivable(), a_receivable("1.00", native_id="ar,18")))

    assert {item.number for item in documents(plan, DocumentType.OPEN_ITEM)} == {"LOAD/ar,17", "LOAD/ar,18"}
    assert plan.blocking == ()


@pytest.mark.parametrize(
    ("harm", "gap_class"),
    [
        ({"movement": [a_movement("?", "5.00", native="5700"), a_movement("1000", "-5.00")]}, GapClass.UNMAPPED_ACCOUNT),
        ({"movement": [a_movement("1000", "5.00")]}, GapClass.OUT_OF_BALANCE),
        ({"movement": [a_movement("1000", "5.005"), a_movement("4000", "-5.005")]}, GapClass.REFUSED),
        ({"movement": [a_movement("2950", "5.00"), a_movement("1000", "-5.00")]}, GapClass.CONTROL_ACCOUNT),
        ({"movement": [a_movement("2000", "-5.00"), a_movement("1000", "5.00")]}, GapClass.CONTROL_ACCOUNT),
        ({"movement": [a_movement("1100", "5.00"), a_movement("1000", "-5.00")]}, GapClass.CONTROL_ACCOUNT),
        ({"receivables": [a_receivable("5.00", customer="")]}, GapClass.CUSTOMER_UNKNOWN),
        ({"receivables": [a_receivable("5.00", currency="JPY")]}, GapClass.REFUSED),
        ({"receivables": [a_receivable("5.00", account="1300")]}, GapClass.CONTROL_ACCOUNT),
    ],
)
def test_what_would_not_be_level_blocks_with_a_class_and_a_remedy(harm: dict[str, Any], gap_class: GapClass) -> None:
    plan = a_plan(replace(FakeBooks(), **harm))

    blocking = [gap for gap in plan.blocking if gap.gap_class is gap_class]
    assert blocking
    assert all(gap.gap_class.remedy.endswith(".") and gap.gap_class.remedy in str(gap) for gap in blocking)


def test_an_account_that_the_cloud_mapping_lacks_blocks() -> None:
    legacy = FakeBooks([a_movement("9999", "5.00"), a_movement("1000", "-5.00")])

    assert [gap.subject for gap in a_plan(legacy).blocking] == ["canonical account 9999"]


def test_a_cloud_ledger_that_is_not_empty_blocks() -> None:
    cloud = FakeBooks([a_movement("1000", "5.00"), a_movement("4000", "-5.00")], [a_receivable()])

    assert classes(a_plan(books(), cloud)) == [GapClass.NOT_LEVEL_BEFORE] * 3
    back = [a_movement("1000", "-5.00", period="2026-04"), a_movement("4000", "5.00", period="2026-04")]
    assert a_plan(books(), FakeBooks([*cloud.movement, *back])).blocking == ()


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2026, 11, 20)])
def test_a_day_that_nobody_can_post_on_blocks(day: date) -> None:
    plan = a_plan(books(), FakeBooks(closed_days=frozenset({date(2026, 11, 20)})), accounting_on=day)

    assert GapClass.PERIOD_CLOSED in classes(plan)


def test_drafts_are_listed_and_the_documents_of_the_snapshot_are_named() -> None:
    def entry(native_id: str, *, posted: bool, key: UUID | None = None) -> Entry:
        booking = Booking("DE01", date(2026, 11, 2), "EUR", "EUR", ())
        return Entry(native_id, native_id, Origin.NATIVE, posted, booking, posting_id=key)

    legacy = books(documents=[entry("gl,1", posted=True, key=KEY), entry("ar,2", posted=False), entry("gl,3", posted=True)])
    plan = a_plan(legacy)

    assert [(gap.gap_class, gap.subject, gap.blocks) for gap in plan.gaps] == [(GapClass.DRAFT, "ar,2 (ar,2)", False)]
    assert [(each.native_id, each.posting_id, each.posted) for each in plan.seen] == [
        ("gl,1", KEY, True),
        ("ar,2", None, False),
        ("gl,3", None, True),
    ]


def test_customers_projects_tasks_and_time_become_documents_in_the_order_of_their_dependencies() -> None:
    task = TaskFigures("bu,3", "P-1/D", "Design", Decimal(40))
    project = ProjectFigures("bu,2", "P-1", "Bridge", "C-100", "active", date(2026, 1, 1), tasks=(task,))
    time = TimeFigures("jc,4", None, "P-1", "P-1/D", "W-1", date(2026, 11, 3), Decimal("7.5"), Decimal("120.00"), "EUR", True)

    plan = a_plan(books(works=[project], time=[time]))

    made = [(item.document_type.value, item.number) for item in plan.items if not item.is_figure]
    assert made == [("customer", "C-100"), ("project", "P-1"), ("project_task", "P-1/D"), ("time_entry", "LOAD/jc,4")]
    assert plan.gaps == ()


def test_what_the_store_knows_goes_as_its_own_posting_and_what_the_cloud_holds_does_not_go() -> None:
    project = ProjectFigures("bu,2", "P-1", "Bridge", "C-100", "active")
    time = TimeFigures("jc,4", KEY, "P-1", None, "W-1", date(2026, 11, 3), Decimal("7.5"), None, None, True)
    known = KnownToStore(
        at_cloud=frozenset({(DocumentType.CUSTOMER, "C-100")}),
        postings={(DocumentType.PROJECT, "P-1"): UUID(int=1)},
        time=frozenset({KEY}),
        counts={DocumentType.CONTRACT: 3, DocumentType.EXPENSE: 2},
    )

    plan = a_plan(books(works=[project], time=[time]), known=known)

    assert [(item.number, item.posting_id, item.posting) for item in plan.items if not item.is_figure] == [
        ("P-1", UUID(int=1), None),
        ("jc,4", KEY, None),
    ]
    assert [(gap.gap_class, gap.subject) for gap in plan.gaps] == [
        (GapClass.NOT_KEPT, "3 contracts"),
        (GapClass.NO_DOCUMENT, "2 expenses"),
    ]


def test_a_customer_that_is_incomplete_blocks_only_what_needs_it() -> None:
    legacy = books(a_receivable())
    legacy.parties = [a_party(country=None), a_party("C-7", payment_term=None), a_party(None)]

    plan = a_plan(legacy)

    assert [(gap.gap_class, gap.subject, gap.blocks) for gap in plan.gaps] == [
        (GapClass.INCOMPLETE, "customer C-100", True),
        (GapClass.INCOMPLETE, "customer C-7", False),
        (GapClass.CUSTOMER_UNKNOWN, "customer eca,None", False),
    ]


def test_a_customer_that_came_while_the_snapshot_was_read_is_brought_in_its_own_posting() -> None:
    plan = a_plan(books(a_receivable()))
    later = KnownToStore(postings={(DocumentType.CUSTOMER, "C-100"): KEY, (DocumentType.WORKER, "W-1"): UUID(int=1)})

    items = with_later_references(plan, later, the_terms()).items

    assert [(item.number, item.posting_id) for item in items if item.document_type is DocumentType.CUSTOMER] == [("C-100", KEY)]
    assert items[0].number == "C-100"
    assert len(items) == len(plan.items)  # no ERP keeps workers
