"""Flips of a hot (region, kind): for how long does one keep claims from beginning, and is anything ever claimed under a stale epoch?

The lock queue is fair, so a flip waits for the claims that have begun, at most one transaction long, and those that come wait for it: p99
stays within five transactions of 20 ms. With a lock on the row, the baseline, readers go on sharing it past whoever wants it alone, and
a flip waits for as long as they overlap.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Final, LiteralString

import psycopg
from psycopg import Connection, errors

from benchmarks.report import Figure, Report
from benchmarks.store import a_bench_store
from hybrid_erp.adapters.store.claims import LOCK as CLAIM_LOCK
from sandbox.site import Site

CLAIMERS, FLIPS, BASELINE_FLIPS = 16, 1_000, 12
TRANSACTION_SECONDS, PAUSE_SECONDS = 0.020, 0.005
#: A flip that has not begun by then is given up, as the product does.
TIMEOUT: Final = "SET LOCAL lock_timeout = '4s'"
GIVEN_UP_MS: Final = 4_000.0

ROW: Final = "SELECT ownership_id FROM ownership WHERE region = 'emea' AND kind = 'ledger'"
READ: Final = "SELECT epoch FROM ownership WHERE ownership_id = %s"
READ_SHARED: Final = "SELECT epoch FROM ownership WHERE ownership_id = %s FOR SHARE"
FLIP_LOCK: Final = "SELECT lock_ownership(ARRAY[%s::integer])"
FLIP_ROW: Final = "SELECT 1 FROM ownership WHERE ownership_id = %s FOR UPDATE"
FLIP: Final = "UPDATE ownership SET epoch = epoch + 1 WHERE ownership_id = %s"


@dataclass
class Seen:
    """What one way of locking came to."""

    pauses: list[float] = field(default_factory=list)
    """Milliseconds from asking for the lock to the commit, one for each flip."""
    given_up: int = 0
    claims: int = 0
    stale: int = 0

    def percentile(self, part: float) -> float:
        """Of the pauses."""
        ordered = sorted(self.pauses)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def run(site: Site, report: Report) -> None:
    """`flip_write_pause_p99_ms`, `flip_write_pause_max_ms`, `flip_stale_claims`."""
    dsn = site.cluster.dsn(a_bench_store(site, "bench_flips"))
    ours = _measure(dsn, FLIPS, CLAIM_LOCK, READ, FLIP_LOCK)
    rows = _measure(dsn, BASELINE_FLIPS, None, READ_SHARED, FLIP_ROW)
    note = (
        f"baseline: a lock on the row, {BASELINE_FLIPS} flips, {rows.given_up} of them given up after 4 s; {ours.claims:,} claims meanwhile"
    )
    for name, value, baseline, limit in (
        ("flip_write_pause_p99_ms", ours.percentile(0.99), rows.percentile(0.99), 100.0),
        ("flip_write_pause_max_ms", max(ours.pauses), max(rows.pauses), 1_000.0),
    ):
        report.add(Figure(name, value, None, None, "ms", FLIPS, limit=limit, note=f"{note}; its figure {baseline:,.0f} ms"))
    report.add(
        Figure("flip_stale_claims", ours.stale + ours.given_up, None, None, "claims", ours.claims, limit=0, note="and flips given up")
    )


def _measure(dsn: str, flips: int, first: LiteralString | None, read: LiteralString, lock: LiteralString) -> Seen:
    seen, ended = Seen(), threading.Event()
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(ROW).fetchone()
        assert row is not None
        ownership_id = int(row[0])
        counting = threading.Lock()

        def claim() -> None:
            with psycopg.connect(dsn, autocommit=True) as claiming:
                while not ended.is_set():
                    stale = _claim(claiming, first, read, ownership_id)
                    with counting:
                        seen.claims += 1
                        seen.stale += stale

        threads = [threading.Thread(target=claim) for _ in range(CLAIMERS)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(flips):
                _flip(connection, lock, ownership_id, seen)
                time.sleep(PAUSE_SECONDS)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    return seen


def _claim(connection: Connection, first: LiteralString | None, read: LiteralString, ownership_id: int) -> bool:
    """One claim of 20 ms; whether the epoch that it was made under was another when it committed."""
    with connection.transaction():
        if first is not None:
            connection.execute(first, (ownership_id,))
        before = connection.execute(read, (ownership_id,)).fetchone()
        time.sleep(TRANSACTION_SECONDS)
        after = connection.execute(read, (ownership_id,)).fetchone()
    return before != after


def _flip(connection: Connection, lock: LiteralString, ownership_id: int, seen: Seen) -> None:
    began_at = time.perf_counter()
    try:
        with connection.transaction():
            connection.execute(TIMEOUT)
            connection.execute(lock, (ownership_id,))
            connection.execute(FLIP, (ownership_id,))
    except errors.LockNotAvailable:
        seen.given_up += 1
        seen.pauses.append(GIVEN_UP_MS)
        return
    seen.pauses.append(1_000 * (time.perf_counter() - began_at))
