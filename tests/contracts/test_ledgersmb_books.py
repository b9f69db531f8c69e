"""What can go wrong when LedgerSMB's books are read: open transactions, altered rows, what its programs leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from hybrid_erp.adapters.erps.sql import SqlConnector
from hybrid_erp.adapters.erps.sql_books import SqlBooksReader
from hybrid_erp.model.books import Entry, Origin
from hybrid_erp.model.delivery import Posted
from hybrid_erp.model.documents import Customer, DocumentType, Invoice, JournalEntry, Payment
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.settings import Settings
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.erp_under_test import a_submission
from tests.contracts.ledgersmb_person import LedgerSmbBooks, add_line

MARCH, APRIL = date(2026, 3, 5), date(2026, 4, 7)
PLANTS = (("5200", "40.00"), ("1000", "-40.00"))
CUSTOMER = "C-LEDGER"
CLOSE_BOOKS = "SELECT eoy_zero_accounts(%s, 'YE', 'Year end', (SELECT id FROM account WHERE accno = '2970'))"

ADD_BILL = """
    WITH party AS (INSERT INTO entity (name, entity_class, control_code, country_id)
                   VALUES ('Vendor', 1, %(vendor)s, (SELECT id FROM country WHERE short_name = 'DE')) RETURNING id),
         account AS (INSERT INTO entity_credit_account (entity_id, entity_class, meta_number, curr, ar_ap_account_id)
                     SELECT party.id, 1, %(vendor)s, 'EUR', account_id FROM party, account_link WHERE description = 'AP' LIMIT 1
                     RETURNING id)
    INSERT INTO ap (invnumber, transdate, amount, netamount, curr, entity_credit_account, approved)
    SELECT 'V-77', %(on)s, 70, 70, 'EUR', id, true FROM account RETURNING id
"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module")
def books(site: Site, settings: Settings) -> LedgerSmbBooks:
    return LedgerSmbBooks(site.cluster, settings)


@pytest.fixture(scope="module")
def connector(books: LedgerSmbBooks, settings: Settings) -> Iterator[SqlConnector]:
    document = Customer(number=CUSTOMER, concerns=("DE01",), name="Acme", currency="EUR", payment_term="NET30", country="DE")
    with closing(books.connector()) as made:
        assert isinstance(made.submit(a_submission(settings, document), lambda draft_id: None), Posted)
        yield made


@pytest.fixture(autouse=True)
def _customer(connector: SqlConnector) -> None:
    """There is a customer to invoice."""


@pytest.fixture
def reader(books: LedgerSmbBooks) -> Iterator[SqlBooksReader]:
    with closing(books.reader()) as made:
        yield made


def told(reader: SqlBooksReader, after: str | None, *, thorough: bool = False) -> dict[str, Entry]:
    page = reader.changes(after, thorough=thorough)
    assert not page.more
    return {entry.native_id: entry for entry in page.entries}


def by_account(entry: Entry) -> dict[str, tuple[str, str]]:
    """Amount in the document's and in functional currency, where a line has one account for itself."""
    return {line.account: (f"{line.amount:.2f}", f"{line.functional_amount:.2f}") for line in entry.booking.lines}


def balance(reader: SqlBooksReader, native: str, period: str) -> Decimal:
    return sum((each.amount for each in reader.movements() if (each.account, each.period) == (native, period)), Decimal(0))


# The cursor


