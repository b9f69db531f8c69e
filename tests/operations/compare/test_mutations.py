"""The comparator finds everything: each kind of error at random places of 200,000 lines a side, exactly, and nothing else."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from hybrid_erp.model.books import Entry
from hybrid_erp.model.comparison import Aspect, DocumentDifference, UnequalCell
from hybrid_erp.model.documents import DocumentType
from tests.builders import CONFIG
from tests.observed import Books, with_line
from tests.operations.compare.conftest import DOCUMENTS, ENTITY, SISTER, Firm
from tests.operations.compare.mutations import MUTATIONS, Mutation, Told

PLACES = 3
PAGE = CONFIG.parent / "docs" / "what-the-comparator-finds.md"


def places(firm: Firm, mutation: Mutation, chance: random.Random, count: int, taken: set[int]) -> list[int]:
    """Random documents that it can happen to, each to one mutation alone."""
    chosen: list[int] = []
    while len(chosen) < count:
        place = chance.randrange(DOCUMENTS)
        if place not in taken and mutation.of(firm.legacy[place]):
            taken.add(place)
            chosen.append(place)
    return chosen


def all_of(tellings: Iterable[Told]) -> Told:
    told = list(tellings)
    return Told(
        [entry for each in told for entry in each.cloud],
        [entry for each in told for entry in each.legacy],
        [native_id for each in told for native_id in each.gone_in_cloud],
        [native_id for each in told for native_id in each.gone_in_legacy],
    )


def explained(found: Sequence[DocumentDifference]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for difference in found:
        for place, amount in difference.amounts:
            sums[place.period, place.account] += amount
    return {cell: amount for cell, amount in sums.items() if amount}


def in_all(cells: Sequence[UnequalCell]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for cell in cells:
        sums[cell.period, cell.account] += cell.functional_cloud - cell.functional_legacy
    return {cell: amount for cell, amount in sums.items() if amount}


def native_ids(difference: DocumentDifference) -> set[str]:
    return {each.native_id for each in (*difference.pair.legacy, *difference.pair.cloud)}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.kind)
def test_it_is_found_at_random_places_exactly_and_the_documents_explain_the_balances_to_the_cent(firm: Firm, mutation: Mutation) -> None:
    chosen = places(firm, mutation, random.Random(mutation.kind), PLACES, set())
    told = all_of(mutation.happens(firm.legacy[place], firm.cloud[place]) for place in chosen)
    with firm.told(told) as (cells, found):
        assert Counter(each.aspects for each in found) == Counter(mutation.found * PLACES)
        touched = {entry.native_id for entry in (*told.cloud, *told.legacy)} | {*told.gone_in_cloud, *told.gone_in_legacy}
        assert all(native_ids(each) & touched for each in found)
        assert explained(found) == in_all(cells)


def test_all_kinds_at_once_are_told_apart(firm: Firm) -> None:
    chance, taken = random.Random(1), set[int]()
    chosen = [(mutation, place) for mutation in MUTATIONS for place in places(firm, mutation, chance, 2, taken)]
    told = all_of(mutation.happens(firm.legacy[place], firm.cloud[place]) for mutation, place in chosen)
    with firm.told(told) as (cells, found):
        assert Counter(each.aspects for each in found) == Counter(aspects for mutation, _ in chosen for aspects in mutation.found)
        assert explained(found) == in_all(cells)


def test_errors_of_two_documents_that_cancel_within_an_account_are_both_found(firm: Firm) -> None:
    one, other = [each for each in firm.cloud if in_july(each)][:2]

    with firm.told(Told([with_amount(one, Decimal(5)), with_amount(other, Decimal(-5))])) as (cells, found):
        assert cells == []
        assert {each.posting_id for each in found} == {one.posting_id, other.posting_id}
        assert {each.aspects for each in found} == {frozenset({Aspect.AMOUNT})}


def in_july(entry: Entry) -> bool:
    journal = entry.document_type is DocumentType.JOURNAL_ENTRY
    return journal and entry.booking.currency == "EUR" and entry.booking.accounting_on.month == 7


def with_amount(entry: Entry, more: Decimal) -> Entry:
    line = entry.booking.lines[0]
    return with_line(entry, 0, amount=line.amount + more, functional_amount=line.functional_amount + more)


def test_documents_that_hold_each_others_content_are_both_found(firm: Firm) -> None:
    one, other = firm.cloud[7], firm.cloud[8]
    told = Told([replace(b, native_id=a.native_id, posting_id=a.posting_id) for a, b in ((one, other), (other, one))])

    with firm.told(told) as (_, found):
        assert {each.posting_id for each in found} == {one.posting_id, other.posting_id}


def test_what_was_changed_after_posting_is_marked_on_the_side_where_it_was(firm: Firm) -> None:
    with firm.told(Told(legacy=[with_amount(firm.legacy[99], Decimal("0.01"))])) as (_, (difference,)):
        assert [each.books_changed for each in difference.pair.legacy] == [True]
        assert [each.changes for each in difference.pair.cloud] == [0]


def test_half_an_intercompany_pair_is_found_in_the_company_that_lacks_it(firm: Firm) -> None:
    pair = list(Books(77, 2, "pair").entries())
    for legal_entity, entry in zip((ENTITY, SISTER), pair, strict=True):
        firm.tell(Told(legacy=[entry]), legal_entity)
    firm.tell(Told(cloud=pair[:1]), ENTITY)

    _, found = firm.compare(ENTITY, SISTER)

    assert [(each.pair.legal_entity, each.posting_id, each.aspects) for each in found] == [
        (SISTER, pair[1].posting_id, frozenset({Aspect.MISSING_IN_CLOUD}))
    ]
    firm.undo(Told(cloud=pair[:1], legacy=pair[:1]))


def test_a_day_with_documents_in_flight_gives_no_other_finding_than_those(firm: Firm) -> None:
    """24 hours; each hour 5 % of what the legacy ERP booked is still on its way to the cloud ERP, and half of all is told again."""
    chance = random.Random(24)
    legacy, cloud = (list(Books(24, 4_800, name).entries()) for name in ("day-a", "day-b"))
    in_flight: list[Entry] = []
    for hour in range(24):
        of_hour = range(hour * 200, hour * 200 + 200)
        arrived, in_flight = in_flight, []
        for place in of_hour:
            (in_flight if chance.random() < 0.05 else arrived).append(cloud[place])
        firm.tell(
            Told([*arrived, *chance.sample(firm.cloud, 100)], [*(legacy[place] for place in of_hour), *chance.sample(firm.legacy, 100)])
        )

        cells, found = firm.compare()

        assert {each.posting_id for each in found} == {entry.posting_id for entry in in_flight}
        assert {each.aspects for each in found} <= {frozenset({Aspect.MISSING_IN_CLOUD})}
        assert explained(found) == in_all(cells)
    firm.tell(Told(in_flight))
    assert firm.compare() == ([], [])


def rows() -> list[str]:
    """The table of the page, from what is tested."""
    return [
        f"| {mutation.kind} | {mutation.what} | "
        + ("no difference" if not mutation.found else "; ".join(", ".join(sorted(aspects)) for aspects in mutation.found))
        + " |"
        for mutation in MUTATIONS
    ]


def test_the_page_tells_each_kind_as_it_is_tested_and_no_other() -> None:
    generated, _, _ = PAGE.read_text(encoding="utf-8").partition("## Seen on the real ERPs")
    told = [line for line in generated.splitlines() if line.count("|") == 4]

    assert told[2:] == rows()
    assert len(MUTATIONS) >= 25
