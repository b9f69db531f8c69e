"""What the store tells a preflight, on a real PostgreSQL, with the rights of the duty that cuts over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from hybrid_erp.adapters.store.observations import PostgresObservations
from hybrid_erp.adapters.store.preflight_facts import PostgresPreflightFacts
from hybrid_erp.model.books import Entry
from hybrid_erp.model.claim import SettledDead, SettledInDoubt, SettledPosted
from hybrid_erp.model.cutover import Direction, Mode
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.ownership import OWNED_KINDS, Phase
from hybrid_erp.model.preflight import Cell, Issued, IssuedNumber, LetPass, MoveMade, Stuck
from tests.builders import a_journal_entry
from tests.observed import a_booking, a_line, an_entry
from tests.store.cutovers import ENTITIES, KINDS, VERSIONS, Move, dual_run
from tests.stores import CLOUD, LEGACY, Store

POSTED = SettledPosted("77", "JE-77", "2026/77", date(2026, 3, 5))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def in_a_minute() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture
def region(store: Store) -> Store:
    dual_run(store)
    return store


@pytest.fixture
def facts(region: Store) -> PostgresPreflightFacts:
    return PostgresPreflightFacts(region.connect("cutover"))


def booked_on(day: date, native_id: str) -> Entry:
    lines = a_line("1200", "119.00"), a_line("4000", "-119.00", tax_code="DE-STD", dimensions=(("project", "P-1"),))
    return an_entry(native_id, booking=a_booking(*lines, accounting_on=day), document_type=DocumentType.INVOICE)


def booked(store: Store) -> None:
    """One entry, booked by the owner; its copy is due."""
    store.accept(a_journal_entry())
    store.settlements().settle(store.claim_one(), POSTED)


# Where the region is


def test_each_kind_has_its_phase_owner_candidate_and_since_when_it_is_whole(region: Store, facts: PostgresPreflightFacts) -> None:
    found = facts.kinds("emea", "2026-11")

    assert [each.kind for each in found] == list(OWNED_KINDS)
    assert {(each.phase, each.owner, each.candidate, each.open_share, each.cutover_id) for each in found} == {
        (Phase.DUAL_RUN, LEGACY, CLOUD, 10_000, None)
    }
    whole = region.sql("SELECT changed_at FROM ownership_history WHERE after ? 'candidate_share'")
    assert {each.dual_run_since for each in found} == {row["changed_at"] for row in whole}


def test_a_cutover_that_was_given_up_does_not_begin_the_dual_run_anew(region: Store, facts: PostgresPreflightFacts) -> None:
    before = [each.dual_run_since for each in facts.kinds("emea", "2026-11")]
    move = Move(region).frozen()
    assert {each.cutover_id for each in facts.kinds("emea", "2026-11")} == {move.id}
    move.cutovers.begin_release(move.id, reason="given up")
    move.cutovers.finish_release(move.id)

    assert [each.dual_run_since for each in facts.kinds("emea", "2026-11")] == before


def test_after_a_rollback_the_dual_run_begins_anew(region: Store, facts: PostgresPreflightFacts) -> None:
    (before, *_) = [each.dual_run_since for each in facts.kinds("emea", "2026-11")]
    Move(region).opened()
    assert {(each.phase, each.owner) for each in facts.kinds("emea", "2026-11")} == {(Phase.HYPERCARE, CLOUD)}
    Move(region, Direction.ROLLBACK).opened()

    (after, *_) = [each.dual_run_since for each in facts.kinds("emea", "2026-11")]
    assert before is not None
    assert after is not None
    assert after > before


def test_a_kind_without_a_candidate_says_so(store: Store) -> None:
    found = PostgresPreflightFacts(store.connect("cutover")).kinds("emea", "2026-11")

    assert {(each.phase, each.owner, each.candidate, each.dual_run_since) for each in found} == {(Phase.LEGACY_ONLY, LEGACY, None, None)}


def test_cutovers_are_under_way_until_they_have_ended_and_then_say_what_they_came_to(region: Store, facts: PostgresPreflightFacts) -> None:
    rehearsed = Move(region, mode=Mode.REHEARSAL)
    assert [(each.run, each.requested_by) for each in facts.under_way("emea")] == [(rehearsed.now.run, "lena")]
    rehearsed.verified()
    rehearsed.cutovers.begin_release(rehearsed.id, reason="rehearsed")
    for each in rehearsed.cutovers.lock_outs(cutover_id=rehearsed.id):
        rehearsed.cutovers.note_read_back(LEGACY, each.legal_entity, each.generation, as_desired=True, quiet=False, read_back={})
    rehearsed.cutovers.finish_release(rehearsed.id)

    ended_at = rehearsed.now.ended_at
    assert ended_at is not None
    kinds = frozenset(OWNED_KINDS)
    assert facts.under_way("emea") == []
    assert facts.made("emea") == [
        MoveMade(
            Direction.CUTOVER,
            Mode.REHEARSAL,
            kinds,
            "rehearsed",
            ended_at,
            VERSIONS.configuration,
            VERSIONS.mappings,
            VERSIONS.package,
        )
    ]


# Reconciliations


def test_the_latest_reconciliation_that_has_ended_tells_what_it_covers_and_found(region: Store, facts: PostgresPreflightFacts) -> None:
    assert facts.latest("emea") is None
    move = Move(region)
    move.reconciled(passed=False)
    latest = move.reconciled(differences=["rounding", "timing", "timing"])

    found = facts.latest("emea")
    assert found is not None
    assert (found.reconciliation_id, found.passed, found.legal_entities) == (latest, True, frozenset(ENTITIES))
    assert (found.configuration, found.mappings) == (VERSIONS.configuration, VERSIONS.mappings)
    assert found.differences == {"rounding": (2, Decimal(0)), "timing": (4, Decimal(0))}  # of two legal entities


def test_what_remains_is_told_one_by_one_with_its_cells_and_what_a_rule_lets_pass_in_count(
    region: Store, facts: PostgresPreflightFacts
) -> None:
    reconciliation = Move(region).reconciled(differences=["in_flight"])
    kinds = [("tax", "0.00", ""), ("rounding", "0.02", ""), ("timing", "0", "rule"), ("timing", "0", "rule")]
    for number, (name, moved, ignored) in enumerate(kinds):
        region.sql(
            """INSERT INTO reconciliation_difference (reconciliation_id, legal_entity, difference_no, class, aspect, gross, moved,
                   legacy, cloud, number, document_type, why, ignored, arrived)
               VALUES (%s, 'DE01', %s, %s, 'tax', 0, %s, '', '', 'RE-7', 'invoice', 'by line', %s, false)""",
            reconciliation, 10 + number, name, moved, ignored,
        )  # fmt: skip
    region.sql("INSERT INTO reconciliation_amount VALUES (%s, 'DE01', 11, '2026-10', '5300', 'EUR', -0.02)", reconciliation)

    found = facts.latest("emea")

    assert found is not None
    assert [(each.difference_class, each.amount, each.cells) for each in found.remaining] == [
        ("tax", Decimal("0.00"), ()),
        ("rounding", Decimal("0.02"), (Cell("2026-10", "5300", "EUR", Decimal("-0.02")),)),
    ]
    assert found.let_pass == (LetPass("DE01", "timing", "tax", "rule", 2),)


# Deliveries


def test_nothing_is_stuck_while_all_goes_well(region: Store, facts: PostgresPreflightFacts) -> None:
    booked(region)
    region.accept(a_journal_entry())
    region.claim_one()

    assert facts.stuck("emea", KINDS, marked_before=LONG_AGO) == []


def test_dead_letters_of_postings_and_of_copies_are_told_with_their_erp(region: Store, facts: PostgresPreflightFacts) -> None:
    booked(region)
    (copy,) = region.claim(CLOUD, role=Role.CANDIDATE, worker="shadow")
    region.settlements("shadow").settle(copy, SettledDead(FailureClass.VALIDATION, "no such account"))
    region.accept(a_journal_entry())
    region.settlements().settle(region.claim_one(), SettledDead(FailureClass.VALIDATION, "no such account"))

    assert facts.stuck("emea", KINDS, marked_before=LONG_AGO) == [
        Stuck("DE01", "ledger", LEGACY, "control", "dead-lettered", 1),
        Stuck("DE01", "ledger", CLOUD, "candidate", "dead-lettered", 1),
    ]
    assert facts.stuck("emea", ["billing"], marked_before=LONG_AGO) == []
    assert facts.stuck("amer", KINDS, marked_before=LONG_AGO) == []


def test_what_is_in_doubt_is_told_once(region: Store, facts: PostgresPreflightFacts) -> None:
    region.accept(a_journal_entry())
    region.settlements().settle(region.claim_one(), SettledInDoubt("the line went silent", 60))

    assert facts.stuck("emea", KINDS, marked_before=in_a_minute()) == [Stuck("DE01", "ledger", LEGACY, "control", "in doubt", 1)]


def test_a_mark_is_stuck_once_it_is_old(region: Store, facts: PostgresPreflightFacts) -> None:
    region.accept(a_journal_entry())
    region.claim_one(lease_seconds=30)
    old = [Stuck("DE01", "ledger", LEGACY, "control", "may be there and are not settled", 1)]

    assert facts.stuck("emea", KINDS, marked_before=datetime.now(UTC)) == []
    assert facts.stuck("emea", KINDS, marked_before=in_a_minute()) == old

    region.sql("UPDATE delivery SET mark_before = true")  # as of a second attempt
    assert facts.stuck("emea", KINDS, marked_before=LONG_AGO) == old


def test_a_copy_that_was_given_up_is_stuck_until_its_entity_is_pinned(region: Store, facts: PostgresPreflightFacts) -> None:
    booked(region)
    (copy,) = region.claim(CLOUD, role=Role.CANDIDATE, worker="shadow")
    region.settlements("shadow").settle(copy, SettledDead(FailureClass.VALIDATION, "no such account"))
    region.sql("UPDATE outbox SET state = 'cancelled' WHERE role = 'candidate'")
    region.sql("UPDATE delivery SET state = 'cancelled' WHERE role = 'candidate'")

    assert facts.stuck("emea", KINDS, marked_before=LONG_AGO) == [Stuck("DE01", "ledger", CLOUD, "candidate", "given up", 1)]


def test_a_copy_waits_since_its_control_booked_it_and_a_posting_since_it_was_accepted(region: Store, facts: PostgresPreflightFacts) -> None:
    booked(region)
    region.accept(a_journal_entry())
    settled = region.one("SELECT settled_at FROM delivery WHERE role = 'control' AND state = 'posted'")
    accepted = region.one("SELECT max(accepted_at) FROM posting")

    found = {each.role: (each.erp, each.postings, each.oldest_at) for each in facts.backlog("emea", KINDS, CLOUD)}
    assert found == {"candidate": (CLOUD, 1, settled), "control": ("", 1, accepted)}


def test_what_has_arrived_is_no_backlog_but_counts_in_its_hour(region: Store, facts: PostgresPreflightFacts) -> None:
    for _ in range(3):
        booked(region)
    for copy in region.claim(CLOUD, role=Role.CANDIDATE, worker="shadow"):
        region.settlements("shadow").settle(copy, POSTED)
    assert facts.backlog("emea", KINDS, CLOUD) == []
    assert facts.busiest_hour(ENTITIES, CLOUD, since=LONG_AGO) is None  # the present hour is not whole

    region.sql("UPDATE delivery SET settled_at = settled_at - interval '3 hours' WHERE role = 'candidate'")
    found = facts.busiest_hour(ENTITIES, CLOUD, since=LONG_AGO)
    assert found is not None
    assert (found.copies, found.began_at.minute) == (3, 0)
    assert facts.busiest_hour(ENTITIES, CLOUD, since=datetime.now(UTC)) is None
    assert facts.busiest_hour(["US01"], CLOUD, since=LONG_AGO) is None


# Books, pairs, the store itself


def test_the_numbers_that_an_owner_has_issued_since_it_owns_are_known_and_no_others(region: Store, facts: PostgresPreflightFacts) -> None:
    region.accept(a_journal_entry())
    region.settlements().settle(region.claim_one(), SettledPosted("1", "GL-1", "BEFORE-1", date(2026, 3, 5)))
    (copy,) = region.claim(CLOUD, role=Role.CANDIDATE, worker="shadow")
    region.settlements("shadow").settle(copy, replace(POSTED, legal_number="BEFORE-1"))
    assert facts.issued("emea", CLOUD) == Issued(None, None, ())
    Move(region, from_period="2025-02").opened()
    region.accept(a_journal_entry())
    region.settlements().settle(region.claim_one(CLOUD), SettledPosted("2", "M-1", "RE-0001", date(2026, 3, 5)))

    found = facts.issued("emea", CLOUD)

    assert (found.from_period, found.numbers) == ("2025-02", (IssuedNumber("DE01", "RE-0001"),))
    assert facts.issued("emea", LEGACY).numbers == ()


def test_a_half_pair_is_found_from_either_side(region: Store, facts: PostgresPreflightFacts) -> None:
    ours = a_journal_entry(number="IC-1/DE01", intercompany={"pair": "IC-1", "partner": "US01"})
    theirs = a_journal_entry("US01", number="IC-1/US01", intercompany={"pair": "IC-1", "partner": "DE01"})
    posting_id, _ = region.accept(ours, theirs)
    region.settlements().settle(region.claim_one(), POSTED)
    region.sql("UPDATE posting SET accepted_at = accepted_at - interval '2 hours' WHERE posting_id = %s", posting_id)
    everybody = ("DE01", "UK01", "US01", "CA01")

    assert [each.pair_id for each in facts.half_pairs(["DE01"], everybody)] == ["IC-1"]
    assert [(each.legal_entity, each.found) for each in facts.half_pairs(["US01"], everybody)] == [("DE01", "the half of US01 is waiting")]
    assert facts.half_pairs(["CA01"], everybody) == []


def test_the_store_tells_its_timeline_clock_connections_and_standbys(facts: PostgresPreflightFacts, region: Store) -> None:
    found = facts.health()

    assert found.timeline == region.one("SELECT store_timeline()")
    assert (found.standbys, found.synchronous_standbys) == (0, "")
    assert abs(found.clock_ahead_seconds) < 1
    assert 0 < found.connections_used < found.connections_max
    assert found.database_bytes > 1_000_000


def test_the_mirror_tells_each_sort_of_line_once_with_its_last_day(region: Store, facts: PostgresPreflightFacts) -> None:
    observations = PostgresObservations(region.connect("delivery"))
    observations.observe(
        LEGACY,
        "DE01",
        [
            booked_on(date(2026, 3, 5), "gl,1"),
            booked_on(date(2026, 4, 5), "gl,2"),
            booked_on(date(2025, 1, 5), "gl,3"),
            replace(booked_on(date(2026, 4, 6), "gl,4"), posted=False),
        ],
    )
    observations.forget(LEGACY, "DE01", ["gl,2"])

    found = facts.booked_lines(LEGACY, "DE01", since_period="2026-01")
    assert [(each.account, each.tax_code, each.dimensions, each.last_on) for each in found] == [
        ("1200", None, (), date(2026, 3, 5)),
        ("4000", "DE-STD", (("project", "P-1"),), date(2026, 3, 5)),
    ]
    assert facts.booked_lines(CLOUD, "DE01", since_period="2026-01") == []
