"""Claims: who may send what, and when (PROTOCOL C)."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from hybrid_erp.adapters.store.claims import PostgresClaims
from hybrid_erp.model.claim import Claim, SettledAbsent, SettledDead, SettledRetry, boot_clock
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.errors import ClaimLostError
from tests.builders import a_customer, a_journal_entry, a_project, an_invoice
from tests.stores import CLOUD, LEGACY, Store, wait_until

PROJECT = "project:P-1"


def numbers(claims: list[Claim]) -> list[str]:
    return [claim.document.number for claim in claims]


# Whose it is (C3)


def test_the_owner_may_claim_and_no_other_erp(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())

    assert store.claim(CLOUD) == []
    assert [claim.posting_id for claim in store.claim(LEGACY)] == [posting_id]


def test_each_region_goes_to_its_own_owner(store: Store) -> None:
    store.accept(a_journal_entry("DE01"), a_journal_entry("US01"), a_journal_entry("AU01"))

    assert [claim.legal_entity for claim in store.claim("ledgersmb-amer")] == ["US01"]
    assert [claim.legal_entity for claim in store.claim("tryton-apac")] == ["AU01"]
    assert [claim.legal_entity for claim in store.claim(LEGACY)] == ["DE01"]


def test_an_earlier_period_stays_with_the_earlier_owner(store: Store) -> None:
    store.move(CLOUD, from_period="2026-06")
    store.accept(a_journal_entry(number="MAY", accounting_date="2026-05-31"), a_journal_entry(number="JUNE", accounting_date="2026-06-01"))

    assert numbers(store.claim(LEGACY)) == ["MAY"]
    assert numbers(store.claim(CLOUD)) == ["JUNE"]


def test_a_pin_redirects_what_follows_its_entity_with_the_run_off_credential(store: Store) -> None:
    pin(store, CLOUD)
    store.accept(a_journal_entry(number="PINNED", project="P-1"), a_journal_entry(number="FREE"))
    store.known("project", "P-1", erp=CLOUD)

    (pinned,) = store.claim(CLOUD)

    assert (pinned.document.number, pinned.role) == ("PINNED", Role.RUN_OFF)
    assert [(claim.document.number, claim.role) for claim in store.claim(LEGACY)] == [("FREE", Role.CONTROL)]


def pin(store: Store, erp: str) -> None:
    store.ownership().move_pin(region="emea", routing_key=PROJECT, erp=erp, bridge_account="2900", by="tests", reason="long contract")


# In which order (C2, C5)


def test_a_lane_is_claimed_by_its_head_alone(store: Store) -> None:
    store.known("customer", "C-1")
    store.accept(an_invoice("C-1", number="I-1"), an_invoice("C-1", number="I-2"), an_invoice("C-1", number="I-3"))

    for number in ("I-1", "I-2", "I-3"):
        claim = store.claim_one()
        assert claim.document.number == number
        assert store.claim() == []
        store.settle_posted(claim, native_id=number)


def test_other_lanes_do_not_wait(store: Store) -> None:
    store.known("customer", "C-1")
    store.accept(an_invoice("C-1", number="I-1"), an_invoice("C-1", number="I-2"), an_invoice("C-1", number="S-1", series="second"))

    assert numbers(store.claim()) == ["I-1", "S-1"]


def test_what_commutes_is_claimed_together_in_order_of_acceptance(store: Store) -> None:
    store.accept(*(a_journal_entry(number=f"JE-{number}") for number in range(5)))

    assert numbers(store.claim()) == [f"JE-{number}" for number in range(5)]


def test_a_dead_letter_blocks_its_lane_until_a_person_cancels_it(store: Store) -> None:
    store.known("customer", "C-1")
    first, _ = store.accept(an_invoice("C-1", number="I-1"), an_invoice("C-1", number="I-2"))
    store.settlements().settle(store.claim_one(), SettledDead(FailureClass.VALIDATION, "no"))

    assert store.claim() == []

    store.sql("UPDATE outbox SET state = 'cancelled' WHERE posting_id = %s", first)
    store.sql("UPDATE delivery SET state = 'cancelled' WHERE posting_id = %s", first)
    assert numbers(store.claim()) == ["I-2"]


def test_what_it_depends_on_must_be_posted_at_that_same_erp(store: Store) -> None:
    store.accept(a_project("C-1", number="P-1"))
    store.known("customer", "C-1", erp=CLOUD)
    store.known("customer", "C-1", legal_entity="UK01")

    assert store.claim() == []

    store.known("customer", "C-1")
    assert numbers(store.claim()) == ["P-1"]


def test_a_customer_its_project_and_the_invoice_follow_one_another(store: Store) -> None:
    store.accept(an_invoice("C-1", number="I-1", project="P-1"), a_project("C-1", number="P-1"), a_customer("DE01", number="C-1"))

    for number in ("C-1", "P-1", "I-1"):
        claim = store.claim_one()
        assert claim.document.number == number
        store.settle_posted(claim, native_id=number)


def test_one_half_of_a_pair_waits_until_the_other_is_accepted(store: Store) -> None:
    store.accept(a_journal_entry("DE01", number="IC-1/DE01", intercompany={"pair": "IC-1", "partner": "US01"}))
    assert store.claim() == []

    store.accept(a_journal_entry("US01", number="IC-1/US01", intercompany={"pair": "IC-1", "partner": "DE01"}))
    assert numbers(store.claim()) == ["IC-1/DE01"]
    assert numbers(store.claim("ledgersmb-amer")) == ["IC-1/US01"]


def test_a_reference_document_is_delivered_to_each_erp_by_itself(store: Store) -> None:
    store.sql("UPDATE ownership_period SET candidate = %s WHERE owner = %s", CLOUD, LEGACY)
    (posting_id,) = store.accept(a_customer("DE01", "UK01", number="C-1"))

    legacy, cloud = store.claim(LEGACY), store.claim(CLOUD, role=Role.CANDIDATE)

    assert [claim.legal_entity for claim in legacy] == ["DE01", "UK01"]
    assert [claim.legal_entity for claim in cloud] == ["DE01", "UK01"]
    store.settle_posted(legacy[0])
    places = store.sql("SELECT legal_entity, destination FROM outbox WHERE posting_id = %s AND state = 'posted'", posting_id)
    assert places == [{"legal_entity": "DE01", "destination": LEGACY}]


# In which phase (C7)

ALL_PHASES = ["legacy_only", "dual_run", "frozen", "drained", "locked", "verified", "switched", "releasing", "hypercare", "cloud_only"]
OPEN_PHASES = {"legacy_only", "dual_run", "hypercare", "cloud_only"}


@pytest.mark.parametrize("phase", ALL_PHASES)
def test_a_new_claim_is_allowed_in_an_open_phase_alone(store: Store, phase: str) -> None:
    store.accept(a_journal_entry())
    store.set_phase(phase)

    assert len(store.claim()) == (phase in OPEN_PHASES)


@pytest.mark.parametrize("phase", ALL_PHASES)
def test_what_was_begun_is_finished_in_a_freeze_too(store: Store, phase: str) -> None:
    store.accept(a_journal_entry())
    store.expire(store.claim_one())
    store.set_phase(phase)

    claims = store.claim()

    assert len(claims) == (phase in OPEN_PHASES | {"frozen"})
    assert all(claim.maybe_there and not claim.look_up_only for claim in claims)


@pytest.mark.parametrize("phase", ALL_PHASES)
def test_no_phase_touches_a_pinned_entity(store: Store, phase: str) -> None:
    pin(store, LEGACY)
    store.known("project", "P-1")
    store.accept(a_journal_entry(number="PINNED", project="P-1"))
    store.set_phase(phase)

    assert numbers(store.claim()) == ["PINNED"]


@pytest.mark.parametrize("phase", ALL_PHASES)
def test_no_phase_touches_a_period_that_stays_with_the_old_owner(store: Store, phase: str) -> None:
    store.accept(a_journal_entry(number="MAY", accounting_date="2026-05-31"), a_journal_entry(number="JUNE", accounting_date="2026-06-01"))
    store.set_phase(phase, moving_from_period="2026-06")

    assert numbers(store.claim()) == (["MAY", "JUNE"] if phase in OPEN_PHASES else ["MAY"])


@pytest.mark.parametrize("phase", ALL_PHASES)
def test_no_phase_touches_reference_documents(store: Store, phase: str) -> None:
    store.accept(a_customer("DE01", number="C-1"))
    store.set_phase(phase)

    assert numbers(store.claim()) == ["C-1"]


def test_a_freeze_of_one_region_leaves_the_others_alone(store: Store) -> None:
    store.accept(a_journal_entry("DE01"), a_journal_entry("US01"))
    store.set_phase("frozen", region="emea")

    assert store.claim() == []
    assert len(store.claim("ledgersmb-amer")) == 1


# Begun means bound (C4)


def test_a_mark_at_another_erp_is_looked_up_there_and_goes_nowhere_else(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())
    store.expire(store.claim_one(LEGACY))
    store.move(CLOUD)

    assert store.claim(CLOUD) == []
    look_up = store.claim_one(LEGACY)
    assert (look_up.look_up_only, look_up.maybe_there) == (True, True)

    store.settlements().settle(look_up, SettledAbsent())
    assert store.claim(LEGACY) == []
    there = store.claim_one(CLOUD)
    assert (there.posting_id, there.look_up_only, there.maybe_there) == (posting_id, False, False)


def test_what_a_look_up_finds_at_the_former_owner_is_a_copy_there_and_goes_on_to_the_owner(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())
    store.expire(store.claim_one(LEGACY))
    store.move(CLOUD)

    store.settle_posted(store.claim_one(LEGACY))

    assert (store.delivery(posting_id)["state"], store.delivery(posting_id)["role"]) == ("posted", "candidate")
    assert store.state(posting_id) == "waiting"
    assert [claim.posting_id for claim in store.claim(CLOUD)] == [posting_id]


def test_a_posting_that_was_refused_for_good_without_a_mark_goes_to_the_new_owner(store: Store) -> None:
    store.accept(a_journal_entry())
    store.settlements().settle(store.claim_one(LEGACY), SettledRetry(FailureClass.TRANSIENT, "busy", 0, nothing_sent=True))
    store.move(CLOUD)

    assert store.claim(LEGACY) == []
    assert len(store.claim(CLOUD)) == 1


# How long a claim lasts: C6 and C8


def test_a_claim_is_durable_and_written_down_before_anything_is_sent(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())

    claim = store.claim_one(worker="worker-7")

    row = store.delivery(posting_id)
    assert (row["state"], row["claim_token"], row["claimed_by"], row["attempt"]) == ("claimed", claim.token, "worker-7", 1)
    assert (row["maybe_there"], row["mark_before"], row["epoch"]) == (True, False, 1)
    assert store.actions(posting_id) == ["accepted", "claimed"]
    with store.connect("delivery") as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_live_claim_is_nobody_elses(store: Store) -> None:
    store.accept(a_journal_entry())
    store.claim_one(worker="worker-1")

    assert store.claim(worker="worker-2") == []


def test_an_expired_lease_lets_another_worker_look_with_a_new_token(store: Store) -> None:
    store.accept(a_journal_entry())
    first = store.claim_one(worker="worker-1")
    store.expire(first)

    second = store.claim_one(worker="worker-2")

    assert (second.attempt, second.maybe_there, second.posting_id) == (2, True, first.posting_id)
    assert second.token != first.token
    assert second.quiet_seconds is not None
    assert second.quiet_seconds >= 0
    with pytest.raises(ClaimLostError):
        store.settle_posted(first)


def test_a_claim_ends_for_its_worker_before_it_ends_in_the_store(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())
    began = boot_clock()

    claim = store.claim_one(lease_seconds=30)

    assert began < claim.deadline - 30 < boot_clock()
    left = store.one("SELECT extract(epoch FROM lease_until - clock_timestamp())::float FROM delivery WHERE posting_id = %s", posting_id)
    assert left > claim.deadline - boot_clock() - 0.5


def test_what_must_wait_is_not_due_before(store: Store) -> None:
    store.accept(a_journal_entry())
    store.settlements().settle(store.claim_one(), SettledRetry(FailureClass.THROTTLED, "slowly", 3600, nothing_sent=True))

    assert store.claims().due(LEGACY) == []


def test_a_claim_takes_no_more_than_it_was_asked_for(store: Store) -> None:
    store.accept(*(a_journal_entry(number=f"JE-{number}") for number in range(5)))

    assert numbers(store.claim(limit=2)) == ["JE-0", "JE-1"]
    assert numbers(store.claim(limit=2)) == ["JE-2", "JE-3"]


def test_concurrent_workers_claim_each_posting_once(store: Store) -> None:
    postings, workers = 60, 6
    store.accept(*(a_journal_entry() for _ in range(postings)))
    (queue,) = store.claims().due(LEGACY)
    claimers = [store.claims(f"worker-{number}") for number in range(workers)]
    start = threading.Barrier(workers)

    def work(claims: PostgresClaims) -> list[Claim]:
        start.wait()
        taken: list[Claim] = []
        while batch := claims.claim(LEGACY, queue, limit=4, lease_seconds=60):
            taken.extend(batch)
        return taken

    with ThreadPoolExecutor(workers) as pool:
        claimed = [claim for taken in pool.map(work, claimers) for claim in taken]
    claimed += store.claim()  # a row that was skipped because another held it for a moment

    assert Counter(Counter(claim.posting_id for claim in claimed).values()) == {1: postings}


# Under the lock (C1)


def test_a_claim_waits_for_a_change_of_ownership_and_sees_the_new_owner(store: Store) -> None:
    store.accept(a_journal_entry())
    (queue,) = store.claims().due(LEGACY)
    claims = store.claims("waiting-worker")

    def waits() -> bool:
        here = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        return bool(store.one(here))

    with psycopg.connect(store.cluster.dsn(store.database)) as change, ThreadPoolExecutor(1) as pool:
        change.execute("SELECT lock_ownership(ARRAY[%s])", (queue.ownership_id,))
        change.execute("UPDATE ownership_period SET owner = %s WHERE ownership_id = %s", (CLOUD, queue.ownership_id))
        change.execute("UPDATE ownership SET epoch = epoch + 1 WHERE ownership_id = %s", (queue.ownership_id,))
        late = pool.submit(claims.claim, LEGACY, queue, limit=10, lease_seconds=60)
        wait_until(waits)
        change.commit()
        assert late.result() == []

    claim = store.claim_one(CLOUD)
    assert store.delivery(claim.posting_id, CLOUD)["epoch"] == 2


def test_a_change_of_ownership_waits_for_the_claims_under_way(store: Store) -> None:
    store.accept(a_journal_entry())
    (queue,) = store.claims().due(LEGACY)

    with psycopg.connect(store.cluster.dsn(store.database)) as claiming, psycopg.connect(store.cluster.dsn(store.database)) as change:
        claiming.execute("SELECT pg_advisory_xact_lock_shared(1, %s)", (queue.ownership_id,))
        change.execute("SET LOCAL lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            change.execute("SELECT lock_ownership(ARRAY[%s])", (queue.ownership_id,))


def test_claims_of_two_regions_never_wait_for_each_other(store: Store) -> None:
    store.accept(a_journal_entry("DE01"), a_journal_entry("US01"))
    (queue,) = store.claims().due(LEGACY)

    with psycopg.connect(store.cluster.dsn(store.database)) as change:
        change.execute("SELECT lock_ownership(ARRAY[%s])", (queue.ownership_id,))
        assert len(store.claim("ledgersmb-amer")) == 1
