"""Nothing is lost and nothing is booked twice, whoever dies when: on the real ERPs, asked behind everybody's back."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from tests.builders import a_journal_entry
from tests.faults.conftest import Harness
from tests.faults.erps import keys_in

COMPANIES = [("ledgersmb-emea", "DE01", 600, 30), ("tryton-apac", "AU01", 120, 22)]


@pytest.mark.timeout(600)
def test_fifty_killed_workers_lose_nothing_and_post_nothing_twice(harness: Harness) -> None:
    for erp, legal_entity, postings, kills in COMPANIES:
        events = [a_journal_entry(legal_entity, amount=f"{10 + number}.01") for number in range(postings)]
        expected = harness.accept(events)
        before = harness.kills
        while harness.kills < before + kills:
            harness.work(erp, legal_entity, seconds=60, kill_after=harness.rng.uniform(0.02, 0.6))
            if not {"waiting", "claimed", "in_doubt"} & set(harness.states()):
                expected += harness.accept([a_journal_entry(legal_entity) for _ in range(postings // 4)])
        harness.drain(erp, legal_entity, timeout=240)

        held = Counter(keys_in(harness.site, erp, legal_entity))
        assert {key: count for key, count in held.items() if count > 1} == {}
        assert set(expected) <= set(held)
        assert set(harness.states()) == {"posted"}
    assert harness.kills >= 50


@pytest.mark.timeout(300)
def test_a_restart_of_postgresql_in_mid_delivery_loses_nothing_and_posts_nothing_twice(harness: Harness) -> None:
    erp, legal_entity = "ledgersmb-emea", "DE01"
    expected = harness.accept([a_journal_entry(legal_entity) for _ in range(1500)])
    cluster = harness.site.cluster

    for mode in ("fast", "immediate"):
        worker = threading.Thread(target=harness.work, args=(erp, legal_entity), kwargs={"seconds": 30})
        worker.start()
        _wait_until(lambda: harness.states().get("posted", 0) > 0)
        cluster.stop(mode)
        cluster.start()
        worker.join(60)
        assert not worker.is_alive()
    harness.drain(erp, legal_entity, timeout=120)

    held = Counter(keys_in(harness.site, erp, legal_entity))
    assert {key: count for key, count in held.items() if count > 1} == {}
    assert set(expected) <= set(held)


def _wait_until(condition) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
