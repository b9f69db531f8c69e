"""What only Tryton's books can get wrong: marks that are inherited, moves behind invoices, transactions that show late, many calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from hybrid_erp.adapters.erps.tryton.books import TrytonBooks
from hybrid_erp.adapters.erps.tryton.books_balances import BalanceReader
from hybrid_erp.adapters.erps.tryton.values import as_amount, as_date
from hybrid_erp.model.books import Changes, Entry, Origin
from hybrid_erp.model.delivery import Posted, Role, Submission
from hybrid_erp.model.documents import CanonicalDocument, Customer, DocumentType, Invoice, JournalEntry, OpenItem, Payment
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.ports import ErpConnector
from hybrid_erp.settings import Settings
from sandbox.site import Site
from sandbox.tryton.secrets import ADMINISTRATOR
from tests.builders import the_settings
from tests.contracts.erp_under_test import a_submission
from tests.contracts.kept_drafts import submit
from tests.contracts.tryton_person import TrytonPerson

MARCH, APRIL = date(2026, 3, 5), date(2026, 4, 5)
PLANTS = (("5200", "40.00"), ("1000", "-40.00"))
LATE_MOVE = """
    INSERT INTO account_move (company, period, journal, date, state, description, create_uid, create_date)
    SELECT company, period, journal, date, 'draft', 'Late', create_uid, CURRENT_TIMESTAMP FROM account_move WHERE id = %s RETURNING id
"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module")
def books(site: Site, settings: Settings) -> TrytonPerson:
    return TrytonPerson(site, settings)


@pytest.fixture(scope="module")
def connector(books: TrytonPerson) -> Iterator[ErpConnector]:
    with closing(books.connector()) as made:
        yield made


@pytest.fixture
def reader(books: TrytonPerson) -> Iterator[TrytonBooks]:
    with closing(books.reader()) as made:
        yield made


@pytest.fixture(scope="module")
def customer(connector: ErpConnector, settings: Settings) -> str:
    document = Customer(number="C-TBOOKS", concerns=("DE01",), name="Acme", currency="EUR", payment_term="NET30", country="DE")
    assert isinstance(submit(connector, a_submission(settings, document)), Posted)
    return document.number


@pytest.fixture
def post(connector: ErpConnector, settings: Settings) -> Any:
    def posted(document: CanonicalDocument, **changes: Any) -> tuple[Submission, str]:
        submission = a_submission(settings, document, **changes)
        outcome = submit(connector, submission)
        assert isinstance(outcome, Posted), outcome
        return submission, outcome.native_id

    return posted


def told(reader: TrytonBooks, after: str | None, limit: int = 1000, *, thorough: bool = False) -> dict[str, Entry]:
    return {entry.native_id: entry for page in pages(reader, after, limit, thorough=thorough) for entry in page.entries}


def pages(reader: TrytonBooks, after: str | None, limit: int = 1000, *, thorough: bool = False) -> Iterator[Changes]:
    more = True
    while more:
        page = reader.changes(after, limit=limit, thorough=thorough)
        yield page
        after, more = page.cursor, page.more


def an_entry(number: str) -> JournalEntry:
    lines = [{"account": "5200", "debit": "100.10"}, {"account": "1000", "credit": "100.10"}]
    terms = {"number": number, "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR", "lines": lines}
    return JournalEntry.model_validate(terms)


def an_invoice(number: str, customer: str) -> Invoice:
    terms: dict[str, Any] = {"number": number, "legal_entity": "DE01", "customer": customer, "issued_on": "2026-03-05", "total": "100.00"}
    terms |= {"due_on": "2026-04-04", "accounting_date": "2026-03-05", "currency": "EUR", "payment_term": "NET30"}
    return Invoice.model_validate(terms | {"lines": [{"item": "time", "unit_price": "100.00", "amount": "100.00"}]})


