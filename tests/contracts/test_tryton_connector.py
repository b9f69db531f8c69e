"""What only Tryton can get wrong: drafts that nobody may post, refusals that mean something else, its own table of rates."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton import TrytonConnector
from hybrid_erp.model.booking import compare
from hybrid_erp.model.claim import boot_clock
from hybrid_erp.model.delivery import FailureClass, InDoubt, NativeDocument, Posted, Rejected, Retry, Role, Submission
from hybrid_erp.model.documents import (
    CreditMemo,
    Customer,
    DocumentType,
    Invoice,
    JournalEntry,
    OpenItem,
    Payment,
    Project,
    ProjectTask,
    TimeEntry,
)
from hybrid_erp.model.errors import ClaimLostError
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import Fault, FaultProxy
from sandbox.golden import SECRETS
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.erp_under_test import a_submission
from tests.contracts.kept_drafts import submit
from tests.contracts.tryton_under_test import TrytonUnderTest

DRAFTS_OF = "SELECT count(*) FROM account_move WHERE state = 'draft' AND description LIKE '%%' || %s || '%%'"
ALTER_WHEN_POSTED = """
    CREATE FUNCTION to_the_next_day() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.state = 'posted' AND OLD.state = 'draft' THEN NEW.date := NEW.date + 1; END IF; RETURN NEW; END $$;
    CREATE TRIGGER to_the_next_day BEFORE UPDATE ON account_move FOR EACH ROW EXECUTE FUNCTION to_the_next_day();
