"""Time books nothing, so nothing else would show that an entry is missing: each that differs has one class, and all come to the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.model.books import ProjectFigures, TimeFigures
from hybrid_erp.model.delivery import PostingState
from hybrid_erp.model.posting_facts import PostingFacts, TimeTerms
from hybrid_erp.model.reconciliation import Difference, DifferenceClass, ProjectRow
from hybrid_erp.operations.reconcile.project_figures import HOURS, UNBILLED, Shares, project_rows
from hybrid_erp.operations.reconcile.unbilled import TimeComparison, hours_by_project, unequal
from tests.operations.reconcile.documents import CLOUD, LEGACY, known, not_posted, posted

KEY, OTHER = UUID(int=1), UUID(int=2)
Sides = tuple[list[Difference], ProjectRow]


def an_entry(posting_id: UUID | None = KEY, hours: str | Decimal = "7.5", **changes: Any) -> TimeFigures:
    terms: dict[str, Any] = {
        "native_id": f"jcitems,{hours}",
        "project": "P-1",
        "task": None,
        "worker": "W-7",
        "worked_on": date(2026, 3, 2),
    }
    terms |= {"hours": Decimal(hours), "rate": Decimal("80.00"), "currency": "EUR", "billable": True}
    return TimeFigures(posting_id=posting_id, **terms | changes)


def a_project(number: str, entries: Sequence[TimeFigures], **changes: Any) -> ProjectFigures:
    hours = sum((each.hours for each in entries), Decimal(0))
    return ProjectFigures(f"p,{number}", number, "Bridge", "C-1", "active", **{"unbilled_hours": hours} | changes)


def compared(
    legacy: Sequence[TimeFigures], cloud: Sequence[TimeFigures], *facts: PostingFacts, terms: Mapping[UUID, TimeTerms] | None = None
) -> Sides:
    """The differences of one project that both ERPs hold, and its row."""
    sides = (a_project("P-1", legacy),), (a_project("P-1", cloud),)
    hours, shares = hours_by_project(*sides, ({}, {})), Shares()
    comparison = TimeComparison("DE01", "EUR", LEGACY, CLOUD, {each.posting_id: each for each in facts}, terms or {})
    found = list(comparison.differences(legacy, cloud, shares))
    rows, rest = project_rows("DE01", "EUR", (LEGACY, sides[0]), (CLOUD, sides[1]), (), hours, shares)
    return [*found, *rest], rows[0]


LOADED = PostingFacts(KEY, "hybrid-erp/load", "LOAD/jcitems,7.5", "time_entry", {CLOUD: posted()})


@pytest.mark.parametrize(
    ("legacy", "cloud", "facts", "expected"),
    [
        ([an_entry()], [], known(KEY, legacy=posted(), cloud=posted()), DifferenceClass.CHANGED_AFTER_POSTING),
        ([], [an_entry()], known(KEY, legacy=posted(), cloud=posted()), DifferenceClass.CHANGED_AFTER_POSTING),
        ([an_entry()], [an_entry(hours="8")], known(KEY, legacy=posted(), cloud=posted()), DifferenceClass.CHANGED_AFTER_POSTING),
        ([an_entry()], [], known(KEY, legacy=posted(), cloud=not_posted(PostingState.WAITING)), DifferenceClass.IN_FLIGHT),
        ([an_entry()], [], known(KEY, legacy=posted(), cloud=not_posted(PostingState.DEAD_LETTERED)), DifferenceClass.DEAD_LETTER),
        ([an_entry()], [], known(KEY, legacy=posted(), cloud=posted(after_reading=True)), DifferenceClass.IN_FLIGHT),
        ([an_entry()], [], known(KEY, legacy=posted()), DifferenceClass.UNEXPLAINED),
        ([an_entry()], [], known(KEY, legacy=posted(), joins_later=True), DifferenceClass.IN_FLIGHT),
        ([], [an_entry()], LOADED, DifferenceClass.CHANGED_AFTER_POSTING),
        ([an_entry(None)], [], known(OTHER), DifferenceClass.NATIVE_IN_LEGACY),
        ([], [an_entry(None)], known(OTHER), DifferenceClass.NATIVE_IN_CLOUD),
        ([], [an_entry()], known(OTHER), DifferenceClass.UNEXPLAINED),
    ],
    ids=[
        "gone there",
        "billed here",
        "other hours",
        "on its way",
        "refused",
        "just now",
        "never sent",
        "joins later",
        "billed since the load",
        "native here",
        "native there",
        "a key of nobody",
    ],
)
def test_each_entry_that_differs_has_one_class_and_its_worth(
    legacy: Sequence[TimeFigures], cloud: Sequence[TimeFigures], facts: PostingFacts, expected: DifferenceClass
) -> None:
    (difference,), row = compared(legacy, cloud, facts)

    gap = sum((each.hours for each in cloud), Decimal(0)) - sum((each.hours for each in legacy), Decimal(0))
    assert difference.difference_class is expected
    assert (difference.gross, difference.amounts) == (abs(gap) * 80, ())
    assert row.difference == gap
    assert row.classes == ((expected, gap),)


def test_what_the_load_brought_is_the_entry_that_the_legacy_erp_knows_by_its_own_id() -> None:
    differences, row = compared([an_entry(None)], [an_entry()], LOADED)

    assert (differences, row.difference, row.classes) == ([], Decimal(0), ())


def test_what_is_never_to_be_billed_is_no_difference_where_an_erp_cannot_mark_it() -> None:
    never = an_entry(OTHER, "2", rate=None)
    legacy, cloud = (a_project("P-1", [an_entry()]),), (a_project("P-1", [an_entry(), never], counts_unbillable=True),)

    assert unequal(hours_by_project(legacy, cloud, ({}, {"P-1": Decimal(2)}))) == set()
    assert unequal(hours_by_project(legacy, cloud, ({"P-1": Decimal(2)}, {}))) == {"P-1"}
    assert (
        compared([an_entry()], [an_entry(), never], terms={OTHER: TimeTerms(False, None, None)})[0][0].difference_class
        is DifferenceClass.UNEXPLAINED
    )


def test_time_that_only_an_erp_without_rates_holds_is_worth_what_its_source_said() -> None:
    gone = known(KEY, legacy=posted(), cloud=posted())
    (difference,), _ = compared([], [an_entry(rate=None, currency=None)], gone, terms={KEY: TimeTerms(True, Decimal(90), "EUR")})

    assert difference.gross == 675
    (foreign,), _ = compared([], [an_entry(rate=None)], gone, terms={KEY: TimeTerms(True, Decimal(90), "USD")})
    assert (foreign.gross, foreign.cloud) == (Decimal(0), "7.50 h of W-7 on P-1, 2026-03-02")


def test_hours_that_no_entry_accounts_for_are_unexplained() -> None:
    sides = (a_project("P-1", [], unbilled_hours=Decimal(10)),), (a_project("P-1", [], unbilled_hours=Decimal(9)),)
    hours = hours_by_project(*sides, ({}, {}))

    (row,), (rest,) = project_rows("DE01", "EUR", (LEGACY, sides[0]), (CLOUD, sides[1]), (), hours, Shares())

    assert (rest.difference_class, rest.number, rest.aspect) == (DifferenceClass.UNEXPLAINED, "P-1", HOURS)
    assert row.classes == ((DifferenceClass.UNEXPLAINED, Decimal(-1)),)


def test_thirds_of_an_hour_leave_nothing_unexplained() -> None:
    third = Decimal(1200) / 3600
    natives = [an_entry(None, native_id=f"timesheet.line,{number}", hours=third, rate=None) for number in range(7)]

    differences, row = compared([], natives, known(OTHER))

    assert {each.difference_class for each in differences} == {DifferenceClass.NATIVE_IN_CLOUD}
    assert row.classes == ((DifferenceClass.NATIVE_IN_CLOUD, Decimal("2.33333")),)


MINUTES = st.dictionaries(st.integers(1, 6), st.integers(1, 1440), max_size=6)


@given(MINUTES, MINUTES, st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)))
def test_whatever_differs_the_classes_are_the_whole_difference(
    legacy: dict[int, int], cloud: dict[int, int], ours: set[int], refused: set[int]
) -> None:
    """Minutes are thirds of an hour, too; an entry that is not ours is another one in each ERP."""
    sides = [
        [
            an_entry(UUID(int=key) if key in ours else None, Decimal(minutes) / 60, native_id=f"{erp},{key}")
            for key, minutes in entries.items()
        ]
        for erp, entries in ((LEGACY, legacy), (CLOUD, cloud))
    ]
    dead = not_posted(PostingState.DEAD_LETTERED)
    facts = [known(UUID(int=key), legacy=posted(), cloud=dead if key in refused else posted()) for key in ours]

    differences, row = compared(sides[0], sides[1], *facts) if legacy or cloud else ([], None)

    assert not [each for each in differences if each.difference_class is DifferenceClass.UNEXPLAINED]
    assert row is None or sum((amount for _, amount in row.classes), Decimal(0)) == row.difference


def test_what_an_erp_does_not_tell_is_shown_as_not_told_and_never_as_equal() -> None:
    legacy, cloud = (a_project("P-1", [an_entry()], unbilled=Decimal(600)),), (a_project("P-1", [], unbilled_hours=None),)
    hours = hours_by_project(legacy, cloud, ({}, {}))

    rows, rest = project_rows("DE01", "EUR", (LEGACY, legacy), (CLOUD, cloud), (), hours, Shares())

    assert not unequal(hours)
    assert rest == []
    assert [(row.figure, row.legacy, row.cloud, row.difference) for row in rows] == [
        (UNBILLED, Decimal(600), None, None),
        (HOURS, Decimal("7.5"), None, None),
    ]


def test_what_unbilled_time_is_worth_is_compared_where_both_tell_it() -> None:
    entries = [an_entry(), an_entry(OTHER, "2")]
    legacy, cloud = (a_project("P-1", entries, unbilled=Decimal(760)),), (a_project("P-1", entries[1:], unbilled=Decimal(150)),)
    comparison = TimeComparison("DE01", "EUR", LEGACY, CLOUD, {KEY: known(KEY, legacy=posted(), cloud=posted())}, {})
    shares = Shares()
    (gone,) = comparison.differences(entries, entries[1:], shares)
    hours = hours_by_project(legacy, cloud, ({}, {}))

    rows, (rest,) = project_rows("DE01", "EUR", (LEGACY, legacy), (CLOUD, cloud), (), hours, shares)

    assert (gone.gross, rest.gross, rest.aspect) == (Decimal(600), Decimal(10), UNBILLED)  # an entry, and another rate of the other
    (worth,) = [row for row in rows if row.figure == UNBILLED]
    assert worth.classes == ((DifferenceClass.CHANGED_AFTER_POSTING, Decimal(-600)), (DifferenceClass.UNEXPLAINED, Decimal(-10)))


def test_a_row_whose_classes_are_not_its_difference_is_not_made() -> None:
    row = ProjectRow("P-1", "billed", "EUR", Decimal(1), Decimal(2), ((DifferenceClass.DEAD_LETTER, Decimal(1)),))

    with pytest.raises(AssertionError, match="the classes come to 0"):
        replace(row, classes=())
