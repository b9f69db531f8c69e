"""After a restore nothing is believed: a store that has forgotten what it sent claims nothing, and then asks before it sends."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from hybrid_erp.adapters.store.trust import PostgresTrust
from hybrid_erp.flow.claim import Worker
from hybrid_erp.flow.deliver import Delivery
from hybrid_erp.model.claim import SettledNotKept
from hybrid_erp.model.delivery import NativeDocument, Outcome, Posted, Submission
from hybrid_erp.model.errors import OwnershipConflictError, StoreNotBelievedError
from hybrid_erp.ports import KeepDraft
from sandbox.postgres import Cluster
from tests.builders import a_journal_entry
from tests.fakes import FakeErp
from tests.stores import LEGACY, SETTINGS, TEMPLATE, Store, fresh_database, running_cluster, store_of, wait_until

SAID = {"by": "petra", "reason": "restored from the backup of ten o'clock"}


@dataclass
class CarelessErp(FakeErp):
    """It books whatever it is sent, also a second time: what keeps us from posting twice is that we ask first."""

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        native_id = str(len(self.documents) + 1)
        self.submissions.append(submission)
        self.documents.append(
            NativeDocument(
                submission.posting_id, submission.content_hash, native_id, f"N{native_id}", True, f"L{native_id}", submission.booking
            )
        )
        return Posted(native_id)

    def holds(self) -> Counter[UUID]:
        return Counter(document.posting_id for document in self.documents)


def trust(store: Store) -> PostgresTrust:
    return PostgresTrust(store.connect("cutover"))


def deliver(store: Store, erp: FakeErp) -> None:
    """One run of a worker of DE01 at the legacy ERP."""
    Worker(LEGACY, "DE01", store.claims(), Delivery(SETTINGS.firm, erp, store.settlements()), 60).run(seconds=30)


def resume(store: Store) -> int:
    return trust(store).resume(**SAID, facts={})


# What is noticed


def test_a_copy_of_a_store_claims_nothing(store_cluster: Cluster) -> None:
    """A copy for tests must not post what production posts."""
    store_cluster.create_database("copied", template=TEMPLATE)
    with store_of(store_cluster, "copied") as copied:
        (posting_id,) = copied.accept(a_journal_entry())

        with pytest.raises(StoreNotBelievedError, match=r"Nothing was claimed: this store is .*last believed"):
            copied.claim()

        assert copied.state(posting_id) == "waiting"
        assert not trust(copied).state().is_believed


@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")
def test_a_dump_that_is_read_back_claims_nothing(store_cluster: Cluster, tmp_path: Path) -> None:
    with fresh_database(store_cluster) as database:
        with store_of(store_cluster, database) as store:
            store.accept(a_journal_entry())
        dsn = store_cluster.dsn(database)
        dump = subprocess.run([store_cluster.program("pg_dump"), "--schema=public", dsn], check=True, capture_output=True, text=True).stdout
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute("DROP SCHEMA public CASCADE")
        (tmp_path / "dump.sql").write_text(dump)
        subprocess.run(
            [store_cluster.program("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "dump.sql", dsn],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")

        with store_of(store_cluster, database) as store, pytest.raises(StoreNotBelievedError):
            store.claim()


@pytest.fixture
def cluster_of_its_own() -> Iterator[Cluster]:
    with running_cluster("restored") as cluster:
        yield cluster


def test_after_a_recovery_to_a_backup_nothing_is_posted_twice_and_what_was_lost_is_asked_for(cluster_of_its_own: Cluster) -> None:
    cluster, erp = cluster_of_its_own, CarelessErp()
    before, forgotten = [a_journal_entry() for _ in range(3)], [a_journal_entry() for _ in range(2)]
    with fresh_database(cluster) as database:
        with store_of(cluster, database) as store:
            store.accept(*before)
        backup = cluster.data.with_name("backup")
        cluster.stop()
        _copy(cluster.data, backup)
        cluster.start()
        with store_of(cluster, database) as store:
            store.accept(*forgotten)
            deliver(store, erp)
        assert len(erp.holds()) == 5

        _recover(cluster, backup)

        with store_of(cluster, database) as restored:
            with pytest.raises(StoreNotBelievedError):
                deliver(restored, erp)
            (last,) = trust(restored).last_of_sources()
            assert last.event_id == before[-1]["id"], "the source is to send again what came after this"
            resume(restored)
            deliver(restored, erp)
            restored.accept(*forgotten, a_journal_entry())
            deliver(restored, erp)

            assert set(erp.holds().values()) == {1}
            assert len(erp.holds()) == 6
            assert restored.one("SELECT count(*) FROM outbox WHERE state = 'posted'") == 6


def _recover(cluster: Cluster, backup: Path) -> None:
    """Put a backup back as PostgreSQL's documentation says: a recovery, which begins a new line of history."""
    cluster.stop("immediate")
    shutil.rmtree(cluster.data)
    _copy(backup, cluster.data)
    (cluster.data / "recovery.signal").touch()
    with (cluster.data / "postgresql.auto.conf").open("a") as settings:
        settings.write("restore_command = '/bin/false'\n")
    cluster.start()
    with cluster.admin() as admin:  # it answers readers while it still recovers
        wait_until(lambda: admin.execute("SELECT pg_is_in_recovery()").fetchone() == (False,))