"""
NO_LONGER_ALTER = "DROP TRIGGER to_the_next_day ON account_move; DROP FUNCTION to_the_next_day()"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module")
def tryton(site: Site, settings: Settings) -> TrytonUnderTest:
    return TrytonUnderTest(site.cluster, settings, site.connections(), site.folder / SECRETS)


@pytest.fixture(scope="module")
def connector(tryton: TrytonUnderTest) -> Iterator[TrytonConnector]:
    with closing(tryton.connector()) as made:
        yield made


@pytest.fixture
def proxy(tryton: TrytonUnderTest) -> Iterator[FaultProxy]:
    with tryton.proxy() as made:
        yield made


@pytest.fixture
def far_connector(tryton: TrytonUnderTest, proxy: FaultProxy) -> Iterator[TrytonConnector]:
    with closing(tryton.connector(proxy)) as made:
        made.identity()
        yield made


@pytest.fixture(scope="module")
def customer(connector: TrytonConnector, settings: Settings) -> str:
    document = Customer(number="C-TRYTON", concerns=("DE01",), name="Acme", currency="EUR", payment_term="NET30", country="DE")
    assert isinstance(submit(connector, a_submission(settings, document)), Posted)
    return document.number


def an_entry(number: str, **changes: Any) -> JournalEntry:
    lines = [{"account": "5200", "debit": "100.10"}, {"account": "1000", "credit": "100.10"}]
    terms = {"number": number, "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR", "lines": lines}
    return JournalEntry.model_validate(terms | changes)


def an_invoice(number: str, customer: str, **changes: Any) -> Invoice:
    terms: dict[str, Any] = {"number": number, "legal_entity": "DE01", "customer": customer, "payment_term": "NET30", "currency": "EUR"}
    terms |= {"issued_on": "2026-03-05", "due_on": "2026-04-04", "accounting_date": "2026-03-05", "total": "119.00"}
    terms |= {"lines": [{"item": "time", "unit_price": "100.00", "amount": "100.00", "tax_code": "DE-STD"}]}
    return Invoice.model_validate(terms | {"tax_lines": [{"tax_code": "DE-STD", "base": "100.00", "amount": "19.00"}]} | changes)


def read(connector: TrytonConnector, submission: Submission) -> NativeDocument:
    found = [each for each in connector.find(submission.document.document_type, [submission.posting_id]) if each.posted]
    assert len(found) == 1
    return found[0]


def assert_booked(connector: TrytonConnector, submission: Submission) -> NativeDocument:
    outcome = submit(connector, submission)
    assert isinstance(outcome, Posted), outcome
    native = read(connector, submission)
    assert submission.booking is not None
    assert native.booking is not None
    assert compare(submission.booking, native.booking) == ()
    return native


# Drafts


def test_the_draft_is_kept_before_it_is_posted(connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings) -> None:
    submission = a_submission(settings, an_entry("T-KEPT"))
    states: list[str] = []

    def keep(draft_id: str) -> None:
        states.append(tryton.one("SELECT state FROM account_move WHERE id = %s", draft_id.partition(",")[2]))

    assert isinstance(connector.submit(submission, keep), Posted)
    assert states == ["draft"]


def test_a_worker_whose_claim_is_lost_posts_nothing(connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings) -> None:
    submission, before = a_submission(settings, an_entry("T-LOST")), tryton.documents()

    def keep(_: str) -> None:
        raise ClaimLostError("Another worker holds the claim.")

    with pytest.raises(ClaimLostError):
        connector.submit(submission, keep)

    assert tryton.documents() == before
    (left,) = connector.find(DocumentType.JOURNAL_ENTRY, [submission.posting_id])
    assert not left.posted
    assert connector.discard_draft(DocumentType.JOURNAL_ENTRY, left.native_id)
    assert list(connector.find(DocumentType.JOURNAL_ENTRY, [submission.posting_id])) == []


def test_a_draft_that_was_posted_cannot_be_discarded(connector: TrytonConnector, settings: Settings) -> None:
    native = assert_booked(connector, a_submission(settings, an_entry("T-POSTED")))

    assert not connector.discard_draft(DocumentType.JOURNAL_ENTRY, native.native_id)


def test_a_draft_that_is_gone_is_a_conflict_and_nothing_is_made_in_its_place(
    connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings
) -> None:
    submission, before = a_submission(settings, an_entry("T-GONE"), draft_id="account.move,999999999"), tryton.documents()

    outcome = connector.submit(submission, lambda draft_id: None)

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.CONFLICT
    assert tryton.documents() == before


def test_a_stored_draft_with_other_content_is_not_posted(connector: TrytonConnector, settings: Settings) -> None:
    submission, kept = a_submission(settings, an_entry("T-OTHER")), []

    def keep(draft_id: str) -> None:
        kept.append(draft_id)
        raise ClaimLostError("The worker dies here.")

    with pytest.raises(ClaimLostError):
        connector.submit(submission, keep)

    outcome = connector.submit(replace(submission, content_hash="c4" * 32, draft_id=kept[0]), keep)

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.CONFLICT


def test_a_refused_document_leaves_no_draft_that_would_block_the_close(
    connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings, customer: str
) -> None:
    invoice = an_invoice("T-OVERPAID", customer)
    assert_booked(connector, a_submission(settings, invoice))
    terms: Any = {"customer": customer, "bank_account": "MAIN", "accounting_date": "2026-03-20", "currency": "EUR", "amount": "500.00"}
    applications = [{"invoice": invoice.number, "amount": "500.00"}]
    payment = Payment.model_validate(terms | {"number": "T-PAY-MUCH", "legal_entity": "DE01", "applications": applications})
    submission = a_submission(settings, payment)

    outcome = submit(connector, submission)

    assert isinstance(outcome, Rejected)
    assert tryton.one(DRAFTS_OF, submission.key) == 0


# The button


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.CUT_BEFORE])
def test_a_cut_while_posting_is_in_doubt_and_the_kept_draft_is_posted_once(
    far_connector: TrytonConnector, proxy: FaultProxy, tryton: TrytonUnderTest, settings: Settings, fault: Fault
) -> None:
    submission, before = a_submission(settings, an_entry(f"T-{fault}")), tryton.documents()
    proxy.behave(fault, matching=b"/post ", requests=1)

    first, again = submit(far_connector, submission), submit(far_connector, submission)

    assert isinstance(first, InDoubt)
    assert isinstance(again, Posted)
    assert tryton.documents() == before + 1
    assert tryton.one(DRAFTS_OF, submission.key) == 0


def test_a_button_that_takes_effect_late_posts_the_same_document(
    far_connector: TrytonConnector, proxy: FaultProxy, tryton: TrytonUnderTest, settings: Settings
) -> None:
    submission, before = a_submission(settings, an_entry("T-LATE"), deadline=boot_clock() + 7), tryton.documents()
    proxy.behave(Fault.SWALLOW, matching=b"/post ", requests=1)

    first = submit(far_connector, submission)
    again = submit(far_connector, replace(submission, deadline=boot_clock() + 60))

    assert isinstance(first, InDoubt)
    assert isinstance(again, Posted)
    assert tryton.documents() == before + 1


@pytest.mark.parametrize(("status", "retry_after_seconds"), [(429, 3), (503, 7)])
def test_an_erp_that_asks_to_wait_is_left_alone_so_long(
    far_connector: TrytonConnector, proxy: FaultProxy, settings: Settings, status: int, retry_after_seconds: int
) -> None:
    submission = a_submission(settings, an_entry(f"T-{status}"))
    proxy.behave(Fault.ANSWER, matching=b"POST ", requests=1, status=status, retry_after_seconds=retry_after_seconds)

    outcome = submit(far_connector, submission)

    assert isinstance(outcome, Retry)
    assert (outcome.failure, outcome.retry_after_seconds) == (FailureClass.THROTTLED, retry_after_seconds)
    assert isinstance(submit(far_connector, submission), Posted)


def test_a_server_error_while_posting_is_in_doubt(far_connector: TrytonConnector, proxy: FaultProxy, settings: Settings) -> None:
    submission = a_submission(settings, an_entry("T-500"))
    proxy.behave(Fault.ANSWER, matching=b"/post ", requests=1, status=500)

    assert isinstance(submit(far_connector, submission), InDoubt)
    assert isinstance(submit(far_connector, submission), Posted)


# Credentials


def test_our_own_lock_out_is_waited_for_and_is_no_verdict_on_the_document(
    tryton: TrytonUnderTest, settings: Settings, customer: str
) -> None:
    login = tryton.endpoint("DE01", Role.CONTROL).login
    entry, invoice = a_submission(settings, an_entry("T-LOCKED")), a_submission(settings, an_invoice("T-LOCKED", customer))
    tryton.change_group("remove", login)
    try:
        with closing(tryton.connector()) as locked_out:
            outcomes = [submit(locked_out, each) for each in (entry, invoice)]
            as_candidate = submit(locked_out, a_submission(settings, an_entry("T-COPY"), role=Role.CANDIDATE))
    finally:
        tryton.change_group("add", login)

    assert [outcome.failure for outcome in outcomes if isinstance(outcome, Retry)] == [FailureClass.FORBIDDEN] * 2
    assert isinstance(as_candidate, Posted)
    with closing(tryton.connector()) as let_in:
        assert isinstance(submit(let_in, entry), Posted)


def test_a_wrong_key_is_no_verdict_on_the_document(tryton: TrytonUnderTest, settings: Settings) -> None:
    def connect(role: Role) -> HttpEndpoint:
        return replace(tryton.endpoint("DE01", role), secret="f" * 64)

    mapping = settings.mappings["tryton-emea"]
    with closing(TrytonConnector(connect, mapping, legal_entity="DE01", expected=tryton.expected("DE01"))) as stranger:
        outcome = submit(stranger, a_submission(settings, an_entry("T-KEY")))

    assert isinstance(outcome, Retry)
    assert outcome.failure is FailureClass.AUTH


# What Tryton books


def test_an_entry_that_tryton_dates_anew_when_it_posts_shows(
    connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings
) -> None:
    submission = a_submission(settings, an_entry("T-DATED"))
    tryton.run(ALTER_WHEN_POSTED)
    try:
        assert isinstance(submit(connector, submission), Posted)
    finally:
        tryton.run(NO_LONGER_ALTER)

    native = read(connector, submission)

    assert submission.booking is not None
    assert native.booking is not None
    assert [mismatch.aspect for mismatch in compare(submission.booking, native.booking)] == ["accounting date"]


def test_tax_is_booked_as_stated_and_once(connector: TrytonConnector, settings: Settings, customer: str) -> None:
    tax = [{"tax_code": "DE-STD", "base": "100.00", "amount": "19.01"}]

    assert_booked(connector, a_submission(settings, an_invoice("T-TAX", customer, tax_lines=tax, total="119.01")))


def test_a_prepayment_is_billed_to_its_liability(connector: TrytonConnector, settings: Settings, customer: str) -> None:
    lines = [{"item": "prepayment", "unit_price": "100.00", "amount": "100.00"}]

    assert_booked(connector, a_submission(settings, an_invoice("T-PREPAID", customer, lines=lines)))


@pytest.mark.parametrize("cents", [1, 3, 7, 11, 33])
def test_a_foreign_invoice_of_several_lines_leaves_no_cent_on_the_exchange_account(
    connector: TrytonConnector, settings: Settings, customer: str, cents: int
) -> None:
    prices = [f"{100 + index * 17}.{cents:02d}" for index in range(3)]
    lines = [{"item": "time", "unit_price": price, "amount": price, "description": f"Part {price}"} for price in prices]
    total = f"{351 + (3 * cents + 1900) // 100}.{(3 * cents + 1900) % 100:02d}"
    changes = {"currency": "USD", "exchange_rate": f"0.9{cents:02d}7", "lines": lines, "total": total}

    assert_booked(connector, a_submission(settings, an_invoice(f"T-USD-{cents}", customer, **changes)))


def test_a_candidates_copy_draws_no_number_and_is_no_invoice(connector: TrytonConnector, settings: Settings, customer: str) -> None:
    submission = a_submission(settings, an_invoice("T-QUIET", customer), role=Role.CANDIDATE, legal_number="LEG/2026 7")

    native = assert_booked(connector, submission)

    assert native.native_id.startswith("account.move,")
    assert native.legal_number == "LEG/2026 7"


def test_what_the_other_erp_has_issued_draws_no_second_number(connector: TrytonConnector, settings: Settings, customer: str) -> None:
    native = assert_booked(connector, a_submission(settings, an_invoice("T-ISSUED", customer), legal_number="INV-2026-000007"))

    assert (native.native_id.partition(",")[0], native.legal_number) == ("account.move", "INV-2026-000007")


def test_a_warning_that_is_not_configured_refuses_the_document(tryton: TrytonUnderTest, settings: Settings, customer: str) -> None:
    with closing(tryton.connector(acknowledged=())) as strict:
        outcome = submit(strict, a_submission(settings, an_invoice("T-WARNED", customer)))

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.VALIDATION


def test_a_credit_memo_lowers_what_is_open_on_its_invoice(
    connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings, customer: str
) -> None:
    invoice = an_invoice("T-CREDITED", customer)
    number = assert_booked(connector, a_submission(settings, invoice)).legal_number
    terms: Any = {"number": "T-CM", "legal_entity": "DE01", "customer": customer, "corrects": invoice.number, "currency": "EUR"}
    terms |= {"issued_on": "2026-03-10", "accounting_date": "2026-03-10", "total": "19.00"}
    terms["lines"] = [{"item": "time", "unit_price": "19.00", "amount": "19.00"}]

    assert_booked(connector, a_submission(settings, CreditMemo.model_validate(terms)))

    assert tryton.open_amount(number or "") == "100.00"


def test_an_open_item_is_loaded_and_paid(connector: TrytonConnector, settings: Settings, customer: str) -> None:
    terms: Any = {"number": "T-OPEN", "legal_entity": "DE01", "accounting_date": "2026-03-01", "currency": "EUR", "customer": customer}
    terms |= {
        "legal_number": "OLD-7",
        "issued_on": "2026-01-05",
        "due_on": "2026-02-04",
        "original_amount": "90.00",
        "open_amount": "50.00",
    }
    assert_booked(connector, a_submission(settings, OpenItem.model_validate(terms)))
    payment: Any = {"number": "T-PAY-OPEN", "legal_entity": "DE01", "customer": customer, "bank_account": "MAIN", "currency": "EUR"}
    payment |= {"accounting_date": "2026-03-20", "amount": "50.00", "applications": [{"invoice": "T-OPEN", "amount": "50.00"}]}

    assert_booked(connector, a_submission(settings, Payment.model_validate(payment)))


def test_dimensions_are_read_back_as_they_were_sent(connector: TrytonConnector, settings: Settings) -> None:
    dimensions = {"cost_centre": "CC;{1}=%", "department": "D/10"}
    lines = [
        {"account": "5200", "debit": "1.00", "dimensions": dimensions, "description": "a {b} c"},
        {"account": "1000", "credit": "1.00"},
    ]

    assert_booked(connector, a_submission(settings, an_entry("T-DIMENSIONS", lines=lines)))


# Master data and time


def test_a_later_version_changes_the_customer_that_is_there(
    connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings
) -> None:
    terms: Any = {"concerns": ("DE01",), "currency": "EUR", "payment_term": "NET30", "country": "DE", "number": "C-RENAMED"}
    first = a_submission(settings, Customer.model_validate(terms | {"name": "Old"}))
    later = a_submission(settings, Customer.model_validate(terms | {"name": "New", "version": 2}))

    outcomes = [submit(connector, each) for each in (first, later, later)]

    assert len(set(outcomes)) == 1
    assert tryton.one("SELECT name FROM party_party WHERE code = 'C-RENAMED'") == "New"
    assert len(connector.find(DocumentType.CUSTOMER, [first.posting_id, later.posting_id])) == 2


def test_a_project_its_task_and_time_on_it_are_found_by_their_keys(connector: TrytonConnector, settings: Settings, customer: str) -> None:
    project: Any = {"number": "P-TRYTON", "legal_entity": "DE01", "name": "Bridge", "customer": customer, "currency": "EUR"}
    project |= {"billing_method": "time_and_materials", "starts_on": "2026-01-01"}
    task = {"number": "T-1", "legal_entity": "DE01", "project": "P-TRYTON", "name": "Design", "planned_hours": "40"}
    time_entry: Any = {"number": "H-1", "legal_entity": "DE01", "project": "P-TRYTON", "task": "T-1", "worker": "W-7"}
    time_entry |= {"worked_on": "2026-03-02", "hours": "7.5"}
    documents = [Project.model_validate(project), ProjectTask.model_validate(task), TimeEntry.model_validate(time_entry)]

    for document in documents:
        submission = a_submission(settings, document)
        outcome = submit(connector, submission)
        (found,) = connector.find(document.document_type, [submission.posting_id])
        assert outcome == Posted(found.native_id)
        assert (found.content_hash, found.posted) == (submission.content_hash, True)


def test_time_on_an_unknown_project_is_refused(connector: TrytonConnector, settings: Settings) -> None:
    terms: Any = {"number": "H-2", "legal_entity": "DE01", "project": "P-NOWHERE", "worker": "W-7", "worked_on": "2026-03-02", "hours": "1"}

    assert isinstance(submit(connector, a_submission(settings, TimeEntry.model_validate(terms))), Rejected)


def test_workers_and_ourselves_are_not_held_as_customers(connector: TrytonConnector, settings: Settings, customer: str) -> None:
    held = {each.number for each in connector.held(DocumentType.CUSTOMER)}

    assert customer in held
    assert "W-7" not in held


# The server


def test_a_server_that_is_killed_in_the_middle_books_every_document_once(
    connector: TrytonConnector, tryton: TrytonUnderTest, settings: Settings
) -> None:
    submissions = [a_submission(settings, an_entry(f"T-KILLED-{number}")) for number in range(12)]
    before, workers = tryton.documents(), tryton.workers()

    def kill_all() -> None:
        for process in workers:
            process.kill()

    killer = threading.Timer(0.3, kill_all)
    killer.start()
    outcomes = [submit(connector, each) for each in submissions]
    killer.join()
    deadline = time.monotonic() + 60
    while open_ones := [each for each, outcome in zip(submissions, outcomes, strict=True) if not isinstance(outcome, Posted)]:
        assert time.monotonic() < deadline, outcomes
        outcomes = [Posted("before") if each not in open_ones else submit(connector, each) for each in submissions]

    assert tryton.documents() == before + len(submissions)
    assert all(tryton.one(DRAFTS_OF, each.key) <= 1 for each in submissions)