def a_payment(number: str, invoice: str, customer: str, amount: str) -> Payment:
    terms: dict[str, Any] = {"number": number, "legal_entity": "DE01", "customer": customer, "bank_account": "MAIN", "amount": amount}
    terms |= {"accounting_date": "2026-03-20", "currency": "EUR", "applications": [{"invoice": invoice, "amount": amount}]}
    return Payment.model_validate(terms)


# Whose a document is


def test_what_a_person_makes_of_our_entry_bears_our_mark_and_is_not_ours(books: TrytonPerson, reader: TrytonBooks, post: Any) -> None:
    _, ours = post(an_entry("TB-1"))
    cursor = reader.cursor()
    move = int(ours.partition(",")[2])
    books.person.cancel_move(move, "Wrong month")
    (duplicate,) = books.person.call("model.account.move.copy", [move], {})
    books.person.call("model.account.move.post", [duplicate])

    found = {native_id: entry for native_id, entry in told(reader, cursor).items() if native_id != ours}

    assert len(found) == 2
    assert {(entry.origin, entry.posting_id, entry.entered_by) for entry in found.values()} == {(Origin.NATIVE, None, books.bookkeeper)}
    assert {entry.from_native_id for entry in found.values()} == {ours, None}
    assert reader.entries([ours])[0].origin is Origin.FACADE


def test_the_credit_note_of_the_wizard_is_a_document_of_its_own_that_corrects_our_invoice(
    books: TrytonPerson, reader: TrytonBooks, post: Any, customer: str
) -> None:
    submission, ours = post(an_invoice("TB-CREDITED", customer))
    cursor = reader.cursor()
    books.person.credit(int(ours.partition(",")[2]), on=date(2026, 3, 10))

    (credit,) = [entry for entry in told(reader, cursor).values() if entry.native_id != ours]

    assert (credit.origin, credit.document_type, credit.posting_id) == (Origin.NATIVE, DocumentType.CREDIT_MEMO, None)
    assert (credit.from_native_id, credit.party, str(credit.legal_number)[:3]) == (ours, customer, "CN-")
    assert reader.entries([ours])[0].posting_id == submission.posting_id
    assert not {ours, credit.native_id} & {item.native_id for item in reader.open_receivables()}


def test_an_invoice_that_is_cancelled_is_taken_back_by_a_native_document(books: TrytonPerson, reader: TrytonBooks, customer: str) -> None:
    books.at_the_screen(ADMINISTRATOR).call("model.company.company.write", [books.person.context["company"]], {"cancel_invoice_out": True})
    invoice = books.invoice(customer, "70.00", MARCH)
    cursor = reader.cursor()
    books.person.call("model.account.invoice.cancel", [int(invoice.partition(",")[2])])

    (taken_back,) = [entry for entry in told(reader, cursor).values() if entry.native_id != invoice]

    assert (taken_back.origin, taken_back.document_type, taken_back.from_native_id) == (Origin.NATIVE, DocumentType.CREDIT_MEMO, invoice)
    assert {line.account: line.amount for line in taken_back.booking.lines} == {"1100": Decimal("-70.00"), "4000": Decimal("70.00")}
    assert invoice in {entry.native_id for entry in reader.entries([invoice])}


def test_what_a_payment_leaves_over_is_derived(books: TrytonPerson, reader: TrytonBooks, customer: str) -> None:
    """A write-off by the wizard, and the exchange difference that Tryton books by itself."""
    usd = books.person.currency("USD")
    rate = {"currency": usd, "date": as_date(date(2026, 4, 1)), "rate": as_amount(Decimal("1.37"))}
    books.person.call("model.currency.currency.rate.create", [rate])
    cursor = reader.cursor()
    written_off, foreign = books.invoice(customer, "200.00", MARCH), books.invoice(customer, "100.00", MARCH, currency="USD")
    books.pay(written_off, "190.00", MARCH, write_off=True)
    books.pay(foreign, "100.00", APRIL)

    entries = told(reader, cursor)

    derived = [entry for entry in entries.values() if entry.origin is Origin.DERIVED]
    payments = {entry.settles: entry for entry in entries.values() if entry.document_type is DocumentType.PAYMENT}
    assert {entry.from_native_id for entry in derived} == {written_off, foreign}
    assert set(payments) == {((written_off, Decimal("190.00")),), ((foreign, Decimal("100.00")),)}
    assert payments[((foreign, Decimal("100.00")),)].booking.currency == "USD"
    assert {entry.origin for entry in payments.values()} == {Origin.NATIVE}
    assert not {written_off, foreign} & {item.native_id for item in reader.open_receivables()}


