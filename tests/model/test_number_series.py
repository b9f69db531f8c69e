"""Legal numbers as series: what is there, what is missing, what is cancelled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.model.number_series import MISSING_MAX, series_of


def test_a_gap_is_told_as_the_series_writes_its_numbers() -> None:
    (series,) = series_of([("RE-2026/007", False), ("RE-2026/010", True), ("RE-2026/008", False)])

    assert (series.series, series.first, series.last, series.count) == ("RE-2026/#", "RE-2026/007", "RE-2026/010", 3)
    assert (series.missing, series.cancelled) == (("RE-2026/009",), ("RE-2026/010",))


def test_what_stands_around_the_number_tells_series_apart() -> None:
    assert [each.series for each in series_of([("A1", False), ("B1", False), ("A2x", False), ("none", False)])] == [
        "A#",
        "A#x",
        "B#",
        "none",
    ]


def test_a_number_that_a_standing_document_bears_is_not_cancelled() -> None:
    (series,) = series_of([("A1", True), ("A1", False)])

    assert series.cancelled == ()


def test_a_gap_without_end_is_told_up_to_its_limit() -> None:
    (series,) = series_of([("A1", False), ("A999999999999", False)])

    assert len(series.missing) == MISSING_MAX


@given(st.sets(st.integers(1, 99), min_size=1))
def test_what_is_there_and_what_is_missing_is_the_whole_series(numbers: set[int]) -> None:
    (series,) = series_of((f"INV-{number:03d}", False) for number in numbers)

    whole = {f"INV-{number:03d}" for number in range(min(numbers), max(numbers) + 1)}
    assert {f"INV-{number:03d}" for number in numbers} | set(series.missing) == whole
    assert series.count + len(series.missing) == len(whole)
