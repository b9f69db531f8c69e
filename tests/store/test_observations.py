"""The mirror: what was read or posted is kept once, what changed is noticed, and every sum is that of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.observations_reading import PostgresComparison
from hybrid_erp.model.books import Entry, Origin
from hybrid_erp.model.comparison import Observed, ObservedMovement
from hybrid_erp.model.errors import WrongSystemError
from tests.observed import DAY, Books, a_booking, a_line, an_entry, booked, with_line, with_lines
from tests.stores import CLOUD, LEGACY, Store

ENTITY = "DE01"


@pytest.fixture
def mirror(store: Store) -> PostgresObservations:
    return PostgresObservations(store.connect("delivery"))


@pytest.fixture
def comparison(store: Store) -> PostgresComparison:
    return PostgresComparison(store.connect("reader"))


@pytest.fixture(autouse=True)
def every_sum_is_that_of_the_rows(store: Store) -> Iterator[None]:
    yield
    comparison = PostgresComparison(store.connect("reader"))
    assert [comparison.drift(erp, ENTITY) for erp in (LEGACY, CLOUD)] == [0, 0]


def keys(comparison: PostgresComparison) -> list[object]:
    return [pair.match_key for pair in comparison.unequal_documents(LEGACY, CLOUD, [ENTITY]).pairs]


def balances(comparison: PostgresComparison, erp: str = LEGACY, *, baseline: bool = False) -> dict[str, Decimal]:
    return {each.account: each.functional_amount for each in comparison.movements(erp, ENTITY, baseline=baseline)}


def test_the_same_content_again_changes_nothing_and_says_so(store: Store, mirror: PostgresObservations) -> None:
    entries = list(Books(1, 50, "a").entries())
    assert mirror.observe(LEGACY, ENTITY, entries) == Observed(new=50)
    before = [
        store.sql(f"SELECT *, xmin FROM {table} ORDER BY 1, 2, 3") for table in ("observed_document", "observed_line", "observed_cell")
    ]

    assert mirror.observe(LEGACY, ENTITY, entries) == Observed(unchanged=50)

    assert before == [
        store.sql(f"SELECT *, xmin FROM {table} ORDER BY 1, 2, 3") for table in ("observed_document", "observed_line", "observed_cell")
    ]


def test_what_becomes_another_is_kept_as_a_change_with_the_hash_before(store: Store, mirror: PostgresObservations) -> None:
    entry = an_entry(posting_id=uuid4())
    mirror.observe(LEGACY, ENTITY, [entry])
    before = store.one("SELECT document_hash FROM observed_document")

    assert mirror.observe(LEGACY, ENTITY, [with_line(entry, 0, functional_amount=Decimal("100.01"))]) == Observed(changed=1)

    (change,) = store.sql("SELECT what, books, hash_before, hash_after FROM observed_change")
    assert change == {
        "what": "changed",
        "books": True,
        "hash_before": before,
        "hash_after": store.one("SELECT document_hash FROM observed_document"),
    }
    assert change["hash_after"] != before


def test_another_legal_number_is_a_change_that_books_nothing(store: Store, mirror: PostgresObservations) -> None:
    entry = an_entry(posting_id=uuid4(), legal_number="1")
    mirror.observe(LEGACY, ENTITY, [entry])

    mirror.observe(LEGACY, ENTITY, [replace(entry, legal_number="2")])

    assert store.sql("SELECT what, books FROM observed_change") == [{"what": "changed", "books": False}]


def test_what_is_written_for_people_is_no_change(store: Store, mirror: PostgresObservations) -> None:
    entry = an_entry()
    mirror.observe(LEGACY, ENTITY, [entry])

    described = replace(entry, text="other words", number="again", entered_by="someone")
    assert mirror.observe(LEGACY, ENTITY, [with_line(described, 0, description="x")]) == Observed(unchanged=1)

    assert store.sql("SELECT number FROM observed_document") == [{"number": "again"}]


def test_a_split_line_is_the_same_content(mirror: PostgresObservations) -> None:
    entry = an_entry(booking=a_booking(a_line("1000", "100.00"), a_line("4000", "-100.00")))
    mirror.observe(LEGACY, ENTITY, [entry])

    split = with_lines(
        entry, a_line("1000", "60.00"), a_line("1000", "40.0"), a_line("4000", "-100"), a_line("9000", "5"), a_line("9000", "-5")
    )

    assert mirror.observe(LEGACY, ENTITY, [split]) == Observed(unchanged=1)


def test_no_digit_of_an_erp_is_lost(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    third, huge = "33.333333333333", "123456789012345678901234.56"
    booking = a_booking(a_line("1000", third), a_line("1010", huge), a_line("4000", f"-{third}"), a_line("4010", f"-{huge}"))
    mirror.observe(LEGACY, ENTITY, [an_entry(booking=booking)])

    assert balances(comparison) == {"1000": Decimal(third), "1010": Decimal(huge), "4000": -Decimal(third), "4010": -Decimal(huge)}


def test_what_our_receipts_say_need_not_be_read(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    entries = list(Books(2, 20, "a").entries())
    mirror.observe(LEGACY, ENTITY, entries)

    assert mirror.observe_posted(CLOUD, ENTITY, Books(2, 20, "b").entries()) == Observed(new=20)

    assert keys(comparison) == []
    assert comparison.unequal_cells(LEGACY, CLOUD, [ENTITY]) == []


def test_a_first_reading_confirms_a_receipt_under_the_erps_own_id_and_adds_what_it_did_not_say(
    store: Store, mirror: PostgresObservations
) -> None:
    entry = an_entry("17", posting_id=uuid4())
    mirror.observe_posted(LEGACY, ENTITY, [entry])

    assert mirror.observe(LEGACY, ENTITY, [replace(entry, native_id="ar,17", due_on=DAY)]) == Observed(confirmed=1)

    (row,) = store.sql("SELECT native_id, due_on, read FROM observed_document")
    assert row == {"native_id": "ar,17", "due_on": DAY, "read": True}
    assert store.sql("SELECT FROM observed_change") == []


def test_a_first_reading_that_books_otherwise_than_the_receipt_is_a_change(store: Store, mirror: PostgresObservations) -> None:
    entry = an_entry(posting_id=uuid4())
    mirror.observe_posted(LEGACY, ENTITY, [entry])

    assert mirror.observe(LEGACY, ENTITY, [booked(entry, accounting_on=DAY + timedelta(days=1))]) == Observed(changed=1)

    assert store.one("SELECT books FROM observed_change") is True


def test_what_was_read_outweighs_a_receipt(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    entry = an_entry(posting_id=uuid4())
    mirror.observe(LEGACY, ENTITY, [with_line(entry, 0, amount=Decimal(7), functional_amount=Decimal(7))])

    assert mirror.observe_posted(LEGACY, ENTITY, [replace(entry, native_id="17")]) == Observed(unchanged=1)

    assert balances(comparison)["1200"] == 7


def test_what_is_gone_leaves_the_balances_and_is_kept_as_a_change(
    store: Store, mirror: PostgresObservations, comparison: PostgresComparison
) -> None:
    entry = an_entry(posting_id=uuid4())
    mirror.observe(LEGACY, ENTITY, [entry])

    assert mirror.observe(LEGACY, ENTITY, [], deleted=["ar,1", "ar,404"]).deleted == 1
    assert mirror.forget(LEGACY, ENTITY, ["ar,1"]) == 0

    assert balances(comparison) == {}
    assert store.sql("SELECT what, books FROM observed_change") == [{"what": "deleted", "books": True}]

    assert mirror.observe(LEGACY, ENTITY, [entry]) == Observed(returned=1)
    assert balances(comparison) == {"1200": 100, "4000": -100}


def test_a_draft_is_outside_every_balance(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    draft = an_entry(posted=False)
    mirror.observe(LEGACY, ENTITY, [draft])
    assert (balances(comparison), keys(comparison)) == ({}, [])

    mirror.observe(LEGACY, ENTITY, [replace(draft, posted=True)])
    assert balances(comparison) == {"1200": 100, "4000": -100}
    assert len(keys(comparison)) == 1


def test_the_time_before_the_boundary_is_summed_apart_and_not_compared(
    mirror: PostgresObservations, comparison: PostgresComparison
) -> None:
    old, new = an_entry("ar,1"), an_entry("ar,2", posting_id=uuid4())
    mirror.observe(LEGACY, ENTITY, [old, new])
    mirror.observe(CLOUD, ENTITY, [replace(new, native_id="account.move,2")])
    loaded = an_entry("account.move,1", posting_id=uuid4(), booking=a_booking(a_line("1200", "100", party="C-1"), a_line("4000", "-100")))
    mirror.observe(CLOUD, ENTITY, [loaded], baseline=True)

    assert mirror.mark_baseline(LEGACY, ENTITY, ["ar,1"]) == 1

    assert keys(comparison) == []
    assert comparison.unequal_cells(LEGACY, CLOUD, [ENTITY]) == []
    assert comparison.unequal_cells(LEGACY, CLOUD, [ENTITY], baseline=True) == []
    assert balances(comparison) == balances(comparison, baseline=True) == {"1200": 100, "4000": -100}

    # What was altered since is in the baseline of today, and only there.
    mirror.observe(LEGACY, ENTITY, [with_line(old, 0, functional_amount=Decimal("99.99"))])
    (cell,) = comparison.unequal_cells(LEGACY, CLOUD, [ENTITY], baseline=True)
    assert (cell.account, cell.functional_legacy, cell.functional_cloud) == ("1200", Decimal("99.99"), Decimal(100))
    assert comparison.unequal_cells(LEGACY, CLOUD, [ENTITY]) == []


def test_what_was_captured_is_compared_as_its_posting_with_all_that_was_derived_from_it(
    mirror: PostgresObservations, comparison: PostgresComparison
) -> None:
    gain = a_booking(a_line("1200", "1"), a_line("7000", "-1"))
    native = an_entry("ar,1")
    derived = an_entry("gl,9", origin=Origin.DERIVED, from_native_id="ar,1", booking=gain)
    posting_id = uuid4()
    both = (*native.booking.lines, *gain.lines)
    mirror.observe(LEGACY, ENTITY, [native, derived])
    mirror.observe(CLOUD, ENTITY, [with_lines(an_entry("account.move,1", posting_id=posting_id), *both)])
    assert len(keys(comparison)) == 2

    assert mirror.tie(LEGACY, ENTITY, "ar,1", posting_id)
    assert not mirror.tie(LEGACY, ENTITY, "ar,1", posting_id)

    (pair,) = comparison.unequal_documents(LEGACY, CLOUD, [ENTITY]).pairs
    assert pair.match_key == posting_id
    assert [each.native_id for each in pair.legacy] == ["ar,1", "gl,9"]
    assert comparison.unequal_cells(LEGACY, CLOUD, [ENTITY]) == []
    assert mirror.observe(LEGACY, ENTITY, [native, derived]) == Observed(unchanged=2)


def test_what_is_derived_follows_its_original_that_is_told_later(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    posting_id = uuid4()
    mirror.observe(LEGACY, ENTITY, [an_entry("gl,9", origin=Origin.DERIVED, from_native_id="ar,1")])

    mirror.observe(LEGACY, ENTITY, [an_entry("ar,1", posting_id=posting_id)])

    assert keys(comparison) == [posting_id]


def test_several_documents_under_one_key_are_found_though_both_erps_hold_them(
    mirror: PostgresObservations, comparison: PostgresComparison
) -> None:
    posting_id = uuid4()
    for erp in (LEGACY, CLOUD):
        mirror.observe(erp, ENTITY, [an_entry("1", posting_id=posting_id)])
        mirror.observe(erp, ENTITY, [an_entry("2", posting_id=posting_id)])

    assert keys(comparison) == [posting_id]

    for erp in (LEGACY, CLOUD):
        mirror.forget(erp, ENTITY, ["2"])
    assert keys(comparison) == []


def test_a_killed_reading_goes_on_from_the_cursor_of_the_last_batch(mirror: PostgresObservations) -> None:
    assert mirror.cursor(LEGACY, ENTITY) is None
    mirror.observe(LEGACY, ENTITY, [an_entry()], cursor="7")

    def dies() -> Iterator[Entry]:
        yield an_entry("ar,2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mirror.observe(LEGACY, ENTITY, dies(), cursor="8")

    assert mirror.cursor(LEGACY, ENTITY) == "7"
    assert mirror.observe(LEGACY, ENTITY, [an_entry(), an_entry("ar,2")], cursor="8") == Observed(new=1, unchanged=1)
    assert mirror.cursor(LEGACY, ENTITY) == "8"


def test_a_batch_that_fails_leaves_nothing_behind(store: Store, mirror: PostgresObservations) -> None:
    broken = an_entry("ar,2", booking=a_booking(currency="EUR", accounting_on=date(2026, 3, 5), functional_currency=None))

    with pytest.raises((psycopg.Error, TypeError)):
        mirror.observe(LEGACY, ENTITY, [an_entry(), replace(broken, number=None)])  # type: ignore[arg-type]  # as a broken reader would

    assert store.sql("SELECT FROM observed_document") == []


def test_days_and_documents_of_an_account_can_be_told(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    later = booked(an_entry("ar,2"), accounting_on=DAY + timedelta(days=1))
    mirror.observe(LEGACY, ENTITY, [an_entry("ar,1"), later, an_entry("ar,3")])

    days = comparison.days(LEGACY, ENTITY, "1200", "2026-03")
    assert [(each.day, each.amount, each.lines) for each in days] == [(DAY, Decimal(200), 2), (DAY + timedelta(days=1), Decimal(100), 1)]
    assert comparison.native_ids_on(LEGACY, ENTITY, "1200", DAY) == ["ar,1", "ar,3"]


def test_counts_sums_and_party_balances_are_told_by_erp(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    entries = list(Books(3, 40, "a").entries())
    mirror.observe(LEGACY, ENTITY, entries)
    mirror.observe(CLOUD, ENTITY, entries[:-1])

    totals = comparison.document_totals(LEGACY, CLOUD, [ENTITY])
    assert sum(each.documents for each in totals if each.erp == LEGACY) == 40
    assert sum(each.documents for each in totals if each.erp == CLOUD) == 39
    mirror.observe(CLOUD, ENTITY, entries)
    assert comparison.unequal_parties(LEGACY, CLOUD, [ENTITY], ["1200"]) == []
    changed = next(each for each in entries if each.booking.lines[0].party)
    line = changed.booking.lines[0]
    mirror.observe(CLOUD, ENTITY, [with_line(changed, 0, party="C-other")])
    parties = comparison.unequal_parties(LEGACY, CLOUD, [ENTITY], ["1200"])
    assert {(each.party, each.cloud - each.legacy) for each in parties} == {
        (line.party, -line.functional_amount),
        ("C-other", line.functional_amount),
    }


def test_pages_tell_every_document_once(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    entries = list(Books(4, 25, "a").entries())
    mirror.observe(LEGACY, ENTITY, entries)

    told, after = [], None
    while True:
        page = comparison.unequal_documents(LEGACY, CLOUD, [ENTITY], after=after, limit=10)
        told += [pair.match_key for pair in page.pairs]
        if (after := page.next) is None:
            break

    assert told == sorted(entry.posting_id for entry in entries if entry.posting_id)


def test_sums_that_are_kept_are_those_of_the_lines(mirror: PostgresObservations, comparison: PostgresComparison) -> None:
    mirror.observe(LEGACY, ENTITY, Books(5, 200, "a").entries())

    kept = comparison.movements(LEGACY, ENTITY)

    assert kept == comparison.movements(LEGACY, ENTITY, from_lines=True)
    assert sum(each.functional_amount for each in kept) == 0
    assert all(isinstance(each, ObservedMovement) for each in kept)


def test_a_company_that_tells_another_functional_currency_than_before_is_refused(mirror: PostgresObservations) -> None:
    mirror.observe(LEGACY, ENTITY, [an_entry()])

    with pytest.raises(WrongSystemError, match="EUR, GBP"):
        mirror.observe(LEGACY, ENTITY, [booked(an_entry("ar,2"), functional_currency="GBP")])


def test_a_reader_may_not_write(store: Store) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        PostgresObservations(store.connect("reader")).observe(LEGACY, ENTITY, [an_entry()])