def test_an_entry_of_a_transaction_that_is_still_open_is_told_when_it_commits(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    cursor = reader.cursor()
    with books.at_the_screen() as connection, connection.transaction():
        slow = books.journal_rows(connection, MARCH, "Slow", PLANTS, reference="OPEN-1")
        quick = books.enter(MARCH, "Quick", PLANTS)  # a later id that commits first
        meanwhile = reader.changes(cursor)
        again = reader.changes(meanwhile.cursor)
    after = reader.changes(again.cursor)

    assert [entry.native_id for entry in meanwhile.entries] == [quick]
    assert again.entries == ()  # what has been told is not told again while the other transaction is open
    assert [entry.native_id for entry in after.entries] == [slow]


def test_what_was_written_under_a_savepoint_is_not_passed_over(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    """Its rows bear another number than the transaction that keeps them back."""
    cursor = reader.cursor()
    with books.at_the_screen() as connection, connection.transaction():
        books.journal_rows(connection, MARCH, "Outer", PLANTS, reference="OPEN-2")
        with connection.transaction():
            nested = books.journal_rows(connection, MARCH, "Nested", PLANTS, reference="OPEN-3")
        books.enter(MARCH, "Commits first", PLANTS)
        cursor = reader.changes(cursor).cursor

    assert nested in told(reader, cursor)


def test_a_floor_rises_only_past_ids_that_nobody_can_still_use(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    def floor(cursor: str) -> int:
        return int(json.loads(cursor)["lines"]["floor"])

    books.enter(MARCH, "Before", PLANTS)
    cursor = reader.changes(reader.cursor()).cursor
    with books.at_the_screen() as connection, connection.transaction():
        books.journal_rows(connection, MARCH, "Open", PLANTS, reference="OPEN-4")
        held = [reader.changes(cursor).cursor]
        for number in range(3):
            books.enter(MARCH, f"Meanwhile {number}", PLANTS)
            held.append(reader.changes(held[-1]).cursor)
        with books.administrator() as administrator:
            row = administrator.execute("SELECT max(entry_id) FROM acc_trans").fetchone()
    freed = [reader.changes(held[-1]).cursor]
    for number in range(2):
        books.enter(MARCH, f"Later {number}", PLANTS)
        freed.append(reader.changes(freed[-1]).cursor)

    assert row is not None
    assert all(floor(each) < int(str(row[0])) - 5 for each in held)
    assert floor(freed[-1]) >= int(str(row[0]))


def test_a_snapshot_holds_what_had_committed_and_its_cursor_tells_the_rest(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    bank = books.native("1000")
    with books.at_the_screen() as connection, connection.transaction():
        pending = books.journal_rows(connection, MARCH, "Pending", PLANTS, reference="OPEN-5")
        inside = books.enter(MARCH, "Inside", PLANTS)
        with reader.snapshot() as reading:
            before = balance(reader, bank, "2026-03")
            outside = books.enter(MARCH, "Outside", PLANTS)
            still = balance(reader, bank, "2026-03")
            seen = set(told(reader, None))
    later = told(reader, reading.cursor)

    assert still == before
    assert inside in seen
    assert set(later) == {pending, outside}  # what is in the figures is not told again
    assert balance(reader, bank, "2026-03") == before - 80


def test_a_cursor_of_another_database_begins_anew(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    native_id = books.enter(MARCH, "Anew", PLANTS)
    cursor = json.loads(reader.cursor())
    of_the_future = cursor | {"since": {"xid": cursor["since"]["xid"] + 10**6, "seen": []}}

    for stale in (cursor | {"database": "1"}, of_the_future):
        assert native_id in told(reader, json.dumps(stale))


def test_a_session_that_reads_cannot_write(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    reader.movements()
    assert reader._limited is not None

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader._limited.execute("UPDATE gl SET description = 'changed'")


def test_a_reading_whose_session_is_lost_ends_as_a_whole(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    """The next statement would be of another state."""

    def read_on() -> None:
        with reader.snapshot():
            with books.administrator() as administrator:
                administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'de01_control'")
            with pytest.raises(ErpUnavailableError):
                reader.movements()
            reader.movements()

    with pytest.raises(ErpUnavailableError, match="begin the reading again"):
        read_on()
    assert reader.movements() is not None  # outside, a new session begins


# Altered underneath the ERP


def test_a_posted_line_that_an_administrator_alters_is_told_by_a_thorough_look(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    native_id = books.enter(MARCH, "Altered", PLANTS)
    books.enter(MARCH, "Untouched", PLANTS)
    cursor = reader.cursor()
    with books.at_the_screen() as connection:
        connection.execute("SELECT nextval('acc_trans_entry_id_seq') FROM generate_series(1, 2000)")  # until it lies below the floor
    for number in range(3):
        books.enter(MARCH, f"Other {number}", PLANTS)
        cursor = reader.changes(cursor).cursor
    with books.administrator() as administrator:
        administrator.execute("UPDATE acc_trans SET amount = amount * 2 WHERE trans_id = %s", (native_id.partition(",")[2],))

    assert reader.changes(cursor).entries == ()
    found = reader.changes(cursor, thorough=True)

    assert by_account(next(entry for entry in found.entries if entry.native_id == native_id))["1000"][1] == "-80.00"
    assert reader.changes(found.cursor, thorough=True).entries == ()


def test_an_altered_dimension_or_tax_base_is_told_by_a_thorough_look(
    books: LedgerSmbBooks, reader: SqlBooksReader, connector: SqlConnector, settings: Settings
) -> None:
    lines = [{"account": "5200", "debit": "9.00", "dimensions": {"project": "P-5001"}}, {"account": "1000", "credit": "9.00"}]
    terms = {"number": "LB-DIM", "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR", "lines": lines}
    outcome = connector.submit(a_submission(settings, JournalEntry.model_validate(terms)), lambda draft_id: None)
    assert isinstance(outcome, Posted)
    cursor = reader.changes(reader.cursor()).cursor
    with books.administrator() as administrator:
        administrator.execute(
            "UPDATE business_unit_ac SET bu_id = (SELECT id FROM business_unit WHERE control_code = 'P-5002') WHERE entry_id IN"
            " (SELECT entry_id FROM acc_trans WHERE trans_id = %s)",
            (outcome.native_id,),
        )

    entry = told(reader, cursor, thorough=True)[f"gl,{outcome.native_id}"]

    assert [line.dimensions for line in entry.booking.lines if line.dimensions] == [(("project", "P-5002"),)]


def test_an_invoice_that_is_deleted_leaves_its_number_cancelled(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    invoices = [books.invoice(CUSTOMER, "10.00", MARCH) for _ in range(3)]
    cursor = reader.cursor()
    (gone,) = reader.entries([invoices[1]])
    with books.administrator() as administrator:
        administrator.execute("DELETE FROM acc_trans WHERE trans_id = %s", (gone.native_id.partition(",")[2],))
        administrator.execute("DELETE FROM ar WHERE id = %s", (gone.native_id.partition(",")[2],))

    page = reader.changes(cursor)

    assert page.deleted == (gone.native_id,)
    assert gone.legal_number in {number for series in reader.series() for number in series.cancelled}


def test_a_number_that_was_never_used_is_missing(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    books.invoice(CUSTOMER, "10.00", MARCH)
    with books.at_the_screen() as connection:
        row = connection.execute("SELECT setting_increment('sinumber')").fetchone()
    books.invoice(CUSTOMER, "10.00", MARCH)

    assert row is not None
    assert row[0] in {number for series in reader.series() for number in series.missing}


# What the ERP's programs leave behind


def test_a_payment_that_is_reversed_opens_its_invoice_again(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    invoice = books.invoice(CUSTOMER, "200.00", MARCH)
    payment = books.receive({invoice: "200.00"}, APRIL, source="CHQ-7")
    cursor = reader.cursor()
    books.reverse_payment(invoice, "CHQ-7", APRIL, date(2026, 4, 20))

    (reversal,) = told(reader, cursor).values()

    assert (reversal.from_native_id, reversal.document_type, reversal.origin) == (payment, None, Origin.NATIVE)
    assert reversal.settles == ((invoice, Decimal("-200")),)
    assert (reversal.booking.accounting_on, reversal.party) == (date(2026, 4, 20), CUSTOMER)
    (item,) = [each for each in reader.open_receivables() if each.native_id == invoice]
    assert item.open_amount == 200
    assert by_account(next(iter(reader.entries([invoice]))))["1100"][0] == "200.00"  # the invoice itself is as it was


def test_a_receipt_entered_on_the_invoices_own_screen_is_a_payment_of_its_own(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    invoice = books.invoice(CUSTOMER, "300.00", MARCH)
    cursor = reader.cursor()
    books.receipt_on_the_invoice(invoice, "90.00", APRIL, "Counter")

    (receipt,) = told(reader, cursor).values()

    assert (receipt.document_type, receipt.origin, receipt.settles) == (
        DocumentType.PAYMENT,
        Origin.NATIVE,
        ((invoice, Decimal("90.00")),),
    )
    assert by_account(receipt) == {"1000": ("90.00", "90.00"), "1100": ("-90.00", "-90.00")}
    (again,) = reader.entries([receipt.native_id])
    assert again == receipt


def test_an_overpayment_is_open_as_unapplied_cash_and_its_journal_is_derived(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    with books.administrator() as administrator:  # as the ERP's configuration screen links the account
        administrator.execute(
            "INSERT INTO account_link (account_id, description) SELECT id, 'AR_overpayment' FROM account WHERE accno = %s"
            " ON CONFLICT DO NOTHING",
            (books.native("2250"),),
        )
    invoice = books.invoice(CUSTOMER, "50.00", MARCH)
    cursor = reader.cursor()
    payment = books.receive({invoice: "50.00"}, APRIL, overpaid=["20.00"])

    entries = told(reader, cursor)

    (journal,) = [entry for entry in entries.values() if entry.native_id != payment]
    assert (journal.origin, journal.from_native_id, journal.booking.lines) == (Origin.DERIVED, payment, ())
    booked = by_account(entries[payment])
    assert (booked["1100"][0], booked["2250"][0]) == ("-50.00", "-20.00")
    (rest,) = [each for each in reader.open_receivables() if each.native_id == payment]
    assert (rest.document_type, rest.open_amount, rest.account, rest.customer) == (DocumentType.PAYMENT, Decimal(-20), "2250", CUSTOMER)


def test_our_own_unapplied_cash_is_open_against_the_receivable(reader: SqlBooksReader, connector: SqlConnector, settings: Settings) -> None:
    terms: dict[str, Any] = {"number": "LB-UNAPPLIED", "legal_entity": "DE01", "customer": CUSTOMER, "bank_account": "MAIN"}
    payment = Payment.model_validate(terms | {"accounting_date": "2026-03-20", "currency": "EUR", "amount": "33.00"})
    submission = a_submission(settings, payment)
    assert isinstance(connector.submit(submission, lambda draft_id: None), Posted)

    (rest,) = [each for each in reader.open_receivables() if each.posting_id == submission.posting_id]

    assert (rest.document_type, rest.open_amount, rest.original_amount) == (DocumentType.PAYMENT, Decimal(-33), Decimal(-33))


def test_a_foreign_invoice_of_the_screen_and_its_payment_at_another_rate_are_told_in_both_currencies(
    books: LedgerSmbBooks, reader: SqlBooksReader
) -> None:
    with books.administrator() as administrator:
        administrator.execute(
            "INSERT INTO exchangerate (curr, transdate, buy) VALUES ('USD', '2026-06-01', 0.80), ('USD', '2026-06-15', 0.85)"
        )
    cursor = reader.cursor()
    invoice = books.invoice(CUSTOMER, "100.00", date(2026, 6, 1), currency="USD", rate="0.80")
    payment = books.receive({invoice: "100.00"}, date(2026, 6, 15))

    entries = told(reader, cursor)

    assert by_account(entries[invoice]) == {"1100": ("100.00", "80.00"), "4000": ("-100.00", "-80.00")}
    assert by_account(entries[payment]) == {"1000": ("100.00", "85.00"), "1100": ("-100.00", "-80.00"), "6900": ("0.00", "-5.00")}
    assert (entries[payment].booking.currency, entries[payment].settles) == ("USD", ((invoice, Decimal("100.00")),))
    assert invoice not in {each.native_id for each in reader.open_receivables()}


def test_a_credit_that_is_applied_to_an_invoice_moves_no_cash_and_is_no_payment(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    invoice, credit = books.invoice(CUSTOMER, "80.00", MARCH), books.invoice(CUSTOMER, "-30.00", MARCH)
    payment = books.receive({invoice: "30.00", credit: "-30.00"}, APRIL)

    found = {entry.native_id: entry for entry in reader.entries([invoice, credit, payment])}

    assert (found[credit].document_type, found[payment].document_type) == (DocumentType.CREDIT_MEMO, None)
    assert dict(found[payment].settles) == {invoice: Decimal(30), credit: Decimal(-30)}
    assert {each.native_id: each.open_amount for each in reader.open_receivables() if each.native_id in found} == {invoice: 50}


def test_a_periodic_run_is_known_by_its_number_or_by_the_erps_own_type(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    cursor = reader.cursor()
    run = books.numbered("DEPR-2026-03", date(2026, 3, 31), "Depreciation", (("6200", "5.00"), ("1000", "-5.00")))

    (entry,) = told(reader, cursor).values()

    assert (entry.native_id, entry.origin, entry.period_run) == (run, Origin.PERIOD_RUN, "depreciation")


def test_the_trial_balance_stands_before_the_year_end_entries(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    movements, cursor = reader.movements(), reader.cursor()
    with books.administrator() as administrator:
        row = administrator.execute(CLOSE_BOOKS, (date(2026, 12, 31),)).fetchone()

    (entry,) = told(reader, cursor).values()

    assert row is not None
    assert int(str(row[0])) > 1
    assert (entry.origin, entry.period_run) == (Origin.PERIOD_RUN, "year_end")
    assert reader.movements() == movements


def test_native_accounts_that_nobody_mapped_keep_their_number(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    cursor = reader.cursor()
    with books.at_the_screen() as connection, connection.transaction():
        native_id = books.journal_rows(connection, MARCH, "Licences", ())
        for account, amount in (("0100", "-7.00"), (books.native("1000"), "7.00")):
            add_line(connection, int(native_id.partition(",")[2]), account, Decimal(amount), MARCH)

    assert by_account(told(reader, cursor)[native_id])["0100 of the ERP"] == ("7.00", "7.00")
    assert any((each.account, each.canonical) == ("0100", None) for each in reader.movements())


def test_receivables_know_their_project_and_the_number_that_we_gave(
    reader: SqlBooksReader, connector: SqlConnector, settings: Settings
) -> None:
    charged = {"item": "time", "unit_price": "64.00", "amount": "64.00", "dimensions": {"project": "P-5001"}}
    terms: dict[str, Any] = {"number": "LB-ITEM", "legal_entity": "DE01", "customer": CUSTOMER, "project": "P-5001", "currency": "EUR"}
    terms |= {"issued_on": "2026-03-05", "due_on": "2026-04-04", "accounting_date": "2026-03-05", "total": "64.00", "lines": [charged]}
    submission = a_submission(settings, Invoice.model_validate(terms))
    billed = {each.number: each.billed for each in reader.projects()}
    assert isinstance(connector.submit(submission, lambda draft_id: None), Posted)

    (item,) = [each for each in reader.open_receivables() if each.posting_id == submission.posting_id]

    assert (item.project, item.number, item.due_on) == ("P-5001", "LB-ITEM", date(2026, 4, 4))
    (project,) = [each for each in reader.projects() if each.number == "P-5001"]
    assert project.billed is not None
    assert project.billed - (billed["P-5001"] or 0) == 64


def test_a_draft_payment_of_a_batch_is_told_when_the_batch_is_posted(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    """Posting a batch alters old rows alone, and nothing else tells of it."""
    invoice = books.invoice(CUSTOMER, "15.00", MARCH)
    payment = books.receive({invoice: "15.00"}, APRIL)
    with books.administrator() as administrator:
        rows = "SELECT entry_id FROM payment_links WHERE payment_id = %s"
        terms = (payment.partition(",")[2],)
        administrator.execute(f"UPDATE acc_trans SET approved = false WHERE entry_id IN ({rows})".encode(), terms)
        (draft,) = reader.entries([payment])
        cursor = reader.changes(None).cursor
        administrator.execute(f"UPDATE acc_trans SET approved = true WHERE entry_id IN ({rows})".encode(), terms)

    assert not draft.posted
    assert told(reader, cursor, thorough=True)[payment].posted


def test_what_we_owe_is_told_too_and_like_no_canonical_document(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    cursor = reader.cursor()
    with books.administrator() as administrator, administrator.transaction():
        bill = administrator.execute(ADD_BILL, {"vendor": "V-1", "on": MARCH}).fetchone()
        assert bill is not None
        for account, amount in (("5900", "-70.00"), (books.native("2000"), "70.00")):
            add_line(administrator, int(str(bill[0])), account, Decimal(amount), MARCH)

    (entry,) = told(reader, cursor).values()

    assert (entry.native_id, entry.document_type, entry.party, entry.legal_number) == (f"ap,{bill[0]}", None, "V-1", "V-77")
    assert by_account(entry) == {"5100": ("70.00", "70.00"), "2000": ("-70.00", "-70.00")}


def test_a_draft_without_a_day_is_told(books: LedgerSmbBooks, reader: SqlBooksReader) -> None:
    cursor = reader.cursor()
    native_id = books.draft(MARCH, "Some day", PLANTS)
    with books.administrator() as administrator:
        administrator.execute("UPDATE acc_trans SET transdate = NULL WHERE trans_id = %s", (native_id.partition(",")[2],))
        administrator.execute("UPDATE gl SET transdate = NULL WHERE id = %s", (native_id.partition(",")[2],))

    assert not told(reader, cursor)[native_id].posted
    books.discard(native_id)
