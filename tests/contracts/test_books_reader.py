"""The promises of every reader of the books, tried on the real ERPs: what we post and what people post are told once, to the cent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hybrid_erp.model.booking import compare
from hybrid_erp.model.books import YEAR_END, Changes, Entry, Origin
from hybrid_erp.model.delivery import Posted, Submission
from hybrid_erp.model.documents import Customer, DocumentType, Invoice, JournalEntry, Payment, Project, ProjectTask, TimeEntry
from hybrid_erp.model.errors import WrongSystemError
from hybrid_erp.model.money import ZERO
from hybrid_erp.ports import BooksReader, ErpConnector
from hybrid_erp.settings import Settings
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.books_under_test import BooksUnderTest
from tests.contracts.erp_under_test import a_submission
from tests.contracts.kept_drafts import submit
from tests.contracts.ledgersmb_person import LedgerSmbBooks
from tests.contracts.tryton_person import TrytonPerson

MARCH = date(2026, 3, 5)
PLANTS = (("5200", "40.00"), ("1000", "-40.00"))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module", params=["ledgersmb", "tryton"])
def books(request: pytest.FixtureRequest, site: Site, settings: Settings) -> BooksUnderTest:
    return TrytonPerson(site, settings) if request.param == "tryton" else LedgerSmbBooks(site.cluster, settings)


@pytest.fixture(scope="module")
def connector(books: BooksUnderTest) -> Iterator[ErpConnector]:
    with closing(books.connector()) as made:
        yield made


@pytest.fixture
def reader(books: BooksUnderTest) -> Iterator[BooksReader]:
    with closing(books.reader()) as made:
        yield made


@pytest.fixture(scope="module")
def customer(connector: ErpConnector, settings: Settings) -> str:
    document = Customer(number="C-BOOKS", concerns=("DE01",), name="Acme", currency="EUR", payment_term="NET30", country="DE")
    posted(connector, a_submission(settings, document))
    return document.number


def posted(connector: ErpConnector, submission: Submission) -> str:
    outcome = submit(connector, submission)
    assert isinstance(outcome, Posted), outcome
    return outcome.native_id


def an_entry(number: str, *, project: str | None = None) -> JournalEntry:
    first: dict[str, Any] = {"account": "5200", "debit": "100.10"} | ({"dimensions": {"project": project}} if project else {})
    terms = {"number": number, "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR"}
    return JournalEntry.model_validate(terms | {"lines": [first, {"account": "1000", "credit": "100.10"}]})


def an_invoice(number: str, customer: str, **changes: Any) -> Invoice:
    terms: dict[str, Any] = {"number": number, "legal_entity": "DE01", "customer": customer, "issued_on": "2026-03-05"}
    terms |= {"due_on": "2026-04-04", "accounting_date": "2026-03-05", "currency": "EUR", "payment_term": "NET30", "total": "119.00"}
    charged = {"item": "time", "unit_price": "100.00", "amount": "100.00", "tax_code": "DE-STD"}
    terms |= {"lines": [charged], "tax_lines": [{"tax_code": "DE-STD", "base": "100.00", "amount": "19.00"}]}
    return Invoice.model_validate(terms | changes)


def a_payment(number: str, invoice: Invoice, amount: str, **changes: Any) -> Payment:
    terms: dict[str, Any] = {"number": number, "legal_entity": "DE01", "customer": invoice.customer, "bank_account": "MAIN"}
    terms |= {"accounting_date": "2026-03-20", "currency": invoice.currency, "amount": amount}
    return Payment.model_validate(terms | {"applications": [{"invoice": invoice.number, "amount": amount}]} | changes)


def rounds(reader: BooksReader, after: str | None, limit: int = 1000) -> Iterator[Changes]:
    """Every page from a cursor on, until there is no more."""
    more = True
    while more:
        page = reader.changes(after, limit=limit)
        yield page
        after, more = page.cursor, page.more


def told(reader: BooksReader, after: str | None, limit: int = 1000) -> dict[str, Entry]:
    """The documents of every page, as they were told last."""
    return {entry.native_id: entry for page in rounds(reader, after, limit) for entry in page.entries}


def of_posting(entries: dict[str, Entry], submission: Submission) -> Entry:
    (found,) = [entry for entry in entries.values() if entry.posting_id == submission.posting_id]
    return found


def amounts(entry: Entry) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in entry.booking.lines:
        sums[line.account] += line.functional_amount
    return dict(sums)


# What we post


def test_what_the_facade_posted_is_told_with_its_key_as_it_was_booked(
    books: BooksUnderTest, reader: BooksReader, connector: ErpConnector, settings: Settings, customer: str
) -> None:
    cursor = reader.cursor()
    invoice = an_invoice("B-INV-1", customer)
    submissions = [a_submission(settings, each) for each in (an_entry("B-JE-1"), invoice, a_payment("B-PAY-1", invoice, "40.00"))]
    for submission in submissions:
        posted(connector, submission)

    entries = told(reader, cursor)

    for submission in submissions:
        entry = of_posting(entries, submission)
        assert submission.booking is not None
        assert compare(submission.booking, entry.booking) == ()
        assert (entry.origin, entry.content_hash, entry.posted) == (Origin.FACADE, submission.content_hash, True)
        assert entry.document_type is submission.document.document_type
    paid, charged = (of_posting(entries, each) for each in (submissions[2], submissions[1]))
    assert paid.settles == ((charged.native_id, Decimal("40.00")),)
    assert (charged.party, charged.due_on, charged.legal_number is not None) == (customer, date(2026, 4, 4), True)
    assert len([entry for entry in entries.values() if entry.origin is not Origin.FACADE]) == 0  # nothing of ours is told twice


def test_a_document_in_a_foreign_currency_is_told_in_both(
    reader: BooksReader, connector: ErpConnector, settings: Settings, customer: str
) -> None:
    cursor = reader.cursor()
    charged = {"item": "time", "unit_price": "100.00", "amount": "100.00"}
    terms = {"currency": "USD", "exchange_rate": "0.8000", "total": "100.00", "lines": [charged], "tax_lines": []}
    submission = a_submission(settings, an_invoice("B-USD-1", customer, **terms))
    posted(connector, submission)

    entry = of_posting(told(reader, cursor), submission)

    assert submission.booking is not None
    assert compare(submission.booking, entry.booking) == ()
    (item,) = [each for each in reader.open_receivables() if each.posting_id == submission.posting_id]
    assert (item.open_amount, item.functional_open_amount, item.currency) == (Decimal("100.00"), Decimal("80.00"), "USD")


# What people post


def test_what_a_person_enters_is_told_as_native(books: BooksUnderTest, reader: BooksReader) -> None:
    cursor = reader.cursor()
    before = datetime.now(UTC) - timedelta(minutes=5)
    native_id = books.enter(MARCH, "Office plants", PLANTS)

    entry = told(reader, cursor)[native_id]

    assert (entry.origin, entry.posting_id, entry.posted) == (Origin.NATIVE, None, True)
    assert (entry.document_type, entry.booking.accounting_on, entry.entered_by) == (DocumentType.JOURNAL_ENTRY, MARCH, books.bookkeeper)
    assert amounts(entry) == {"5200": Decimal("40.00"), "1000": Decimal("-40.00")}
    assert "Office plants" in entry.text
    assert entry.changed_at is not None
    assert entry.changed_at > before


def test_nothing_new_is_told_in_a_call_or_two(reader: BooksReader) -> None:
    cursor = list(rounds(reader, reader.cursor()))[-1].cursor
    before = reader.calls

    page = reader.changes(cursor)

    assert (page.entries, page.deleted, page.more) == ((), (), False)
    assert reader.calls - before <= 2


def test_a_draft_is_outside_every_balance_until_it_is_posted_and_is_told_then(books: BooksUnderTest, reader: BooksReader) -> None:
    cursor, movements = reader.cursor(), reader.movements()
    native_id = books.draft(MARCH, "Not yet", PLANTS)
    drafted = told(reader, cursor)[native_id]
    unchanged = reader.movements()

    cursor = reader.cursor()
    books.post(native_id)
    approved = told(reader, cursor)[native_id]

    assert (drafted.posted, approved.posted) == (False, True)
    assert unchanged == movements
    assert reader.movements() != movements


def test_a_draft_that_is_deleted_is_gone(books: BooksUnderTest, reader: BooksReader) -> None:
    native_id = books.draft(MARCH, "Never", PLANTS)
    cursor = reader.cursor()

    books.discard(native_id)

    pages = list(rounds(reader, cursor))
    assert native_id in {gone for page in pages for gone in page.deleted}
    assert list(reader.entries([native_id])) == []


def test_an_invoice_that_is_paid_in_part_is_open_with_the_rest(books: BooksUnderTest, reader: BooksReader, customer: str) -> None:
    cursor = reader.cursor()
    invoice = books.invoice(customer, "500.00", MARCH)
    books.pay(invoice, "120.00", date(2026, 3, 9))

    entries = told(reader, cursor)

    (payment,) = [entry for entry in entries.values() if entry.settles]
    assert entries[invoice].document_type is DocumentType.INVOICE
    assert (payment.document_type, payment.origin, payment.settles) == (
        DocumentType.PAYMENT,
        Origin.NATIVE,
        ((invoice, Decimal("120.00")),),
    )
    assert amounts(payment) == {"1000": Decimal("120.00"), "1100": Decimal("-120.00")}
    assert amounts(entries[invoice]) == {"1100": Decimal("500.00"), "4000": Decimal("-500.00")}
    (item,) = [each for each in reader.open_receivables() if each.native_id == invoice]
    assert (item.original_amount, item.open_amount, item.customer) == (Decimal("500.00"), Decimal("380.00"), customer)
    assert (item.account, item.currency, item.issued_on) == ("1100", "EUR", MARCH)


def test_an_invoice_that_is_paid_is_no_open_item(books: BooksUnderTest, reader: BooksReader, customer: str) -> None:
    invoice = books.invoice(customer, "75.00", MARCH)
    books.pay(invoice, "75.00", date(2026, 3, 9))

    assert invoice not in {each.native_id for each in reader.open_receivables()}


def test_what_a_customer_owes_is_the_sum_of_its_open_items(books: BooksUnderTest, reader: BooksReader, customer: str) -> None:
    books.pay(books.invoice(customer, "90.00", MARCH), "20.00", date(2026, 3, 9))
    books.invoice(customer, "10.00", MARCH)
    sums: dict[tuple[str, str], Decimal] = {}
    for item in reader.open_receivables():
        sums[item.account, item.customer] = sums.get((item.account, item.customer), Decimal(0)) + item.functional_open_amount

    balances = {(each.account, each.customer): each.amount for each in reader.customer_balances()}

    assert balances == {key: amount for key, amount in sums.items() if amount}
    assert {each.customer for each in reader.open_receivables({customer})} == {customer}


# Completeness


def test_documents_add_up_to_the_erps_own_trial_balance(books: BooksUnderTest, reader: BooksReader, customer: str) -> None:
    """Every amount is told by exactly one document."""
    books.pay(books.invoice(customer, "60.00", MARCH), "20.00", date(2026, 4, 9))
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for movement in reader.movements():
        expected[movement.period, movement.canonical or f"{movement.account} of the ERP"] += movement.amount

    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in told(reader, None).values():
        for account, amount in amounts(entry).items() if entry.posted and entry.period_run != YEAR_END else ():
            found[f"{entry.booking.accounting_on:%Y-%m}", account] += amount

    assert {cell: amount for cell, amount in found.items() if amount} == {cell: amount for cell, amount in expected.items() if amount}
    assert expected


def test_small_pages_tell_the_same_as_one(books: BooksUnderTest, reader: BooksReader) -> None:
    cursor = reader.cursor()
    entered = {books.enter(MARCH, f"Page {number}", PLANTS) for number in range(5)}

    pages = list(rounds(reader, cursor, limit=2))

    assert len(pages) >= 3
    assert entered <= {entry.native_id for page in pages for entry in page.entries}
    assert max(Counter(entry.native_id for page in pages for entry in page.entries).values()) == 1
    assert set(told(reader, None, limit=3)) == set(told(reader, None))


def test_what_is_entered_between_two_pages_is_told_in_the_end(books: BooksUnderTest, reader: BooksReader) -> None:
    cursor = reader.cursor()
    entered = {books.enter(MARCH, f"Between {number}", PLANTS) for number in range(3)}
    first = reader.changes(cursor, limit=2)
    entered.add(books.enter(MARCH, "Between pages", PLANTS))
    pages = [first, *rounds(reader, first.cursor, limit=2)]
    pages += rounds(reader, pages[-1].cursor)

    assert first.more
    assert entered <= {entry.native_id for page in pages for entry in page.entries}


def test_counts_and_sums_by_type_are_those_of_the_documents(books: BooksUnderTest, reader: BooksReader) -> None:
    expected: Counter[tuple[str, DocumentType | None, str, str]] = Counter()
    sums: dict[tuple[str, DocumentType | None, str, str], Decimal] = defaultdict(Decimal)
    for entry in told(reader, None).values():
        if entry.posted and entry.booking.lines and entry.period_run != YEAR_END:
            booking = entry.booking
            kind = (entry.native_id.partition(",")[0], entry.document_type) if books.totals_tell_types else ("", None)
            key = (*kind, f"{booking.accounting_on:%Y-%m}", booking.currency)
            expected[key] += 1
            sums[key] += sum((line.amount for line in booking.lines if line.amount > 0), ZERO)

    totals = reader.document_totals()

    counted: Counter[tuple[str, DocumentType | None, str, str]] = Counter()
    summed: dict[tuple[str, DocumentType | None, str, str], Decimal] = defaultdict(Decimal)
    for each in totals:
        key = (*((each.native_type, each.document_type) if books.totals_tell_types else ("", None)), each.period, each.currency)
        counted[key] += each.documents
        summed[key] += each.amount
    assert (counted, summed) == (expected, sums)


# Where a difference is


def test_a_difference_is_located_by_account_and_day(books: BooksUnderTest, reader: BooksReader) -> None:
    native_id = books.enter(date(2026, 5, 17), "A Sunday", (("6100", "12.34"), ("1000", "-12.34")))
    rent = next(account.number for account in reader.chart() if account.canonical == "6100")
    (movement,) = [each for each in reader.movements() if (each.account, each.period) == (rent, "2026-05")]

    days = reader.days(rent, "2026-05")

    assert sum((each.amount for each in days), ZERO) == movement.amount
    assert date(2026, 5, 17) in {each.day for each in days}
    assert native_id in {entry.native_id for entry in reader.entries_on(rent, date(2026, 5, 17))}
    assert list(reader.entries_on(rent, date(2026, 5, 18))) == []


def test_documents_are_read_again_by_their_ids(books: BooksUnderTest, reader: BooksReader) -> None:
    first, second = (books.enter(MARCH, text, PLANTS) for text in ("First", "Second"))

    entries = reader.entries([second, first])

    assert {entry.native_id for entry in entries} == {first, second}
    assert list(reader.entries([])) == []


# What else a company holds


def test_the_chart_says_what_the_mapping_knows(reader: BooksReader, settings: Settings) -> None:
    chart = reader.chart()

    assert {"1000", "1100", "4000"} <= {account.canonical for account in chart}
    assert any(account.canonical is None for account in chart)
    assert len({account.number for account in chart}) == len(chart)


def test_customers_are_told_in_canonical_terms(books: BooksUnderTest, reader: BooksReader, customer: str) -> None:
    (found,) = [each for each in reader.customers() if each.number == customer]

    assert (found.name, found.payment_term) == ("Acme", "NET30")
    assert (found.currency, found.country) == (("EUR", "DE") if books.customers_have_countries else (None, None))


def test_a_closed_day_is_not_open(reader: BooksReader) -> None:
    assert reader.open_on(MARCH)
    assert not reader.open_on(date(2025, 12, 31))


def test_projects_their_tasks_and_unbilled_time_are_told(
    reader: BooksReader, connector: ErpConnector, settings: Settings, customer: str
) -> None:
    terms: dict[str, Any] = {"legal_entity": "DE01", "name": "Bridge", "customer": customer, "currency": "EUR", "starts_on": "2026-01-01"}
    project = Project.model_validate(terms | {"number": "P-BOOKS", "billing_method": "time_and_materials"})
    task = ProjectTask.model_validate({"number": "P-BOOKS-T1", "legal_entity": "DE01", "project": "P-BOOKS", "name": "Design"})
    worked: dict[str, Any] = {"number": "H-BOOKS", "legal_entity": "DE01", "project": "P-BOOKS", "task": "P-BOOKS-T1", "worker": "W-7"}
    time_entry = TimeEntry.model_validate(worked | {"worked_on": "2026-03-02", "hours": "7.5", "rate": "80.00", "currency": "EUR"})
    for document in (project, task):
        posted(connector, a_submission(settings, document))
    hours = a_submission(settings, time_entry)
    posted(connector, hours)
    posted(connector, a_submission(settings, an_entry("B-COST", project="P-BOOKS")))

    (figures,) = [each for each in reader.projects() if each.number == "P-BOOKS"]
    (time,) = [each for each in reader.unbilled_time() if each.posting_id == hours.posting_id]

    assert figures.unbilled_hours == Decimal("7.5")
    assert list(reader.unbilled_time({"P-BOOKS"})) == [time]
    assert list(reader.unbilled_time({"P-NONE"})) == []
    assert (figures.name, figures.customer, figures.status) == ("Bridge", customer, "active")
    assert [each.number for each in figures.tasks] == ["P-BOOKS-T1"]
    assert figures.cost in (Decimal("100.10"), None)
    assert figures.contract_value is None  # neither ERP has a place for it; what is not told is never taken for nothing
    assert (time.project, time.task, time.hours, time.worked_on) == ("P-BOOKS", "P-BOOKS-T1", Decimal("7.5"), date(2026, 3, 2))


def test_a_series_of_legal_numbers_is_told_from_its_first_to_its_last(books: BooksUnderTest, reader: BooksReader, customer: str) -> None:
    invoice = books.invoice(customer, "10.00", MARCH)
    (entry,) = reader.entries([invoice])

    series = reader.series()

    assert entry.legal_number in {each.last for each in series if each.gapless}


# Who answers


def test_a_figure_names_the_state_that_it_is_of(books: BooksUnderTest, reader: BooksReader) -> None:
    with reader.snapshot() as reading:
        reader.movements()
    later = books.enter(MARCH, "After the reading", PLANTS)

    assert abs(datetime.now(UTC) - reading.instant) < timedelta(minutes=5)
    assert reading.queries
    assert later in told(reader, reading.cursor)


def test_another_company_is_not_read(books: BooksUnderTest) -> None:
    with closing(books.reader_of_the_wrong_company()) as reader, pytest.raises(WrongSystemError):
        reader.movements()
