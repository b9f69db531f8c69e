"""Capture in the store: a native document becomes a posting that is posted where it was found, and due at the other ERP, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from hybrid_erp.adapters.store.captures import PostgresCaptures
from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.books import Changes, Entry, Origin
from hybrid_erp.model.claim import Claim
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.documents import CreditMemo, DocumentType, Invoice, Payment
from hybrid_erp.model.region_plan import CapturePolicy, PeriodRunPolicy
from hybrid_erp.operations.capture.canonical import Canon
from hybrid_erp.operations.capture.capture import Policies, follow
from tests.builders import a_journal_entry
from tests.stores import CLOUD, LEGACY, SETTINGS, Store

KINDS, ENTITIES = ("project", "billing", "ledger"), ("DE01", "UK01")
POLICIES = Policies(CapturePolicy.CAPTURE, {"depreciation": PeriodRunPolicy.MIRROR, "revaluation": PeriodRunPolicy.BOTH}, is_owner=True)


@dataclass
class Pages:
    """The changes of one company, a page at a time; the cursor is the number of pages read."""

    pages: Sequence[Sequence[Entry]]
    deleted: tuple[str, ...] = ()

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        """The page after the cursor."""
        page = int(after or 0)
        entries = tuple(self.pages[page]) if page < len(self.pages) else ()
        return Changes(entries, str(min(page + 1, len(self.pages))), page + 1 < len(self.pages), self.deleted)

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        """Those of all pages."""
        return [entry for page in self.pages for entry in page if entry.native_id in native_ids]


def an_entry(native_id: str = "gl,7", amount: str = "120.00", account: str = "5200", **changes: Any) -> Entry:
    """A bookkeeper's journal entry."""
    lines = (_line(account, amount), _line("1000", f"-{amount}"))
    booking = Booking("DE01", date(2026, 3, 5), "EUR", "EUR", lines)
    terms: dict[str, Any] = {"number": native_id, "origin": Origin.NATIVE, "posted": True, "booking": booking, "text": "typed in"}
    return Entry(native_id=native_id, **{"document_type": DocumentType.JOURNAL_ENTRY} | terms | changes)


def a_native_invoice(native_id: str = "ar,9") -> Entry:
    """119.00 with tax, on time."""
    lines = (
        BookingLine("1100", Decimal("119.00"), Decimal("119.00"), party="C-100"),
        _line("4000", "-100.00"),
        BookingLine("2100", Decimal("-19.00"), Decimal("-19.00"), tax_code="DE-STD", tax_base=Decimal("-100.00")),
    )
    booking = Booking("DE01", date(2026, 3, 5), "EUR", "EUR", lines)
    return an_entry(native_id, booking=booking, document_type=DocumentType.INVOICE, party="C-100", legal_number="SI-9")


def a_native_payment(native_id: str = "payment,3", settles: str = "ar,9") -> Entry:
    """The whole of it."""
    lines = (_line("1000", "119.00"), BookingLine("1100", Decimal("-119.00"), Decimal("-119.00"), party="C-100"))
    booking = Booking("DE01", date(2026, 3, 9), "EUR", "EUR", lines)
    settled = ((settles, Decimal("119.00")),)
    return an_entry(native_id, booking=booking, document_type=DocumentType.PAYMENT, party="C-100", settles=settled)


def a_native_credit(native_id: str = "ar,10", **changes: Any) -> Entry:
    """59.50 with tax, back to the customer, who may have it from the twentieth."""
    lines = (
        BookingLine("1100", Decimal("-59.50"), Decimal("-59.50"), party="C-100"),
        _line("4000", "50.00"),
        BookingLine("2100", Decimal("9.50"), Decimal("9.50"), tax_code="DE-STD", tax_base=Decimal("50.00")),
    )
    terms: dict[str, Any] = {"booking": Booking("DE01", date(2026, 3, 6), "EUR", "EUR", lines), "document_type": DocumentType.CREDIT_MEMO}
    terms |= {"party": "C-100", "legal_number": "SI-10", "due_on": date(2026, 3, 20), "text": "rebate of the year"}
    return an_entry(native_id, **terms | changes)


def _line(account: str, amount: str) -> BookingLine:
    return BookingLine(account, Decimal(amount), Decimal(amount))


@pytest.fixture
def dual(store: Store) -> Store:
    """EMEA in dual run at 100 %."""
    run = PostgresDualRun(store.connect("cutover"))
    for legal_entity in ENTITIES:
        run.draw_boundary(Boundary(legal_entity, LEGACY, CLOUD, 0, "c", "c", datetime.now(UTC)), [])
    run.start("emea", KINDS, ENTITIES, CLOUD, by="lead", reason="loaded")
    run.raise_share("emea", KINDS, 10_000, by="lead", reason="all")
    return store