def test_a_journal_of_periodic_runs_is_named_as_configured(books: TrytonPerson) -> None:
    with closing(books.reader(period_runs={"EXC": "revaluation"})) as reader:
        cursor = reader.cursor()
        move = books.person.move(("6.2.1", "5.00"), ("1.1.1", "-5.00"), on=MARCH, text="Revaluation", journal="EXC")

        entry = told(reader, cursor)[f"account.move,{move}"]

    assert (entry.origin, entry.period_run) == (Origin.PERIOD_RUN, "revaluation")


def test_a_draft_invoice_is_told_and_cancelled_is_gone(books: TrytonPerson, reader: TrytonBooks, customer: str) -> None:
    cursor = reader.cursor()
    draft = books.person.draft_invoice(customer, "7.00", on=MARCH)
    page = reader.changes(cursor)
    books.person.call("model.account.invoice.cancel", [draft])
    later = reader.changes(page.cursor)

    (entry,) = page.entries
    assert (entry.native_id, entry.posted, entry.booking.lines) == (f"account.invoice,{draft}", False, ())
    assert "7.00 EUR" in entry.text
    assert later.deleted == (f"account.invoice,{draft}",)


def test_a_draft_invoice_that_is_posted_is_told_as_posted_and_not_as_gone(books: TrytonPerson, reader: TrytonBooks, customer: str) -> None:
    cursor = reader.cursor()
    draft = books.person.draft_invoice(customer, "8.00", on=MARCH)
    page = reader.changes(cursor)
    books.person.call("model.account.invoice.post", [draft])

    later = reader.changes(page.cursor)

    assert [(entry.native_id, entry.posted) for entry in later.entries] == [(f"account.invoice,{draft}", True)]
    assert later.deleted == ()


# The candidate


def test_a_candidates_copy_stands_open_until_its_payment_says_that_it_settles_it(reader: TrytonBooks, post: Any, customer: str) -> None:
    submission, copy = post(an_invoice("TB-COPY", customer), role=Role.CANDIDATE, legal_number="LEG-7")
    post(a_payment("TB-COPY-PAID", "TB-COPY", customer, "40.00"), role=Role.CANDIDATE)

    (item,) = [each for each in reader.open_receivables() if each.posting_id == submission.posting_id]
    (entry,) = reader.entries([copy])

    assert (item.document_type, item.legal_number, item.number) == (DocumentType.INVOICE, "LEG-7", "TB-COPY")
    assert (item.original_amount, item.open_amount, item.due_on) == (Decimal("100.00"), Decimal("60.00"), date(2026, 4, 4))
    assert (entry.origin, entry.document_type, entry.legal_number) == (Origin.FACADE, DocumentType.INVOICE, "LEG-7")

    post(a_payment("TB-COPY-REST", "TB-COPY", customer, "60.00"), role=Role.CANDIDATE)
    assert {customer: [each for each in reader.open_receivables() if each.number.startswith("TB-COPY")]} == {customer: []}


