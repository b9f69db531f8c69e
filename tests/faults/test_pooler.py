"""Two workers deliver through a PgBouncer in transaction mode that dies and comes back: nothing is lost and nothing is booked twice."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import LiteralString

import psycopg
import pytest

from sandbox.pgbouncer import Pooler
from sandbox.ports import is_open
from sandbox.store_setup import DATABASE
from sandbox.supervisor import PIDS_FILE
from tests.builders import a_journal_entry
from tests.faults.conftest import LEASE_SECONDS, Harness
from tests.faults.erps import keys_in
from tests.poolers import running_pooler
from tests.stores import wait_until

ERP, LEGAL_ENTITY = "ledgersmb-emea", "DE01"
POSTINGS = 800
POSTED: LiteralString = "SELECT count(*) FROM outbox WHERE state = 'posted' AND posting_id = ANY(%s::uuid[])"
CLAIMED_BY: LiteralString = "SELECT count(DISTINCT actor) FROM audit WHERE action = 'claimed' AND posting_id = ANY(%s::uuid[])"


@pytest.fixture
def pooler(harness: Harness) -> Iterator[Pooler]:
    """Before the store of the site; the ERPs are reached directly."""
    with running_pooler(harness.site.cluster, "faulty-pooler") as running:
        yield running


def kill(pooler: Pooler) -> None:
    """Without warning. Whoever looks after it starts it again."""
    pid = json.loads((pooler.folder / PIDS_FILE).read_text())["pgbouncer"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bool(json.loads((pooler.folder / PIDS_FILE).read_text())["pgbouncer"] != pid and is_open(pooler.port)))


@pytest.mark.timeout(300)
def test_a_pooler_that_is_killed_in_mid_delivery_loses_nothing_and_posts_nothing_twice(harness: Harness, pooler: Pooler) -> None:
    expected = harness.accept([a_journal_entry(LEGAL_ENTITY) for _ in range(POSTINGS)])
    with ExitStack() as stack:
        workers = [replace(harness, process=None, store_port=pooler.port) for _ in range(2)]
        for worker in workers:
            stack.callback(worker.stop)
            worker.work(ERP, LEGAL_ENTITY, seconds=0)  # it has begun, so that both are at work when it matters
        for kills in (1, 2):
            at_work = [threading.Thread(target=worker.work, args=(ERP, LEGAL_ENTITY), kwargs={"seconds": 60}) for worker in workers]
            for each in at_work:
                each.start()
            wait_until(partial(are_at_work, harness, expected, kills * len(workers), posted(harness, expected)), seconds=60)
            kill(pooler)
            for each in at_work:
                each.join(60)
                assert not each.is_alive()
            assert posted(harness, expected) < POSTINGS, "it was killed when all was over"
        workers[0].drain(ERP, LEGAL_ENTITY, timeout=60 + 2 * LEASE_SECONDS)

    held = Counter(keys_in(harness.site, ERP, LEGAL_ENTITY))
    assert {key: count for key, count in held.items() if count > 1} == {}
    assert set(expected) <= set(held)
    assert set(harness.states()) == {"posted"}


def are_at_work(harness: Harness, keys: list[str], workers: int, before: int) -> bool:
    """Whether so many workers have claimed of these by now, and more are posted than before."""
    return count(harness, CLAIMED_BY, keys) >= workers and posted(harness, keys) > before


def posted(harness: Harness, keys: list[str]) -> int:
    """How many of these are posted."""
    return count(harness, POSTED, keys)


def count(harness: Harness, statement: LiteralString, keys: list[str]) -> int:
    with psycopg.connect(harness.site.cluster.dsn(DATABASE)) as connection:
        (found,) = connection.execute(statement, (keys,)).fetchone() or (0,)
    return int(str(found))
