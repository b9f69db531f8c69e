"""What of one document differs, told from what both ERPs hold; no store needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from hybrid_erp.model.books import Origin
from hybrid_erp.model.comparison import Aspect, DocumentPair, ObservedDocument, ObservedLine
from hybrid_erp.operations.compare import difference_of
from tests.observed import DAY, READ_AT

KEY = UUID(int=7)


def a_line(account: str, amount: str, *, project: str = "P-1", tax_code: str | None = None) -> ObservedLine:
    return ObservedLine(account, (("project", project),), None, tax_code, Decimal(amount), Decimal(amount))


def a_document(*lines: ObservedLine, **changes: object) -> ObservedDocument:
    document = ObservedDocument(
        native_id="1",
        posting_id=KEY,
        origin=Origin.FACADE,
        document_type=None,
        number="1",
        legal_number=None,
        party=None,
        from_native_id=None,
        period_run=None,
        posted=True,
        accounting_on=DAY,
        period="2026-03",
        currency="EUR",
        functional_currency="EUR",
        issued_on=None,
        due_on=None,
        line_count=len(lines),
        read=True,
        first_seen_at=READ_AT,
        changed_at=None,
        deleted_at=None,
        changes=0,
        books_changed=False,
        lines=lines or (a_line("1000", "100"), a_line("4000", "-100")),
    )
    return replace(document, **changes)  # type: ignore[arg-type]  # the names are those of the document


def aspects(legacy: list[ObservedDocument], cloud: list[ObservedDocument]) -> set[Aspect]:
    difference = difference_of(DocumentPair("DE01", KEY, tuple(legacy), tuple(cloud)))
    return set(difference.aspects) if difference else set()


def test_what_one_erp_books_in_one_document_and_the_other_in_two_steps_is_no_difference() -> None:
    whole = a_document(a_line("1000", "100"), a_line("4000", "-97"), a_line("7000", "-3"))
    first = a_document(a_line("1000", "97"), a_line("4000", "-97"))
    second = a_document(a_line("1000", "3"), a_line("7000", "-3"), origin=Origin.DERIVED, from_native_id="1", posting_id=None)

    assert aspects([whole], [first, second]) == set()


def test_what_was_derived_in_another_period_is_told() -> None:
    original, gain = a_document(), (a_line("1000", "3"), a_line("7000", "-3"))
    derived = a_document(*gain, origin=Origin.DERIVED)
    later = a_document(*gain, origin=Origin.DERIVED, period="2026-04", accounting_on=date(2026, 4, 1))

    assert aspects([original, derived], [original, later]) == {Aspect.PERIOD}


def test_attributes_that_are_right_one_by_one_and_wrong_together_are_told() -> None:
    def lines(first: str, second: str) -> list[ObservedLine]:
        return [
            a_line("4000", "-50", project="P-1", tax_code=first),
            a_line("4000", "-50", project="P-2", tax_code=second),
            a_line("1000", "100"),
        ]

    assert aspects([a_document(*lines("A", "B"))], [a_document(*lines("B", "A"))]) == {Aspect.COMBINATION}


def test_what_is_deleted_on_both_sides_is_no_difference() -> None:
    gone = a_document(deleted_at=READ_AT)

    assert aspects([gone], [gone]) == set()


def test_a_draft_moves_no_money_where_it_is() -> None:
    difference = difference_of(DocumentPair("DE01", KEY, (a_document(),), (a_document(posted=False),)))

    assert difference is not None
    assert {(place.account, amount) for place, amount in difference.amounts} == {("1000", Decimal(-100)), ("4000", Decimal(100))}


def test_what_a_person_sets_off_within_one_account_is_no_difference_and_ours_is() -> None:
    settled = (a_line("1100", "30"), a_line("1100", "-30"))

    assert aspects([a_document(*settled, posting_id=None, origin=Origin.NATIVE)], []) == set()
    assert aspects([], [a_document(*settled, posting_id=None, origin=Origin.NATIVE)]) == set()
    assert aspects([a_document(*settled)], []) == {Aspect.MISSING_IN_CLOUD}
    elsewhere = (settled[0], a_line("1100", "-30", project="P-2"))
    assert aspects([a_document(*elsewhere, posting_id=None, origin=Origin.NATIVE)], []) == {Aspect.MISSING_IN_CLOUD}