def test_an_open_item_keeps_its_day_of_issue_and_its_original_amount(reader: TrytonBooks, post: Any, customer: str) -> None:
    terms: Any = {"number": "TB-OPEN", "legal_entity": "DE01", "accounting_date": "2026-03-01", "currency": "USD", "exchange_rate": "0.9"}
    terms |= {"customer": customer, "legal_number": "OLD-7", "issued_on": "2026-01-05", "due_on": "2026-02-04"}
    submission, _ = post(OpenItem.model_validate(terms | {"original_amount": "90.00", "open_amount": "50.00"}))

    (item,) = [each for each in reader.open_receivables() if each.posting_id == submission.posting_id]

    assert (item.document_type, item.issued_on, item.due_on) == (DocumentType.OPEN_ITEM, date(2026, 1, 5), date(2026, 2, 4))
    assert (item.original_amount, item.open_amount, item.functional_open_amount) == (Decimal("90.00"), Decimal("50.00"), Decimal("45.00"))
    assert (item.currency, item.exchange_rate, item.legal_number) == ("USD", Decimal("0.9"), "OLD-7")


# Nothing left out


def test_a_transaction_that_shows_late_is_told(books: TrytonPerson, reader: TrytonBooks) -> None:
    model = int(books.enter(MARCH, "Before", PLANTS).partition(",")[2])
    database = books.erp.expected("DE01").database
    with psycopg.connect(books.site.cluster.dsn(database)) as slow:
        row = slow.execute(LATE_MOVE, (model,)).fetchone()
        assert row is not None
        after = books.enter(MARCH, "Began later, shows sooner", PLANTS)
        page = reader.changes(None)
        slow.commit()

    assert after in {entry.native_id for entry in page.entries}
    assert list(told(reader, page.cursor)) == [f"account.move,{row[0]}"]
    books.discard(f"account.move,{row[0]}")


def test_a_thorough_pass_tells_everything_again_and_ends(books: TrytonPerson, reader: TrytonBooks) -> None:
    books.enter(MARCH, "Known", PLANTS)
    books.draft(MARCH, "Known too", PLANTS)
    everything = told(reader, None)
    *_, last = pages(reader, None)

    assert told(reader, last.cursor) == {}
    assert set(told(reader, last.cursor, 7, thorough=True)) == set(everything)


def test_a_cursor_of_something_else_is_refused(reader: TrytonBooks) -> None:
    with pytest.raises(ValueError, match="no cursor of Tryton"):
        reader.changes("4711")


# Totals


def test_calls_do_not_grow_with_documents(books: TrytonPerson, reader: TrytonBooks) -> None:
    def calls() -> list[int]:
        counted = []
        cursor = list(pages(reader, reader.cursor()))[-1].cursor
        for question in (reader.movements, lambda: reader.changes(cursor), reader.series, lambda: reader.days("1.1.1", "2026-03")):
            before = reader.calls
            question()
            counted.append(reader.calls - before)
        return counted

    books.enter(MARCH, "One", PLANTS)
    few = calls()
    for number in range(25):
        books.enter(MARCH, f"One of many {number}", PLANTS)

    assert calls() == few
    assert few[0] <= 2 + len({each.period for each in reader.movements()})
    assert few[1] == 2


def test_a_date_outside_its_period_counts_on_the_periods_last_day(books: TrytonPerson, reader: TrytonBooks) -> None:
    native_id = books.enter(date(2026, 6, 10), "Moved", PLANTS)
    before = reader.movements()
    books.erp.run("UPDATE account_move SET date = '2026-07-02' WHERE id = %s", native_id.partition(",")[2])

    days = {each.day: each.amount for each in reader.days("5.2.4", "2026-06")}

    assert reader.movements() == before
    assert days == {date(2026, 6, 30): Decimal("40.00")}
    assert [entry.native_id for entry in reader.entries_on("5.2.4", date(2026, 6, 30))] == [native_id]
    assert reader.entries([native_id])[0].booking.accounting_on == date(2026, 6, 30)
    assert reader.entries_on("5.2.4", date(2026, 7, 2)) == []