def captured(store: Store, *pages: Sequence[Entry], erp: str = LEGACY, policies: Policies = POLICIES, **changes: Any) -> dict[str, int]:
    """Follow one company's books to their end."""
    captures = PostgresCaptures(store.connect("capture"), "capture")
    canon = Canon(erp, SETTINGS.firm, partial(posting_of, SETTINGS.firm), lambda native_id: captures.invoice_of(erp, "DE01", native_id))
    return dict(follow(erp, "DE01", Pages(pages, **changes), captures, canon, policies))  # type: ignore[arg-type]


def copies(store: Store) -> list[Claim]:
    """Every copy that may be sent now."""
    return store.claim(CLOUD, role=Role.CANDIDATE, worker="shadow-1")


def test_a_native_entry_of_the_owner_is_posted_there_and_due_at_the_candidate(dual: Store) -> None:
    assert captured(dual, [an_entry()]) == {"captured": 1}

    assert dual.claim() == []
    (copy,) = copies(dual)
    assert (copy.role, copy.accounting_on, copy.document.number) == (Role.CANDIDATE, date(2026, 3, 5), f"{LEGACY}:gl,7")
    assert dual.delivery(copy.posting_id)["native_id"] == "gl,7"
    assert "captured" in dual.actions(copy.posting_id)


def test_what_is_told_again_is_captured_once(dual: Store) -> None:
    captured(dual, [an_entry()])
    assert captured(dual, [an_entry()], [an_entry(), an_entry("gl,8")]) == {"captured": 1}

    assert len(copies(dual)) == 2


def test_a_native_entry_of_the_candidate_goes_to_the_owner_and_not_back(dual: Store) -> None:
    captured(dual, [an_entry("account.move,5")], erp=CLOUD, policies=replace(POLICIES, is_owner=False))

    (control,) = dual.claim()
    assert (control.erp, control.role) == (LEGACY, Role.CONTROL)
    dual.settle_posted(control)
    assert copies(dual) == []


def test_invoice_and_payment_are_told_in_their_own_words(dual: Store) -> None:
    assert captured(dual, [a_native_invoice(), a_native_payment()]) == {"captured": 2}

    for number, erp in (("C-100", CLOUD),):
        dual.known("customer", number, erp=erp)
    (copy,) = copies(dual)
    assert isinstance(copy.document, Invoice)
    assert (copy.legal_number, copy.document.total, copy.document.lines[0].item) == ("SI-9", Decimal("119.00"), "time")
    dual.settlements("shadow-1")
    payment = dual.one("SELECT data FROM posting WHERE document_type = 'payment'")
    assert Payment.model_validate(payment).applications[0].invoice == copy.document.number


def the_credit(store: Store) -> CreditMemo:
    """As it is stored."""
    return CreditMemo.model_validate(store.one("SELECT data FROM posting WHERE document_type = 'credit_memo'"))


def test_a_credit_memo_that_names_no_invoice_is_captured_on_account(dual: Store) -> None:
    assert captured(dual, [a_native_credit()]) == {"captured": 1}

    dual.known("customer", "C-100", erp=CLOUD)
    (copy,) = copies(dual)
    assert isinstance(copy.document, CreditMemo)
    assert (copy.document.corrects, copy.document.on_account, copy.document.reason) == (None, True, "rebate of the year")
    assert (copy.document.total, copy.document.due_on, copy.legal_number) == (Decimal("59.50"), date(2026, 3, 20), "SI-10")


def test_a_credit_memo_names_the_invoice_that_it_takes_back_once_that_is_captured(dual: Store) -> None:
    refused = replace(a_native_invoice(), party=None)
    credit = a_native_credit(from_native_id="ar,9")

    assert captured(dual, [refused, credit]) == {"flagged": 2}
    assert captured(dual, [refused, credit], [a_native_invoice(), credit]) == {"captured": 2}

    assert the_credit(dual).corrects == f"{LEGACY}:ar,9"


def test_a_credit_memo_of_an_invoice_settled_before_the_load_is_on_account_and_says_of_which(dual: Store) -> None:
    assert captured(dual, [a_native_credit(from_native_id="ar,2")]) == {"captured": 1}

    assert (the_credit(dual).on_account, the_credit(dual).reason) == (True, "takes back ar,2: rebate of the year")


