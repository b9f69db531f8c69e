"""Whatever commits when, and however late it shows: every document is told, and none of them twice in the same version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.adapters.erps.tryton.books_cursor import Sweeper, Watch, read, written
from hybrid_erp.adapters.erps.tryton.values import Row, as_instant, to_instant

BEGINNING = datetime(2026, 3, 5, tzinfo=UTC)
OVERLAP_SECONDS = 60


@dataclass
class Table:
    """What Tryton's client answers about one model, as far as a sweep asks; a record shows when its transaction has committed."""

    now: datetime = BEGINNING
    records: dict[int, tuple[datetime, datetime, str]] = field(default_factory=dict)
    """Id to the beginning of its transaction, the instant of its commit, and its state."""
    asked: int = 0

    def select(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, limit: int | None = None, order: Sequence[Any] | None = None
    ) -> list[Row]:
        self.asked += 1
        rows = [
            {"id": record, "last_modified_at": as_instant(began), "state": state}
            for record, (began, committed, state) in self.records.items()
            if committed <= self.now
        ]
        found = [row for row in rows if _matches(row, domain)]
        return sorted(found, key=lambda row: (to_instant(row["last_modified_at"]), row["id"]))[:limit]

    def clock(self) -> datetime:
        self.asked += 1
        return self.now

    def sweeper(self) -> Sweeper:
        return Sweeper(self, "account.move", [], timedelta(seconds=OVERLAP_SECONDS), self.clock)


def _matches(row: Row, domain: Any) -> bool:
    """The few clauses that a sweep uses."""
    if not domain:
        return True
    if domain[0] == "OR":
        return any(_matches(row, clause) for clause in domain[1:])
    if isinstance(domain[0], str):
        name, operator, value = domain
        if operator == "in":
            return row[name] in value
        mine, wanted = (to_instant(each) if name == "last_modified_at" else each for each in (row[name], value))
        return bool(mine > wanted if operator == ">" else mine == wanted if operator == "=" else mine >= wanted)
    return all(_matches(row, clause) for clause in domain)


#: Seconds after which a transaction begins, and for which it lasts: less than the overlap.
transactions = st.lists(st.tuples(st.integers(0, 300), st.integers(0, OVERLAP_SECONDS - 1)), min_size=1, max_size=40)
reads = st.lists(st.integers(0, 80), min_size=1, max_size=25)


def told(table: Table, reads_at: list[int], limit: int) -> list[tuple[int, datetime]]:
    """What a follower is told who reads one page at each instant, and at the end all that is left."""
    watch = Watch()
    found: list[tuple[int, datetime]] = []

    def look() -> bool:
        nonlocal watch
        page = table.sweeper().page(watch, limit=limit)
        watch = read(written({"account.move": page.watch}))["account.move"]
        found.extend((row["id"], to_instant(row["last_modified_at"])) for row in page.rows)
        return page.more

    for seconds in reads_at:
        table.now += timedelta(seconds=seconds)
        look()
    table.now += timedelta(seconds=1000)
    for _ in range(2):  # the sweep under way, and one that sees what showed behind it
        while look():
            pass
    return found


@given(transactions, reads, st.integers(1, 7))
def test_every_document_is_told_once(began_and_lasted: list[tuple[int, int]], reads_at: list[int], limit: int) -> None:
    table = Table()
    for record, (began, lasted) in enumerate(began_and_lasted, start=1):
        start = BEGINNING + timedelta(seconds=began)
        table.records[record] = (start, start + timedelta(seconds=lasted), "posted")

    found = told(table, reads_at, limit)

    assert sorted(record for record, _ in found) == sorted(table.records)


def test_nothing_new_is_one_call_however_much_there_is() -> None:
    table = Table(now=BEGINNING + timedelta(days=1))
    table.records = dict.fromkeys(range(1, 2000), (BEGINNING, BEGINNING, "posted"))  # one transaction made them all
    watch = Watch()
    while (page := table.sweeper().page(watch, limit=100)).more:
        watch = page.watch
    before = table.asked

    page = table.sweeper().page(page.watch, limit=100)

    assert (page.rows, page.more, table.asked - before) == ((), False, 1)
    assert len(written({"account.move": page.watch})) < 200


def test_a_draft_that_is_deleted_is_told_and_one_that_is_posted_is_not() -> None:
    table = Table(now=BEGINNING + timedelta(hours=1))
    table.records = {1: (BEGINNING, BEGINNING, "draft"), 2: (BEGINNING, BEGINNING, "draft"), 3: (BEGINNING, BEGINNING, "draft")}
    watch = table.sweeper().page(Watch(), limit=10).watch
    del table.records[1]
    table.records[2] = (table.now, table.now, "posted")

    page = table.sweeper().page(watch, limit=10)

    assert (page.gone, [row["id"] for row in page.rows]) == ((1,), [2])
    assert table.sweeper().page(page.watch, limit=10).gone == ()


@pytest.mark.parametrize("cursor", ["4711", "{", '{"account.move": {}}', '["account.move"]'])
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="no cursor of Tryton"):
        read(cursor)
