"""The promises of every ERP connector, tried on the real ERPs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from hybrid_erp.model.booking import Booking, BookingLine, compare
from hybrid_erp.model.claim import boot_clock
from hybrid_erp.model.delivery import (
    ConnectorClass,
    FailureClass,
    InDoubt,
    NativeDocument,
    Outcome,
    Posted,
    Rejected,
    Retry,
    Role,
    Submission,
)
from hybrid_erp.model.documents import CreditMemo, Customer, DocumentType, Invoice, JournalEntry, Payment, Project
from hybrid_erp.model.errors import ClaimLostError, ErpUnavailableError, LeaseTooShortError, WrongSystemError
from hybrid_erp.ports import ErpConnector
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import Fault, FaultProxy
from sandbox.golden import SECRETS
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.erp_under_test import ErpUnderTest, a_submission
from tests.contracts.kept_drafts import KeptDrafts, submit
from tests.contracts.ledgersmb_under_test import LedgerSmbUnderTest
from tests.contracts.tryton_under_test import TrytonUnderTest

_numbers = count(1)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module", params=["ledgersmb", "tryton"])
def erp(request: pytest.FixtureRequest, site: Site, settings: Settings) -> ErpUnderTest:
    if request.param == "tryton":
        return TrytonUnderTest(site.cluster, settings, site.connections(), site.folder / SECRETS)
    return LedgerSmbUnderTest(site.cluster, settings)


@pytest.fixture(scope="module")
def connector(erp: ErpUnderTest) -> Iterator[ErpConnector]:
    with closing(erp.connector()) as made:
        yield made


@pytest.fixture
def proxy(erp: ErpUnderTest) -> Iterator[FaultProxy]:
    with erp.proxy() as made:
        yield made


@pytest.fixture
def far_connector(erp: ErpUnderTest, proxy: FaultProxy) -> Iterator[ErpConnector]:
    with closing(erp.connector(proxy)) as made:
        yield made


@pytest.fixture(scope="module")
def customer(connector: ErpConnector, settings: Settings) -> str:
    """A customer that is there."""
    document = Customer(number="C-CONTRACT", concerns=("DE01",), name="Acme", currency="EUR", payment_term="NET30", country="DE")
    assert isinstance(submit(connector, a_submission(settings, document)), Posted)
    return document.number


@pytest.fixture(scope="module")
def project(connector: ErpConnector, settings: Settings, customer: str) -> str:
    """A project of the customer that is there."""
    terms: Any = {"currency": "EUR", "billing_method": "time_and_materials", "starts_on": "2026-01-01"}
    document = Project(number="P-CONTRACT", legal_entity="DE01", name="Bridge", customer=customer, **terms)
    assert isinstance(submit(connector, a_submission(settings, document)), Posted)
    return document.number


def a_number(prefix: str) -> str:
    return f"{prefix}-{next(_numbers)}"


def an_entry(**changes: Any) -> JournalEntry:
    lines = [{"account": "5200", "debit": "100.10"}, {"account": "1000", "credit": "100.10"}]
    terms = {"number": a_number("JE"), "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR", "lines": lines}
    return JournalEntry.model_validate(terms | changes)


def an_invoice(customer: str, **changes: Any) -> Invoice:
    terms: dict[str, Any] = {
        "number": a_number("INV"),
        "legal_entity": "DE01",
        "customer": customer,
        "issued_on": "2026-03-05",
        "due_on": "2026-04-04",
    }
    terms |= {"accounting_date": "2026-03-05", "currency": "EUR", "payment_term": "NET30", "total": "119.00"}
    charged = {"item": "time", "unit_price": "100.00", "amount": "100.00", "tax_code": "DE-STD"}
    terms |= {"lines": [charged], "tax_lines": [{"tax_code": "DE-STD", "base": "100.00", "amount": "19.00"}]}
    return Invoice.model_validate(terms | changes)


def a_credit_memo(invoice: Invoice, **changes: Any) -> CreditMemo:
    terms: dict[str, Any] = {"number": a_number("CM"), "legal_entity": "DE01", "customer": invoice.customer, "corrects": invoice.number}
    terms |= {"issued_on": "2026-03-10", "accounting_date": "2026-03-10", "currency": "EUR", "total": "11.90"}
    given_back = {"item": "time", "unit_price": "10.00", "amount": "10.00", "tax_code": "DE-STD"}
    terms |= {"lines": [given_back], "tax_lines": [{"tax_code": "DE-STD", "base": "10.00", "amount": "1.90"}]}
    return CreditMemo.model_validate(terms | changes)


def a_payment(invoice: Invoice, amount: str, **changes: Any) -> Payment:
    terms: dict[str, Any] = {"number": a_number("PAY"), "legal_entity": "DE01", "customer": invoice.customer, "bank_account": "MAIN"}
    terms |= {"accounting_date": "2026-03-20", "currency": invoice.currency, "amount": amount}
    return Payment.model_validate(terms | {"applications": [{"invoice": invoice.number, "amount": amount}]} | changes)


def is_unique(connector: ErpConnector, document_type: DocumentType = DocumentType.JOURNAL_ENTRY) -> bool:
    return connector.capabilities[document_type].connector_class is ConnectorClass.UNIQUE


def is_open(outcome: Outcome) -> bool:
    """Not settled: it may be there, or the attempt left at most a draft that nobody posts."""
    return isinstance(outcome, InDoubt) or (isinstance(outcome, Retry) and not outcome.nothing_sent)


def posted(connector: ErpConnector, submission: Submission) -> NativeDocument:
    """What the ERP has booked for a submission that it takes."""
    outcome = submit(connector, submission)
    assert isinstance(outcome, Posted), outcome
    read = connector.read(submission.document.document_type, [outcome.native_id])
    (native,) = [each for each in read if each.posting_id == submission.posting_id]
    return native


def differences(connector: ErpConnector, submission: Submission, native: NativeDocument) -> tuple[str, ...]:
    assert submission.booking is not None
    assert native.booking is not None
    return tuple(map(str, compare(submission.booking, native.booking)))


# Posting and reading back


def test_the_erp_says_who_it_is(connector: ErpConnector, erp: ErpUnderTest, settings: Settings) -> None:
    identity = connector.identity()

    assert identity.company == settings.legal_entity(erp.legal_entity).name
    assert identity.functional_currency == "EUR"


def test_an_entry_is_read_back_as_it_was_booked(connector: ErpConnector, settings: Settings, project: str) -> None:
    lines = [{"account": "5200", "debit": "100.10", "dimensions": {"project": project}}, {"account": "1000", "credit": "100.10"}]
    submission = a_submission(settings, an_entry(lines=lines))

    native = posted(connector, submission)

    assert differences(connector, submission, native) == ()
    assert (native.posting_id, native.content_hash, native.posted) == (submission.posting_id, submission.content_hash, True)


def test_an_invoice_is_read_back_with_tax_party_dimensions_and_number(
    connector: ErpConnector, settings: Settings, customer: str, project: str
) -> None:
    submission = a_submission(settings, an_invoice(customer, project=project))

    native = posted(connector, submission)

    assert differences(connector, submission, native) == ()
    assert native.legal_number


def test_an_invoice_in_a_foreign_currency_keeps_both_amounts_of_each_line(
    connector: ErpConnector, settings: Settings, customer: str
) -> None:
    submission = a_submission(settings, an_invoice(customer, currency="USD", exchange_rate="0.8765"))

    native = posted(connector, submission)

    assert differences(connector, submission, native) == ()
    assert native.booking is not None
    assert native.booking.currency == "USD"


def test_many_documents_are_read_in_one_call(connector: ErpConnector, settings: Settings) -> None:
    submissions = [a_submission(settings, an_entry()) for _ in range(20)]
    outcomes = [submit(connector, each) for each in submissions]

    read = connector.read(DocumentType.JOURNAL_ENTRY, [each.native_id for each in outcomes if isinstance(each, Posted)])
    found = connector.find(DocumentType.JOURNAL_ENTRY, [each.posting_id for each in submissions])

    assert {each.posting_id for each in read} == {each.posting_id for each in found} == {each.posting_id for each in submissions}


# The key


def test_the_same_key_again_makes_no_second_document(connector: ErpConnector, erp: ErpUnderTest, settings: Settings) -> None:
    submission = a_submission(settings, an_entry())
    first = submit(connector, submission)
    before = erp.documents()

    again = submit(connector, replace(submission, claim_token=a_submission(settings, an_entry()).claim_token))

    assert again == first
    assert erp.documents() == before


def test_two_workers_with_the_same_key_make_one_document(erp: ErpUnderTest, settings: Settings) -> None:
    submissions, before, drafts = [a_submission(settings, an_entry()) for _ in range(10)], erp.documents(), KeptDrafts()

    def deliver_all(_: int) -> list[Outcome | None]:
        with closing(erp.connector()) as connector:
            return [_unless_lost(connector, each, drafts) for each in submissions]

    with ThreadPoolExecutor(4) as workers:
        outcomes = list(workers.map(deliver_all, range(4)))

    for of_one in zip(*outcomes, strict=True):
        assert len({outcome.native_id for outcome in of_one if isinstance(outcome, Posted)}) == 1, of_one
    assert erp.documents() == before + len(submissions)


def _unless_lost(connector: ErpConnector, submission: Submission, drafts: KeptDrafts) -> Outcome | None:
    try:
        return submit(connector, submission, drafts)
    except ClaimLostError:
        return None  # another worker's draft is the one that counts


def test_a_draft_that_nobody_may_post_is_listed_until_it_is_discarded(
    connector: ErpConnector, erp: ErpUnderTest, settings: Settings
) -> None:
    submission = a_submission(settings, an_entry())
    listed_before = {draft.native_id for draft in connector.drafts()}

    def lose(draft_id: str) -> None:
        raise ClaimLostError("another worker's draft is the one that counts")

    with suppress(ClaimLostError):
        connector.submit(submission, lose)
    posted(connector, a_submission(settings, an_entry()))
    listed = [draft for draft in connector.drafts() if draft.native_id not in listed_before]

    if is_unique(connector):
        assert listed == []
        return
    (draft,) = listed
    assert (draft.posting_id, draft.content_hash, draft.posted) == (submission.posting_id, submission.content_hash, False)
    assert connector.discard_draft(submission.document.document_type, draft.native_id)
    assert draft.native_id not in {each.native_id for each in connector.drafts()}
    assert connector.find(submission.document.document_type, [submission.posting_id]) == []


def test_other_content_under_the_same_key_shows_in_what_is_read_back(connector: ErpConnector, settings: Settings) -> None:
    submission = a_submission(settings, an_entry())
    submit(connector, submission)

    native = posted(connector, replace(submission, content_hash="b7" * 32))

    assert native.content_hash == submission.content_hash


def test_a_key_that_was_never_sent_is_not_found(connector: ErpConnector, settings: Settings) -> None:
    assert list(connector.find(DocumentType.JOURNAL_ENTRY, [a_submission(settings, an_entry()).posting_id])) == []


# Refusals


def test_an_unbalanced_booking_is_refused_before_it_is_sent(connector: ErpConnector, erp: ErpUnderTest, settings: Settings) -> None:
    lines = (BookingLine("5200", Decimal(100), Decimal(100)), BookingLine("1000", Decimal(-99), Decimal(-99)))
    booking = Booking("DE01", date(2026, 3, 5), "EUR", "EUR", lines)
    before = erp.documents()

    outcome = submit(connector, a_submission(settings, an_entry(), booking=booking))

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.VALIDATION
    assert erp.documents() == before


def test_a_closed_period_is_refused_as_one(connector: ErpConnector, erp: ErpUnderTest, settings: Settings) -> None:
    before = erp.documents()

    outcome = submit(connector, a_submission(settings, an_entry(accounting_date="2025-12-31")))

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.PERIOD_CLOSED
    assert erp.documents() == before


def test_an_account_without_a_counterpart_is_a_mapping_gap(connector: ErpConnector, settings: Settings) -> None:
    lines = [{"account": "9999", "debit": "1.00"}, {"account": "1000", "credit": "1.00"}]

    outcome = submit(connector, a_submission(settings, an_entry(lines=lines)))

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.MAPPING_GAP


def test_an_unknown_customer_is_refused(connector: ErpConnector, erp: ErpUnderTest, settings: Settings) -> None:
    before = erp.documents()

    outcome = submit(connector, a_submission(settings, an_invoice("C-NOBODY")))

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.VALIDATION
    assert erp.documents() == before


def test_a_dimension_value_that_the_erp_does_not_know_is_refused(connector: ErpConnector, settings: Settings) -> None:
    lines = [{"account": "5200", "debit": "1.00", "dimensions": {"project": "P-NONE"}}, {"account": "1000", "credit": "1.00"}]

    outcome = submit(connector, a_submission(settings, an_entry(lines=lines)))

    assert isinstance(outcome, Rejected)


# The wrong system


def test_another_company_behind_the_connection_gets_nothing(erp: ErpUnderTest, settings: Settings) -> None:
    before = erp.documents()

    with closing(erp.connector_to_the_wrong_company()) as connector:
        with pytest.raises(WrongSystemError):
            submit(connector, a_submission(settings, an_entry()))
        with pytest.raises(WrongSystemError):
            connector.identity()

    assert erp.documents() == before


# What the ERP alters


@pytest.mark.parametrize("aspect", ["date", "account", "amount"])
def test_what_the_erp_alters_shows_in_what_is_read_back(
    connector: ErpConnector, erp: ErpUnderTest, settings: Settings, aspect: str
) -> None:
    submission = a_submission(settings, an_entry())
    native = posted(connector, submission)

    erp.alter(DocumentType.JOURNAL_ENTRY, native.native_id, aspect)

    (altered,) = connector.read(DocumentType.JOURNAL_ENTRY, [native.native_id])
    assert differences(connector, submission, altered)


# The line


def test_an_erp_that_cannot_be_reached_is_tried_again_and_nothing_was_sent(
    far_connector: ErpConnector, proxy: FaultProxy, settings: Settings
) -> None:
    proxy.behave(Fault.REFUSE)

    outcome = submit(far_connector, a_submission(settings, an_entry()))

    assert isinstance(outcome, Retry)
    assert outcome.nothing_sent
    with pytest.raises(ErpUnavailableError):
        far_connector.find(DocumentType.JOURNAL_ENTRY, [a_submission(settings, an_entry()).posting_id])


def test_a_session_that_died_while_idle_is_replaced_before_anything_is_sent(
    far_connector: ErpConnector, proxy: FaultProxy, settings: Settings
) -> None:
    submit(far_connector, a_submission(settings, an_entry()))
    proxy.cut_all()

    assert isinstance(submit(far_connector, a_submission(settings, an_entry())), Posted)


def test_an_answer_that_is_lost_leaves_it_in_doubt_and_the_document_is_found_by_its_key(
    far_connector: ErpConnector, proxy: FaultProxy, erp: ErpUnderTest, settings: Settings
) -> None:
    submission, before = a_submission(settings, an_entry()), erp.documents()
    proxy.behave(Fault.CUT_AFTER, matching=submission.key.encode(), requests=1)

    outcome = submit(far_connector, submission)

    assert is_open(outcome)
    (left,) = far_connector.find(DocumentType.JOURNAL_ENTRY, [submission.posting_id])
    assert left.posted is is_unique(far_connector)
    assert isinstance(submit(far_connector, submission), Posted)
    (found,) = (each for each in far_connector.find(DocumentType.JOURNAL_ENTRY, [submission.posting_id]) if each.posted)
    assert differences(far_connector, submission, found) == ()
    assert erp.documents() == before + 1


def test_a_request_that_is_lost_leaves_it_in_doubt_and_sending_again_books_it_once(
    far_connector: ErpConnector, proxy: FaultProxy, erp: ErpUnderTest, settings: Settings
) -> None:
    submission, before = a_submission(settings, an_entry()), erp.documents()
    proxy.behave(Fault.CUT_BEFORE, matching=submission.key.encode(), requests=1)

    outcome = submit(far_connector, submission)

    assert is_open(outcome)
    assert list(far_connector.find(DocumentType.JOURNAL_ENTRY, [submission.posting_id])) == []
    assert isinstance(submit(far_connector, submission), Posted)
    assert erp.documents() == before + 1


def test_a_request_that_arrives_late_is_met_by_its_key(
    connector: ErpConnector, far_connector: ErpConnector, proxy: FaultProxy, erp: ErpUnderTest, settings: Settings
) -> None:
    submission, before = a_submission(settings, an_entry(), deadline=boot_clock() + 7), erp.documents()
    proxy.behave(Fault.DELAY, matching=submission.key.encode(), requests=1, seconds=6)

    outcome = submit(far_connector, submission)
    again = submit(connector, replace(submission, deadline=boot_clock() + 60))
    time.sleep(3)

    assert is_open(outcome)
    assert isinstance(again, Posted)
    assert erp.documents() == before + 1


def test_an_erp_that_never_answers_is_given_up_before_the_deadline(
    far_connector: ErpConnector, proxy: FaultProxy, settings: Settings
) -> None:
    far_connector.identity()
    submission = a_submission(settings, an_entry(), deadline=boot_clock() + 7)
    proxy.behave(Fault.SWALLOW, matching=submission.key.encode(), requests=1)

    outcome = submit(far_connector, submission)

    assert boot_clock() < submission.deadline
    assert is_open(outcome)
    assert isinstance(submit(far_connector, replace(submission, deadline=boot_clock() + 60)), Posted)


def test_nothing_is_sent_when_the_lease_is_over(connector: ErpConnector, erp: ErpUnderTest, settings: Settings) -> None:
    before = erp.documents()

    with pytest.raises(LeaseTooShortError):
        submit(connector, a_submission(settings, an_entry(), deadline=boot_clock() + 1))

    assert erp.documents() == before


# Legal numbers, open amounts


def test_the_control_draws_the_legal_number_without_gaps(connector: ErpConnector, settings: Settings, customer: str) -> None:
    first = posted(connector, a_submission(settings, an_invoice(customer)))
    refused = submit(connector, a_submission(settings, an_invoice("C-NOBODY")))
    second = posted(connector, a_submission(settings, an_invoice(customer)))

    assert isinstance(refused, Rejected)
    assert first.legal_number is not None
    assert second.legal_number is not None
    assert _ordinal(second.legal_number) == _ordinal(first.legal_number) + 1


def _ordinal(legal_number: str) -> int:
    return int(legal_number.rpartition("-")[2])


def test_a_candidate_carries_the_number_of_the_control_and_draws_none(connector: ErpConnector, settings: Settings, customer: str) -> None:
    before = posted(connector, a_submission(settings, an_invoice(customer)))
    copy = posted(connector, a_submission(settings, an_invoice(customer), role=Role.CANDIDATE, legal_number=a_number("CLOUD")))
    after = posted(connector, a_submission(settings, an_invoice(customer)))

    assert copy.legal_number is not None
    assert copy.legal_number.startswith("CLOUD-")
    assert before.legal_number is not None
    assert after.legal_number is not None
    assert _ordinal(after.legal_number) == _ordinal(before.legal_number) + 1


def test_a_payment_lowers_the_open_amount_once(connector: ErpConnector, erp: ErpUnderTest, settings: Settings, customer: str) -> None:
    invoice = an_invoice(customer)
    number = posted(connector, a_submission(settings, invoice)).legal_number
    payment = a_submission(settings, a_payment(invoice, "19.00"))

    native = posted(connector, payment)
    again = submit(connector, payment)

    assert again == Posted(native.native_id)
    assert differences(connector, payment, native) == ()
    assert erp.open_amount(number or "") == "100.00"


def test_one_payment_settles_several_invoices_with_discount_charge_and_a_rest(
    connector: ErpConnector, erp: ErpUnderTest, settings: Settings, customer: str
) -> None:
    invoices = [an_invoice(customer), an_invoice(customer)]
    numbers = [posted(connector, a_submission(settings, each)).legal_number for each in invoices]
    applications = [
        {"invoice": invoices[0].number, "amount": "117.00", "discount": "2.00"},
        {"invoice": invoices[1].number, "amount": "19.00"},
    ]
    document = a_payment(invoices[0], "150.00", bank_charge="1.50", applications=applications)
    payment = a_submission(settings, document)

    native = posted(connector, payment)

    assert differences(connector, payment, native) == ()
    assert [erp.open_amount(number or "") for number in numbers] == ["0.00", "100.00"]


def test_more_than_is_open_cannot_be_settled(connector: ErpConnector, settings: Settings, customer: str) -> None:
    invoice = an_invoice(customer)
    posted(connector, a_submission(settings, invoice))
    posted(connector, a_submission(settings, a_payment(invoice, "100.00")))

    outcome = submit(connector, a_submission(settings, a_payment(invoice, "100.00")))

    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.VALIDATION


def test_a_credit_memo_takes_back_what_it_says(connector: ErpConnector, settings: Settings, customer: str) -> None:
    invoice = an_invoice(customer)
    posted(connector, a_submission(settings, invoice))
    submission = a_submission(settings, a_credit_memo(invoice))

    native = posted(connector, submission)

    assert differences(connector, submission, native) == ()
    assert native.legal_number


def test_a_credit_memo_on_account_stands_for_itself_from_the_day_that_it_says(
    connector: ErpConnector, settings: Settings, customer: str
) -> None:
    terms = a_credit_memo(an_invoice(customer)).model_dump() | {"corrects": None, "on_account": True, "due_on": "2026-04-20"}
    submission = a_submission(settings, CreditMemo.model_validate(terms))

    native = posted(connector, submission)

    assert differences(connector, submission, native) == ()
    assert native.legal_number