def test_what_was_captured_in_the_candidate_keeps_its_legal_number_at_the_owner(dual: Store) -> None:
    credit = a_native_credit("account.invoice,7", legal_number="CN-7")
    captured(dual, [credit], erp=CLOUD, policies=replace(POLICIES, is_owner=False))

    dual.known("customer", "C-100")
    (control,) = dual.claim()
    assert (control.erp, control.role, control.legal_number) == (LEGACY, Role.CONTROL, "CN-7")


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (an_entry(account="5999 of the ERP"), "mapping_gap"),
        (an_entry(account="1100"), "Account 1100"),
        (replace(a_native_invoice(), party=None), "no customer"),
        (an_entry(origin=Origin.PERIOD_RUN, period_run="allocation"), "says nothing of the periodic run allocation"),
    ],
    ids=["unmapped account", "control account", "no customer", "unknown run"],
)
def test_what_cannot_be_told_is_flagged_with_the_reason(dual: Store, entry: Entry, why: str) -> None:
    assert captured(dual, [entry]) == {"flagged": 1}
    assert why in dual.one("SELECT reason FROM native_document")
    assert dual.one("SELECT count(*) FROM posting") == 0


def test_what_was_flagged_is_captured_once_its_cause_is_mended(dual: Store) -> None:
    flagging = replace(POLICIES, natives=CapturePolicy.FLAG)
    assert captured(dual, [an_entry()], policies=flagging) == {"flagged": 1}
    assert captured(dual, [an_entry()], policies=flagging) == {}

    assert captured(dual, [an_entry()]) == {"captured": 1}
    assert len(copies(dual)) == 1


def test_a_credit_that_is_set_off_against_an_invoice_books_nothing_and_is_left(dual: Store) -> None:
    lines = tuple(BookingLine("1100", Decimal(amount), Decimal(amount), party="C-100") for amount in ("30.00", "-30.00"))
    set_off = an_entry("payment,8", booking=Booking("DE01", date(2026, 3, 9), "EUR", "EUR", lines), document_type=None, party="C-100")

    assert captured(dual, [set_off]) == {"left": 1}
    assert captured(dual, [], [set_off, replace(set_off, native_id="payment,9", booking=replace(set_off.booking, lines=lines[:1]))]) == {
        "flagged": 1
    }


def test_a_mirrored_run_is_captured_and_one_of_both_is_left(dual: Store) -> None:
    depreciation = an_entry("gl,1", origin=Origin.PERIOD_RUN, period_run="depreciation")
    revaluation = an_entry("gl,2", origin=Origin.PERIOD_RUN, period_run="revaluation")

    assert captured(dual, [depreciation, revaluation]) == {"captured": 1, "left": 1}
    again = replace(depreciation, native_id="account.move,1")
    assert captured(dual, [again], erp=CLOUD, policies=replace(POLICIES, is_owner=False)) == {"flagged": 1}


def test_a_draft_waits_until_it_is_posted(dual: Store) -> None:
    draft = an_entry(posted=False)
    assert captured(dual, [draft]) == {"draft": 1}
    assert captured(dual, [draft], [an_entry()]) == {"captured": 1}
    assert len(copies(dual)) == 1


def test_ours_and_derived_documents_are_never_mirrored(dual: Store) -> None:
    assert captured(dual, [an_entry(origin=Origin.FACADE), an_entry(origin=Origin.DERIVED)]) == {}


def test_what_we_delivered_is_not_captured_whatever_a_reader_makes_of_it(dual: Store) -> None:
    dual.accept(a_journal_entry())
    dual.settle_posted(dual.claim_one(), native_id="account.move,7")

    assert captured(dual, [an_entry("account.move,7")], erp=LEGACY) == {"ours": 1}
    assert dual.one("SELECT count(*) FROM native_document") == 0
    assert dual.one("SELECT count(*) FROM outbox WHERE role = 'control'") == 1


def test_an_alteration_after_capture_is_noticed_and_not_captured_again(dual: Store) -> None:
    captured(dual, [an_entry()])
    assert captured(dual, [an_entry()], [an_entry(amount="120.01")]) == {"altered": 1}

    assert len(copies(dual)) == 1
    assert dual.one("SELECT altered_at IS NOT NULL FROM native_document")


def test_a_deletion_is_noticed(dual: Store) -> None:
    captured(dual, [an_entry()])
    assert captured(dual, [an_entry()], deleted=("gl,7",)) == {"deleted": 1}


def test_a_page_and_its_cursor_are_stored_together_or_not_at_all(dual: Store) -> None:
    captured(dual, [an_entry()])
    dual.sql("REVOKE INSERT ON crosswalk FROM hybrid_erp_delivery")

    with pytest.raises(Exception, match="permission denied"):
        captured(dual, [an_entry()], [an_entry("gl,8")])

    assert dual.one("SELECT cursor FROM capture_cursor") == "1"
    assert dual.one("SELECT count(*) FROM posting") == 1