def test_days_are_the_same_by_lines_and_by_totals(books: TrytonPerson, settings: Settings) -> None:
    for day in (3, 3, 17, 31):
        books.enter(date(2026, 8, day), f"On day {day}", PLANTS)
    with closing(books.erp.client()) as client:
        client.context = dict(books.person.context)
        terms = (client, settings.mappings["tryton-emea"], books.person.context["company"], "DE01")
        by_lines = BalanceReader(*terms).days("5.2.4", "2026-08")
        before = client.calls
        by_totals = BalanceReader(*terms, lines_read_max=0).days("5.2.4", "2026-08")
        calls = client.calls - before

    assert by_lines == by_totals
    assert [(each.day.day, each.lines) for each in by_lines] == [(3, 2), (17, 1), (31, 1)]
    assert calls <= 32


def test_what_closes_a_year_is_in_no_balance_and_its_adjustments_are(books: TrytonPerson, reader: TrytonBooks) -> None:
    administrator, day = books.at_the_screen(ADMINISTRATOR), date(2026, 12, 31)
    year = administrator.one("account.fiscalyear", [["name", "=", "2026"]])
    journal = {"name": "Closing", "code": "SIT", "type": "situation"}
    administrator.call("model.account.journal.create", [journal])
    period = {"name": "Adjustments", "type": "adjustment", "fiscalyear": year}
    period |= {"start_date": as_date(day), "end_date": as_date(day)}
    (adjustments,) = administrator.call("model.account.period.create", [period])
    lines = [("5.2.6", "11.00"), ("1.1.1", "-11.00")]
    adjusted = books.person.draft_move(*lines, on=day, text="Adjusted")
    closing_move = books.person.draft_move(*lines, on=day, text="Closed", journal="SIT")
    administrator.call("model.account.move.write", [adjusted, closing_move], {"period": adjustments})
    cursor = reader.cursor()
    books.person.call("model.account.move.post", [adjusted, closing_move])

    (movement,) = [each for each in reader.movements() if (each.account, each.period) == ("5.2.6", "2026-12")]

    assert (movement.amount, movement.lines) == (Decimal("11.00"), 1)
    assert list(told(reader, cursor)) == [f"account.move,{adjusted}"]
    assert [each.amount for each in reader.days("5.2.6", "2026-12")] == [Decimal("11.00")]


def test_a_gap_in_a_series_is_found_by_halves(books: TrytonPerson, reader: TrytonBooks) -> None:
    for number in range(3):
        books.enter(MARCH, f"Numbered {number}", PLANTS)
    (whole,) = [each for each in reader.series() if each.first.startswith("M2026-")]
    before_last = f"M2026-{int(whole.last.removeprefix('M2026-')) - 1:06d}"
    books.erp.run("UPDATE account_move SET number = 'taken away' WHERE number = %s", before_last)
    try:
        (broken,) = [each for each in reader.series() if each.first.startswith("M2026-")]
    finally:
        books.erp.run("UPDATE account_move SET number = %s WHERE number = 'taken away'", before_last)

    assert (whole.missing, f"M2026-{whole.count:06d}") == ((), whole.last)
    assert (broken.missing, broken.last) == ((before_last,), whole.last)


def test_a_server_that_does_not_answer_is_told_as_such(books: TrytonPerson) -> None:
    with books.erp.proxy() as proxy, closing(books.reader(proxy=proxy)) as reader:
        proxy.stop_listening()
        with pytest.raises(ErpUnavailableError):
            reader.movements()


def test_what_is_younger_than_a_request_is_read_again_and_not_told_again(books: TrytonPerson, reader: TrytonBooks) -> None:
    *_, last = pages(reader, reader.cursor())
    cursor = last.cursor
    for number in range(3):
        entered = books.enter(MARCH, f"Once {number}", PLANTS)
        page = reader.changes(cursor)
        assert [entry.native_id for entry in page.entries] == [entered]
        cursor = page.cursor