def _copy(data: Path, to: Path) -> None:
    """With owners and rights: PostgreSQL runs as a user of its own."""
    subprocess.run(["cp", "-a", data, to], check=True)


# What a person does


def test_a_claim_that_waited_for_the_lock_of_a_suspension_claims_nothing(store: Store) -> None:
    """It began when the store was still believed; what counts is what is committed once it has the lock."""
    store.accept(a_journal_entry())
    suspending, ends = store.connect("cutover"), ThreadPoolExecutor(1)
    with ends as pool, suspending.transaction():
        suspending.execute("SELECT suspend_store('petra', 'a snapshot of the disk was put back')")
        waiting = pool.submit(store.claim)
        wait_until(lambda: store.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0)

    with pytest.raises(StoreNotBelievedError):
        waiting.result()


def test_what_was_open_at_the_restore_is_asked_for_before_it_is_sent(store: Store) -> None:
    never_claimed, refused = store.accept(a_journal_entry(), a_journal_entry())
    erp = CarelessErp(down=True)
    trust(store).suspend(**SAID)

    assert resume(store) == 0

    assert {claim.posting_id: claim.maybe_there for claim in store.claim()} == {never_claimed: True, refused: True}
    assert erp.submissions == []


def test_deliveries_that_were_under_way_are_marked(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry())
    claim = store.claim_one()
    store.settlements().give_back(claim)
    assert not store.delivery(posting_id)["maybe_there"]
    trust(store).suspend(**SAID)

    assert resume(store) == 1

    assert store.delivery(posting_id)["maybe_there"]


def test_after_the_recovery_is_closed_only_what_came_before_is_asked_for(store: Store) -> None:
    trust(store).suspend(**SAID)
    resume(store)
    (during,) = store.accept(a_journal_entry())

    trust(store).close_recovery(**SAID)
    (later,) = store.accept(a_journal_entry())

    assert {claim.posting_id: claim.maybe_there for claim in store.claim()} == {during: True, later: False}


def test_what_an_erp_does_not_hold_leaves_no_mark_that_would_stop_a_move(store: Store) -> None:
    trust(store).suspend(**SAID)
    resume(store)
    (posting_id,) = store.accept(a_journal_entry())
    claim = store.claim_one()

    store.settlements().settle(claim, SettledNotKept())

    assert claim.maybe_there
    assert not store.delivery(posting_id)["maybe_there"]


def test_a_region_does_not_move_while_the_store_is_not_believed_or_being_recovered(store: Store) -> None:
    trust(store).suspend(**SAID)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="last believed"):
        store.set_phase("frozen")
    resume(store)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="being recovered"):
        store.set_phase("frozen")

    trust(store).close_recovery(**SAID)

    store.set_phase("frozen")


def test_every_act_is_in_the_history_and_in_the_audit_trail_of_every_region(store: Store) -> None:
    trust(store).suspend(**SAID)
    resume(store)
    trust(store).close_recovery(**SAID)

    wanted = ["suspended", "resumed", "recovered"]
    assert [row["action"] for row in store.sql("SELECT action FROM store_trust_history ORDER BY history_id")] == wanted
    rows = store.sql("SELECT region, actor, action FROM audit WHERE action LIKE 'store_%%' ORDER BY audit_id")
    assert {row["actor"] for row in rows} == {"petra"}
    for region in SETTINGS.regions:
        assert [row["action"] for row in rows if row["region"] == region] == [f"store_{each}" for each in wanted]


@pytest.mark.parametrize("act", ["resume", "close_recovery"])
def test_what_is_believed_is_neither_resumed_nor_recovered(store: Store, act: str) -> None:
    acts: dict[str, Any] = {"resume": lambda: resume(store), "close_recovery": lambda: trust(store).close_recovery(**SAID)}
    with pytest.raises(OwnershipConflictError):
        acts[act]()


def test_a_worker_can_neither_suspend_nor_resume(store: Store) -> None:
    for duty in ("delivery", "intake", "reader"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            PostgresTrust(store.connect(duty)).resume(**SAID, facts={})
