"""Outcomes: everything that becomes of a posting is told to its source, in an order that never skips, under ids that stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.outcomes import PostgresOutcomes
from hybrid_erp.adapters.store.settlements import PostgresSettlements
from hybrid_erp.model.claim import Claim, SettledDead, SettledNotKept, SettledPosted, SettledRetry
from hybrid_erp.model.cutover import Direction
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.errors import CursorRefusedError
from hybrid_erp.model.outcomes import OutcomeType, Page, Told
from tests.builders import a_customer, a_journal_entry
from tests.store.cutovers import Move, dual_run
from tests.stores import CLOUD, LEGACY, Store, fresh_store

POSTED = SettledPosted("77", "JE-77", "2026/77", date(2026, 3, 5))
DEAD = SettledDead(FailureClass.VALIDATION, "employee Jane Doe is unknown")


@pytest.fixture
def feed(store: Store) -> PostgresOutcomes:
    return PostgresOutcomes(store.pool("reader"))


def page(feed: PostgresOutcomes, after: str | None = None, *, source: str = "tests", limit: int = 100, **changes: Any) -> Page:
    return feed.page(source, after=after, limit=limit, **changes)


def told(feed: PostgresOutcomes, **terms: Any) -> list[Told]:
    return list(page(feed, **terms).outcomes)


def settled(store: Store, settlement: Any = POSTED, **changes: Any) -> Claim:
    """A posting of the source `tests`, claimed and settled."""
    (posting_id,) = store.accept(a_journal_entry(**changes))
    (claim,) = [claim for claim in store.claim() if claim.posting_id == posting_id]
    store.settlements().settle(claim, settlement)
    store.wait_until_told()
    return claim


def test_a_receipt_is_told_to_its_source_with_the_original_and_what_the_erp_made_of_it(store: Store, feed: PostgresOutcomes) -> None:
    claim = settled(store, id="je-1", correlationid="thread-1")

    (outcome,) = told(feed)
    event = outcome.event()

    data = event.pop("data")
    assert event.pop("time").endswith("Z")
    assert event == {
        "specversion": "1.0",
        "id": str(outcome.outcome_id),
        "source": "hybrid-erp/outcomes",
        "type": "hybrid-erp.outcome.posted.v1",
        "datacontenttype": "application/json",
        "subject": str(claim.posting_id),
        "correlationid": "thread-1",
    }
    assert data == {
        "posting_id": str(claim.posting_id),
        "original": {
            "source": "tests",
            "event_id": "je-1",
            "event_type": "hybrid-erp.journal_entry.v1",
            "document_type": "journal_entry",
            "number": claim.document.number,
            "version": 1,
        },
        "region": "emea",
        "legal_entity": "DE01",
        "erp": LEGACY,
        "native_id": "77",
        "native_number": "JE-77",
        "legal_number": "2026/77",
        "accounting_date": "2026-03-05",
    }


def test_a_refusal_is_told_with_its_class_and_its_remedy_and_without_the_erps_words(store: Store, feed: PostgresOutcomes) -> None:
    settled(store, DEAD)

    (outcome,) = told(feed)
    data = outcome.event()["data"]

    assert outcome.type is OutcomeType.REFUSED
    assert (data["failure"], data["may_be_there"]) == ("validation", False)
    assert data["remedy"].endswith(".")
    assert "Jane" not in str(outcome.event())


def test_what_may_be_there_all_the_same_is_told_as_such(store: Store, feed: PostgresOutcomes) -> None:
    settled(store, SettledDead(FailureClass.CONFLICT, "otherwise", "77"))

    assert told(feed)[0].facts["may_be_there"] is True


def test_each_refusal_of_one_posting_is_an_outcome_of_its_own(store: Store, feed: PostgresOutcomes) -> None:
    claim = settled(store, DEAD)
    PostgresDeadLetters(store.connect("delivery")).reopen([claim.posting_id], by="lead", reason="again")
    store.settlements().settle(store.claim_one(), DEAD)
    store.wait_until_told()

    first, second = told(feed)

    assert first.outcome_id != second.outcome_id
    assert {first.type, second.type} == {OutcomeType.REFUSED}


def test_what_a_person_gives_up_is_told(store: Store, feed: PostgresOutcomes) -> None:
    claim = settled(store, DEAD)
    PostgresDeadLetters(store.connect("delivery")).cancel([claim.posting_id], by="lead", reason="a test")
    store.wait_until_told()

    assert [(each.type, each.facts.get("why")) for each in told(feed)] == [("refused", None), ("cancelled", "given_up")]


def test_what_an_erp_does_not_hold_is_told(store: Store, feed: PostgresOutcomes) -> None:
    settled(store, SettledNotKept())

    assert [(each.type, each.facts["why"]) for each in told(feed)] == [("cancelled", "not_kept")]


def test_what_is_not_decided_is_not_told(store: Store, feed: PostgresOutcomes) -> None:
    settled(store, SettledRetry(FailureClass.TRANSIENT, "busy", 0, nothing_sent=False))

    assert told(feed) == []


def test_what_becomes_of_a_copy_is_nobodys_business(store: Store, feed: PostgresOutcomes) -> None:
    dual_run(store)
    settled(store, accounting_date="2026-09-05")
    (copy,) = store.claim(CLOUD, role=Role.CANDIDATE)
    store.settlements().settle(copy, DEAD)
    PostgresDeadLetters(store.connect("delivery")).cancel([copy.posting_id], by="lead", reason="a test")
    store.wait_until_told()

    assert [each.type for each in told(feed)] == [OutcomeType.POSTED]


def test_the_original_learns_of_its_correction(store: Store, feed: PostgresOutcomes) -> None:
    customer = a_customer()
    (first,) = store.accept(customer)
    store.settlements().settle(store.claim_one(), POSTED)
    (second,) = store.accept(a_customer(number=customer["data"]["number"], version=2, name="Acme plc"))
    store.settlements().settle(store.claim_one(), POSTED)
    store.wait_until_told()

    outcomes = told(feed)

    assert [(each.type, each.posting_id) for each in outcomes] == [("posted", first), ("posted", second), ("corrected", first)]
    assert outcomes[-1].facts["corrected_by"] == {
        "posting_id": str(second),
        "document_type": "customer",
        "number": customer["data"]["number"],
        "version": 2,
    }


def test_an_entry_learns_of_its_reversal_also_by_another_source(store: Store, feed: PostgresOutcomes) -> None:
    first = settled(store, number="JE-1")
    settled(store, number="JE-2", reverses="JE-1", source="erp-desk")

    assert [(each.type, each.posting_id) for each in told(feed)] == [("posted", first.posting_id), ("corrected", first.posting_id)]
    assert [each.type for each in told(feed, source="erp-desk")] == [OutcomeType.POSTED]


def test_a_change_of_owner_is_told_to_every_source_of_the_region(store: Store, feed: PostgresOutcomes) -> None:
    dual_run(store)
    move = Move(store, Direction.CUTOVER).switched()
    store.wait_until_told()

    for source in ("tests", "never-seen"):
        (event,) = [each.event() for each in told(feed, source=source) if each.type is OutcomeType.OWNER_CHANGED]
        assert event["data"]["region"] == "emea"
        assert (event["data"]["old_owner"], event["data"]["new_owner"]) == (LEGACY, CLOUD)
        assert event["data"]["from_period"] == move.now.from_period
        assert event["data"]["kinds"]
    assert [each for each in told(feed, regions={"amer"}) if each.type is OutcomeType.OWNER_CHANGED] == []


def test_a_foreign_source_gets_nothing(store: Store, feed: PostgresOutcomes) -> None:
    settled(store)

    assert told(feed, source="crm") == []


def test_the_products_own_postings_have_nobody_to_tell(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())
    store.sql("UPDATE posting SET source = 'hybrid-erp/load/1'")
    store.settle_posted(store.claim_one())

    assert store.state(posting_id) == "posted"
    assert store.one("SELECT count(*) FROM outcome") == 0


def test_pages_follow_one_another_without_a_gap_and_without_a_repetition(store: Store, feed: PostgresOutcomes) -> None:
    claims = [settled(store) for _ in range(5)]

    found, more, cursor = list[Told](), True, None
    while more:
        each = page(feed, cursor, limit=2)
        found += each.outcomes
        cursor, more = each.cursor, each.more

    assert [each.posting_id for each in found] == [claim.posting_id for claim in claims]
    assert page(feed, cursor).cursor == cursor
    assert page(feed).outcomes == tuple(found), "the same in the same words, always"


NAIVE = "SELECT posting_id FROM outcome WHERE outcome_no > %s ORDER BY outcome_no"


def test_what_commits_late_with_an_early_number_is_not_skipped(store: Store, feed: PostgresOutcomes) -> None:
    store.accept(a_journal_entry(), a_journal_entry())
    early, late = store.claim()
    slow = store.connect("delivery")
    before = page(feed).cursor

    with slow.transaction():
        PostgresSettlements(slow, "slow").settle(early, POSTED)
        store.settle_posted(late)
        seen = page(feed, before)
        naive_seen = store.sql(NAIVE, 0)
        naive_cursor = store.one("SELECT max(outcome_no) FROM outcome")
    store.wait_until_told()
    then = page(feed, seen.cursor)

    assert seen.outcomes == ()
    assert [each.posting_id for each in then.outcomes] == [early.posting_id, late.posting_id]
    assert [row["posting_id"] for row in naive_seen] == [late.posting_id], "the situation is the one that is meant"
    assert store.sql(NAIVE, naive_cursor) == [], "a cursor by number alone has lost it for ever"


def test_numbers_that_are_drawn_against_the_order_of_transactions_lose_nothing(store: Store, feed: PostgresOutcomes) -> None:
    store.accept(a_journal_entry(), a_journal_entry(), a_journal_entry())
    one, two, three = store.claim()
    first, second = store.connect("delivery"), store.connect("delivery")
    found, cursor = list[Told](), page(feed).cursor

    def read() -> None:
        nonlocal cursor
        each = page(feed, cursor)
        found.extend(each.outcomes)
        cursor = each.cursor

    with first.transaction():
        first.execute("SELECT pg_current_xact_id()")  # the older transaction writes last
        with second.transaction():
            PostgresSettlements(second, "second").settle(two, POSTED)
            read()
        read()
        PostgresSettlements(first, "first").settle(one, POSTED)
        read()
        store.settle_posted(three)
        read()
    store.wait_until_told()
    read()

    assert sorted(each.posting_id for each in found if each.posting_id) == sorted(each.posting_id for each in (one, two, three))


def test_what_is_told_is_on_the_disk(store: Store, feed: PostgresOutcomes) -> None:
    settled(store)
    written = store.one("SELECT pg_current_wal_insert_lsn()::text")

    assert told(feed)

    assert store.one("SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", written)


def test_since_begins_at_an_instant(store: Store, feed: PostgresOutcomes) -> None:
    settled(store)
    between = datetime.now(UTC)
    later = settled(store)

    assert [each.posting_id for each in told(feed, since=between)] == [later.posting_id]
    assert told(feed, since=datetime.now(UTC) + timedelta(hours=1)) == []


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "MQ", "äöü", "MSBhIDEgMiB0ZXN0cw" * 40, "MSBhIDk5OTk5OTk5OTk5OTk5OTk5OTk5OTkgMiB0ZXN0cw"]
)
def test_nonsense_is_refused(feed: PostgresOutcomes, cursor: str) -> None:
    with pytest.raises(CursorRefusedError):
        page(feed, cursor)


def test_a_cursor_of_another_source_is_refused(feed: PostgresOutcomes) -> None:
    with pytest.raises(CursorRefusedError, match="another source"):
        page(feed, page(feed, source="crm").cursor)


def test_a_cursor_of_another_store_is_refused(store: Store, feed: PostgresOutcomes) -> None:
    with fresh_store(store.cluster) as other:
        cursor = page(PostgresOutcomes(other.pool("reader"))).cursor

    with pytest.raises(CursorRefusedError, match="another store"):
        page(feed, cursor)


def test_a_cursor_of_before_a_restore_is_refused(store: Store, feed: PostgresOutcomes) -> None:
    settled(store)
    cursor = page(feed).cursor
    store.sql("CREATE OR REPLACE FUNCTION store_timeline() RETURNS text LANGUAGE sql AS $$ SELECT 'the same system/00000002' $$")

    with pytest.raises(CursorRefusedError, match="restored"):
        page(feed, cursor)


def test_outcomes_cannot_be_altered_or_written_by_hand(store: Store) -> None:
    settled(store)

    for duty in ("delivery", "cutover", "reader", "intake"):
        for statement in (
            b"UPDATE outcome SET source = 'x'",
            b"DELETE FROM outcome",
            b"INSERT INTO outcome OVERRIDING SYSTEM VALUE SELECT * FROM outcome",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                store.connect(duty).execute(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        store.sql("DELETE FROM outcome")
