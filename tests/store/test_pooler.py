"""What a session keeps is not ours to rely on: a pooler gives each transaction another one, and has fewer than there are clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hybrid_erp.adapters.sessions import is_shared
from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.adapters.store.waking import hears
from hybrid_erp.model.errors import SharedSessionError
from sandbox.pgbouncer import SESSIONS, Pooler
from sandbox.postgres import SUPERUSER
from tests.builders import a_journal_entry
from tests.poolers import ManySessions
from tests.stores import LEGACY, Store


@pytest.fixture
def pooled(store: Store, pooler: Pooler) -> Store:
    """The same store, entered through the pooler."""
    store.door = ManySessions(pooler)
    return store


def test_the_next_transaction_runs_in_another_session(pooled: Store) -> None:
    connection = pooled.connect("delivery")

    sessions = [connection.execute("SELECT pg_backend_pid()").fetchone() for _ in range(2 * SESSIONS)]

    assert len(set(sessions)) == SESSIONS


def test_statements_are_prepared_in_a_session_of_ones_own_alone(store: Store, pooler: Pooler) -> None:
    own = store.connect("delivery")
    store.door = ManySessions(pooler)
    shared = store.connect("delivery")
    with store.pool("delivery") as pool, pool.connection() as of_a_pool:
        assert of_a_pool.prepare_threshold is None

    assert (is_shared(own), is_shared(shared)) == (False, True)
    for connection in (own, shared):
        for _ in range(10):
            connection.execute("SELECT count(*) FROM outbox WHERE region = %s", ("emea",))
    assert own.execute("SELECT count(*) > 0 FROM pg_prepared_statements").fetchone() == (True,)
    assert [shared.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() for _ in range(SESSIONS)] == [(0,)] * SESSIONS


def test_a_notification_arrives_in_a_session_of_ones_own_alone(store: Store, pooler: Pooler) -> None:
    own, notifying = store.connect("delivery"), store.connect("intake")
    store.door = ManySessions(pooler)

    assert hears(own, notifying)
    assert not hears(store.connect("delivery"), notifying)
    assert hears(own, store.connect("intake"))


def test_a_migration_through_the_pooler_changes_nothing_and_leaves_no_lock_behind(pooled: Store, pooler: Pooler) -> None:
    with pytest.raises(SharedSessionError, match="A pooler stands before"):
        migrate(pooler.dsn(pooled.database, SUPERUSER))

    assert pooled.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_more_workers_than_sessions_claim_everything_once(pooled: Store) -> None:
    expected = set(pooled.accept(*[a_journal_entry(amount=f"{number + 1}.00") for number in range(120)]))
    workers = [pooled.claims(f"worker-{number}") for number in range(4 * SESSIONS)]
    (queue,) = workers[0].due(LEGACY)

    def claim_all(number: int) -> list[object]:
        claimed: list[object] = []
        while claims := workers[number].claim(LEGACY, queue, limit=5, lease_seconds=60):
            claimed += [claim.posting_id for claim in claims]
        return claimed

    with ThreadPoolExecutor(len(workers)) as pool:
        claimed = [posting_id for each in pool.map(claim_all, range(len(workers))) for posting_id in each]

    assert len(claimed) == len(expected)
    assert set(claimed) == expected
