"""Our receipts against the ERP that owns them: what is still as it was posted passes, whatever people post beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.observations_reading import PostgresComparison
from hybrid_erp.adapters.store.receipts import PostgresReceipts
from hybrid_erp.adapters.store.reconciliation_facts import PostgresReconciliationFacts
from hybrid_erp.model.booking import BookingLine
from hybrid_erp.model.books import Entry, Origin
from hybrid_erp.model.claim import SettledPosted
from hybrid_erp.model.delivery import Capability, ConnectorClass
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.reconciliation import DifferenceClass, EntityResult
from hybrid_erp.operations.reconcile.follow import Follower
from hybrid_erp.operations.reconcile.receipts import ReceiptBook, settled_books_of
from hybrid_erp.operations.reconcile.settled import SettledEntity
from tests.builders import a_journal_entry
from tests.observed import an_entry, with_lines
from tests.operations.reconcile.ledger import Ledger
from tests.stores import LEGACY, SETTINGS, Store

CAPABILITIES = {each: Capability(ConnectorClass.UNIQUE, "entry", frozenset({"project", "cost_centre"})) for each in DocumentType}
TODAY = date(2026, 3, 31)
CHANGED, DELETED = DifferenceClass.CHANGED_AFTER_POSTING, DifferenceClass.DELETED_AFTER_POSTING


@dataclass
class Company:
    """A legal entity that stays where it is."""

    store: Store
    ledger: Ledger

    def post(self, amount: str = "100.10", *, booked: str | None = None, told: bool = True) -> UUID:
        """A posting of ours that the ERP has booked, by our receipt; `booked`: what it really booked; not `told`: or nothing at all."""
        self.store.accept(a_journal_entry(amount=amount))
        claim = self.store.claim_one()
        native_id = f"gl,{len(self.ledger.told) + 1}"
        if told:
            entry = an_entry(native_id, posting_id=claim.posting_id, changed_at=None)
            self.ledger.post(replace(entry, booking=replace(entry.booking, accounting_on=date(2026, 3, 5), lines=lines(booked or amount))))
        self.store.settlements().settle(claim, SettledPosted(native_id, "JE", None, date(2026, 3, 5)))
        return claim.posting_id

    def native(self, amount: str) -> None:
        native_id = f"gl,{len(self.ledger.told) + 1}"
        entry = with_lines(an_entry(native_id, changed_at=None, posting_id=None, origin=Origin.NATIVE), *lines(amount))
        self.ledger.post(entry)

    def of(self, posting_id: UUID) -> Entry:
        return next(each for each in self.ledger.documents.values() if each.posting_id == posting_id)

    def reconcile(self, *, thorough: bool = False) -> EntityResult:
        connection = self.store.connect("delivery")
        booking = tuple(each.value for each in DocumentType if SETTINGS.firm.books(each))
        facts = PostgresReconciliationFacts(connection)
        receipts = PostgresReceipts(connection, booking)
        book = ReceiptBook(LEGACY, PostgresObservations(connection), receipts, SETTINGS.firm.booking_of, CAPABILITIES, datetime.now(UTC))
        mirror = settled_books_of(LEGACY)
        follower = Follower(mirror, "cloud", "DE01", self.ledger, book, PostgresComparison(connection), facts)
        return SettledEntity(follower, book, facts, "EUR", ("1100",), TODAY).run(thorough=thorough)


def lines(amount: str, account: str = "5200") -> tuple[BookingLine, ...]:
    value = Decimal(amount)
    return (BookingLine(account, value, value), BookingLine("1000", -value, -value))


@pytest.fixture
def company(store: Store) -> Company:
    return Company(store, Ledger())


def found(result: EntityResult) -> dict[UUID | None, tuple[DifferenceClass, Decimal]]:
    return {each.posting_id: (each.difference_class, each.gross) for each in result.differences}


def test_what_we_posted_and_what_people_post_beside_it_passes_and_is_read_once(company: Company) -> None:
    company.native("5.00")
    for amount in ("10.00", "20.00"):
        company.post(amount)
    assert company.reconcile().verdict.passed
    before = company.ledger.told_documents

    result = company.reconcile()

    assert (result.verdict.passed, result.differences, result.looks) == (True, (), 1)
    assert company.ledger.told_documents == before
    company.native("7.00")
    company.post("30.00")
    assert company.reconcile().verdict.passed
    assert company.ledger.told_documents == before + 2


def test_what_was_altered_deleted_taken_back_or_posted_twice_is_told_every_night_until_it_is_mended(company: Company) -> None:
    altered, deleted, drafted, doubled, sound = (company.post(f"{each}0.00") for each in range(1, 6))
    assert company.reconcile().verdict.passed
    original = company.of(altered)
    company.ledger.alter(with_lines(original, *lines("10.01")))
    company.ledger.alter(company.of(deleted).native_id)
    company.ledger.post(replace(company.of(drafted), posted=False))
    company.ledger.post(replace(company.of(doubled), native_id="gl,77"))

    for _ in range(2):
        result = company.reconcile()
        assert found(result) == {
            altered: (CHANGED, Decimal("0.01")),
            deleted: (DELETED, Decimal("20.00")),
            drafted: (CHANGED, Decimal("30.00")),
            doubled: (DifferenceClass.NATIVE_IN_CLOUD, Decimal("40.00")),
        }
        assert not result.verdict.passed
    company.ledger.post(original)
    assert set(found(company.reconcile())) == {deleted, drafted, doubled}
    assert sound not in found(company.reconcile())


def test_what_was_altered_before_the_first_look_is_not_taken_for_what_was_posted(company: Company) -> None:
    posting_id = company.post("50.00", booked="50.01")

    assert found(company.reconcile()) == {posting_id: (CHANGED, Decimal("0.01"))}
    assert found(company.reconcile()) == {posting_id: (CHANGED, Decimal("0.01"))}


def test_a_receipt_for_what_the_erp_never_told_is_missing_there(company: Company) -> None:
    posting_id = company.post("60.00", told=False)

    assert found(company.reconcile()) == {posting_id: (DELETED, Decimal("60.00"))}


def test_what_is_told_before_it_is_settled_is_on_its_way_and_then_sound(company: Company) -> None:
    company.store.accept(a_journal_entry(amount="70.00"))
    claim = company.store.claim_one()
    entry = an_entry("gl,1", posting_id=claim.posting_id, changed_at=None, due_on=date(2026, 5, 1))
    company.ledger.post(replace(entry, booking=replace(entry.booking, accounting_on=date(2026, 3, 5), lines=lines("70.00"))))
    assert company.reconcile().differences == ()

    company.store.settlements().settle(claim, SettledPosted("1", "JE", None, date(2026, 3, 5)))

    assert company.reconcile().differences == ()


def test_totals_that_no_document_explains_are_never_tolerated(company: Company) -> None:
    company.post("80.00")
    company.ledger.post(with_lines(an_entry("gl,90", changed_at=None, posting_id=None, origin=Origin.NATIVE), *lines("9.00")))
    assert company.reconcile().verdict.passed
    company.ledger.alter("gl,90")
    assert company.reconcile().verdict.passed  # a document of people's own that is gone is their affair

    company.ledger.hidden = Decimal("3.00")

    result = company.reconcile()
    assert {each.difference_class for each in result.differences} == {DifferenceClass.UNEXPLAINED}
    assert not result.verdict.passed
