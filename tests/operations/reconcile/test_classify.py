"""Each difference has exactly one class, by what the store knows; what was changed after posting is never taken for rounding."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from hybrid_erp.model.books import Origin
from hybrid_erp.model.comparison import DocumentDifference, ObservedDocument
from hybrid_erp.model.delivery import FailureClass, PostingState
from hybrid_erp.model.posting_facts import DeliveryFacts, PostingFacts
from hybrid_erp.model.reconciliation import Difference, DifferenceClass, Place
from hybrid_erp.operations.reconcile.classify import Classifier
from tests.operations.reconcile.documents import (
    CLOUD,
    LEGACY,
    NOW,
    a_document,
    a_line,
    differing,
    known,
    not_posted,
    posted,
)

KEY = UUID(int=7)
OURS = a_document(posting_id=KEY, native_id="gl,7")
COPY = a_document(posting_id=KEY, native_id="account.move,7")
CONFLICT = DeliveryFacts(PostingState.DEAD_LETTERED, 1, FailureClass.CONFLICT, native_id="account.move,7", reason="conflict: amounts")


def classified(difference: DocumentDifference, facts: PostingFacts | None = None, **changes: Any) -> Difference:
    return Classifier(LEGACY, CLOUD, {KEY: facts} if facts else {}, **changes).classify(difference)


def class_of(difference: DocumentDifference, facts: PostingFacts | None = None) -> DifferenceClass:
    found = classified(difference, facts)
    assert found.why
    return found.difference_class


MISSING = differing([OURS])


@pytest.mark.parametrize(
    ("cloud", "expected"),
    [
        (not_posted(PostingState.WAITING), DifferenceClass.IN_FLIGHT),
        (not_posted(PostingState.CLAIMED, 1), DifferenceClass.IN_FLIGHT),
        (not_posted(PostingState.WAITING, 2, FailureClass.TRANSIENT), DifferenceClass.CANDIDATE_RETRYING),
        (not_posted(PostingState.IN_DOUBT, 1, FailureClass.IN_DOUBT), DifferenceClass.CANDIDATE_RETRYING),
        (not_posted(PostingState.DEAD_LETTERED, 1, FailureClass.VALIDATION, "no such party"), DifferenceClass.DEAD_LETTER),
        (not_posted(PostingState.DEAD_LETTERED, 1, FailureClass.MAPPING_GAP), DifferenceClass.MAPPING_GAP),
        (not_posted(PostingState.DEAD_LETTERED, 1, FailureClass.CONFLICT), DifferenceClass.ALTERED_BY_ERP),
        (not_posted(PostingState.CANCELLED, 1), DifferenceClass.DEAD_LETTER),
        (posted(), DifferenceClass.DELETED_AFTER_POSTING),
        (posted(after_reading=True), DifferenceClass.IN_FLIGHT),
        (None, DifferenceClass.UNEXPLAINED),
    ],
)
def test_what_the_candidate_lacks_is_classed_by_how_far_its_copy_is(cloud: DeliveryFacts | None, expected: DifferenceClass) -> None:
    assert class_of(MISSING, known(KEY, legacy=posted(), cloud=cloud)) is expected


def test_what_the_share_leaves_out_is_in_flight() -> None:
    assert class_of(MISSING, known(KEY, legacy=posted(), joins_later=True)) is DifferenceClass.IN_FLIGHT


def test_what_the_control_has_posted_and_not_yet_settled_is_in_flight() -> None:
    assert class_of(MISSING, known(KEY, legacy=not_posted(PostingState.IN_DOUBT, 1))) is DifferenceClass.IN_FLIGHT


def test_a_key_that_the_store_does_not_know_is_unexplained() -> None:
    assert class_of(MISSING) is DifferenceClass.UNEXPLAINED


def test_a_document_that_is_noticed_to_be_gone_was_deleted() -> None:
    gone = replace(COPY, deleted_at=NOW)

    assert class_of(differing([OURS], [gone]), known(KEY, legacy=posted(), cloud=posted())) is DifferenceClass.DELETED_AFTER_POSTING


def test_a_posted_document_that_is_a_draft_again_was_changed() -> None:
    draft = replace(COPY, posted=False)

    found = classified(differing([OURS], [draft]), known(KEY, legacy=posted(), cloud=posted()))

    assert found.difference_class is DifferenceClass.CHANGED_AFTER_POSTING
    assert dict(found.amounts)[Place("DE01", "2026-03", "5200", "EUR")] == Decimal("-100.10")


ONE_CENT = (a_line("5200", "100.11"), a_line("1000", "-100.11"))


def test_one_cent_is_a_change_after_posting_where_both_were_posted_as_sent() -> None:
    tampered = replace(COPY, lines=ONE_CENT)

    for cloud in (tampered, replace(tampered, changes=1, books_changed=True)):
        assert class_of(differing([OURS], [cloud]), known(KEY, legacy=posted(), cloud=posted())) is DifferenceClass.CHANGED_AFTER_POSTING


FOREIGN: dict[str, Any] = {"posting_id": KEY, "currency": "USD"}
RECEIVABLE, REVENUE = {"party": "C-1"}, "4000"


def taxed(tax: str, total: str, *, code: str = "DE-STD") -> ObservedDocument:
    lines = (a_line("1100", total, **RECEIVABLE), a_line(REVENUE, "-100.00"), a_line("2100", tax, tax_code=code, tax_base=Decimal(-100)))
    return a_document(*lines, posting_id=KEY)


SHAPES: dict[str, tuple[ObservedDocument, ObservedDocument, DifferenceClass]] = {
    "one smallest unit a line": (OURS, replace(COPY, lines=ONE_CENT), DifferenceClass.ROUNDING),
    "two smallest units a line": (
        OURS,
        replace(COPY, lines=(a_line("5200", "100.12"), a_line("1000", "-100.12"))),
        DifferenceClass.ALTERED_BY_ERP,
    ),
    "the functional amount alone": (
        a_document(a_line("5200", "100", "92"), a_line("1000", "-100", "-92"), **FOREIGN),
        a_document(a_line("5200", "100", "93"), a_line("1000", "-100", "-93"), **FOREIGN),
        DifferenceClass.FX_RATE,
    ),
    "the tax and the receivable that bears it": (taxed("-19", "119"), taxed("-20", "120"), DifferenceClass.TAX),
    "the tax code alone": (taxed("-19", "119"), taxed("-19", "119", code="DE-RED"), DifferenceClass.TAX),
    "the revenue": (
        taxed("-19", "119"),
        replace(taxed("-19", "119"), lines=(a_line("1100", "129", **RECEIVABLE), a_line(REVENUE, "-110"), taxed("-19", "119").lines[2])),
        DifferenceClass.ALTERED_BY_ERP,
    ),
    "another day": (OURS, replace(COPY, accounting_on=date(2026, 3, 6)), DifferenceClass.TIMING),
    "another period": (OURS, replace(COPY, accounting_on=date(2026, 4, 1), period="2026-04"), DifferenceClass.TIMING),
    "an account that nobody knows": (
        OURS,
        replace(COPY, lines=(a_line("5700 of the ERP", "100.10"), a_line("1000", "-100.10"))),
        DifferenceClass.MAPPING_GAP,
    ),
    "another customer": (
        a_document(a_line("1100", "119", party="C-1"), a_line(REVENUE, "-119"), posting_id=KEY),
        a_document(a_line("1100", "119", party="C-2"), a_line(REVENUE, "-119"), posting_id=KEY),
        DifferenceClass.ALTERED_BY_ERP,
    ),
}


@pytest.mark.parametrize("what", SHAPES)
def test_what_an_erp_booked_otherwise_from_the_first_is_classed_by_its_figures(what: str) -> None:
    legacy, cloud, expected = SHAPES[what]

    assert class_of(differing([legacy], [cloud]), known(KEY, legacy=posted(), cloud=CONFLICT)) is expected


@pytest.mark.parametrize("what", [what for what in SHAPES if what != "an account that nobody knows"])
def test_the_same_figures_are_a_change_after_posting_where_read_back_had_found_both_as_sent(what: str) -> None:
    legacy, cloud, _ = SHAPES[what]

    assert class_of(differing([legacy], [cloud]), known(KEY, legacy=posted(), cloud=posted())) is DifferenceClass.CHANGED_AFTER_POSTING


def test_another_legal_number_is_numbering_and_moves_no_money() -> None:
    found = classified(
        differing([replace(OURS, legal_number="R-1")], [replace(COPY, legal_number="R-2")]), known(KEY, legacy=posted(), cloud=posted())
    )

    assert (found.difference_class, found.gross) == (DifferenceClass.NUMBERING, Decimal(0))


def test_another_customer_moves_money_though_no_cell_shows_it() -> None:
    legacy, cloud, _ = SHAPES["another customer"]

    found = classified(differing([legacy], [cloud]), known(KEY, legacy=posted(), cloud=posted()))

    assert (found.amounts, found.gross) == ((), Decimal(119))


def test_a_second_document_under_a_key_is_native_in_its_erp_and_named() -> None:
    copied = replace(COPY, native_id="account.move,99")

    found = classified(differing([OURS], [COPY, copied]), known(KEY, legacy=posted(), cloud=posted("account.move,7")))

    assert found.difference_class is DifferenceClass.NATIVE_IN_CLOUD
    assert "account.move,99" in found.why
    assert dict(found.amounts)[Place("DE01", "2026-03", "5200", "EUR")] == Decimal("100.10")


def test_what_an_erp_derived_from_a_document_is_no_second_one() -> None:
    derived = a_document(a_line("1100", "0.00"), posting_id=KEY, native_id="gl,33", origin=Origin.DERIVED, from_native_id="payment,7")

    assert class_of(differing([derived, OURS]), known(KEY, legacy=posted(), cloud=not_posted(PostingState.WAITING))) is (
        DifferenceClass.IN_FLIGHT
    )


NATIVE = a_document(origin=Origin.NATIVE, native_id="gl,99")


def test_what_people_posted_in_one_erp_is_native_there() -> None:
    assert class_of(differing([NATIVE])) is DifferenceClass.NATIVE_IN_LEGACY
    assert class_of(differing((), [NATIVE])) is DifferenceClass.NATIVE_IN_CLOUD


def test_a_periodic_run_and_an_unmapped_account_have_classes_of_their_own() -> None:
    run = replace(NATIVE, origin=Origin.PERIOD_RUN, period_run="depreciation")
    unmapped = replace(NATIVE, lines=(a_line("5700 of the ERP", "5.00"), a_line("1000", "-5.00")))

    assert class_of(differing([run])) is DifferenceClass.PERIOD_RUN
    assert class_of(differing([unmapped])) is DifferenceClass.MAPPING_GAP


def test_a_captured_document_is_deleted_where_it_came_from_or_on_its_way_to_the_other() -> None:
    captured = {"source": f"hybrid-erp/capture/{LEGACY}", "captured_from": LEGACY}
    tied = replace(NATIVE, posting_id=KEY)

    on_its_way = known(KEY, legacy=posted(), cloud=not_posted(PostingState.WAITING), **captured)
    gone = known(KEY, legacy=posted(), cloud=posted(), **captured)

    assert class_of(differing([tied]), on_its_way) is DifferenceClass.IN_FLIGHT
    assert class_of(differing([replace(tied, deleted_at=NOW)], [COPY]), gone) is DifferenceClass.DELETED_AFTER_POSTING


def test_a_captured_document_that_a_person_changed_later_is_a_change_and_no_rounding() -> None:
    captured = known(KEY, legacy=posted(), cloud=posted(), source=f"hybrid-erp/capture/{LEGACY}", captured_from=LEGACY)
    changed = replace(NATIVE, posting_id=KEY, lines=ONE_CENT)

    assert class_of(differing([changed], [COPY]), captured) is DifferenceClass.ROUNDING
    assert class_of(differing([replace(changed, books_changed=True)], [COPY]), captured) is DifferenceClass.CHANGED_AFTER_POSTING


def test_another_currency_moves_the_whole_document_though_its_functional_amounts_are_equal() -> None:
    legacy, cloud = (a_document(a_line("5200", "100"), a_line("1000", "-100"), posting_id=KEY, currency=each) for each in ("USD", "GBP"))

    found = classified(differing([legacy], [cloud]), known(KEY, legacy=posted(), cloud=CONFLICT))

    assert (found.amounts, found.gross) == ((), Decimal(100))


def test_amounts_on_accounts_that_are_not_compared_are_left_out_of_the_cells() -> None:
    document = replace(NATIVE, lines=(a_line("9999 of the ERP", "5.00"), a_line("1000", "-5.00")))

    found = classified(differing([document]), left_out={f"9999 of {LEGACY}"})

    assert found.amounts == ((Place("DE01", "2026-03", "1000", "EUR"), Decimal("5.00")),)


def test_a_difference_leads_to_the_document_in_both_erps() -> None:
    later = replace(COPY, accounting_on=OURS.accounting_on + timedelta(days=1))

    found = classified(differing([OURS], [later]), known(KEY, legacy=posted(), cloud=posted()))

    assert (found.posting_id, found.legacy_id, found.cloud_id, found.number) == (KEY, "gl,7", "account.move,7", "JE-1")
    assert "2026-03-05" in found.legacy
    assert "2026-03-06" in found.cloud


def test_a_native_document_that_was_not_captured_says_why() -> None:
    alone = differing([a_document(native_id="ar,9", origin=Origin.NATIVE)])
    reason = "the credit memo names no invoice that is known: reverse it"

    difference = classified(alone, not_captured={(LEGACY, "ar,9"): reason, (CLOUD, "ar,9"): "another document"})

    assert difference.difference_class is DifferenceClass.NATIVE_IN_LEGACY
    assert reason in difference.why


def test_a_captured_document_whose_customer_the_other_erp_does_not_know_names_the_customer() -> None:
    waiting = replace(not_posted(PostingState.WAITING), waits_for="customer C-900")

    captured = classified(MISSING, known(KEY, legacy=posted(), cloud=waiting, captured_from=LEGACY))
    sent = classified(MISSING, known(KEY, legacy=posted(), cloud=waiting))

    assert (captured.difference_class, sent.difference_class) == (DifferenceClass.NATIVE_IN_LEGACY, DifferenceClass.IN_FLIGHT)
    assert all("customer C-900" in each.why and "adopt" in each.why for each in (captured, sent))
