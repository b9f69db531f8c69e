"""Intake: what does it cost to check, key and audit events before they are stored?

At least half as fast as a bare INSERT of the same rows into two tables: checking an event takes about as long as writing it.
"""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from benchmarks.report import Figure, Report, interleaved
from benchmarks.store import a_bench_store
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.flow.intake import Intake
from hybrid_erp.model.posting import canonical_json
from hybrid_erp.settings import load_settings
from sandbox.site import Site
from sandbox.store_setup import login_of
from tests.builders import CONFIG, a_journal_entry

BATCH, BATCHES = 500, 16

# The same columns as ours, with a primary key and nothing else: no other index, no partition.
BARE_TABLES = """
    CREATE TABLE bare_posting (LIKE posting);
    ALTER TABLE bare_posting ADD PRIMARY KEY (posting_id);
    CREATE TABLE bare_outbox (LIKE outbox INCLUDING DEFAULTS);
    ALTER TABLE bare_outbox ADD PRIMARY KEY (posting_id, legal_entity);
"""
POSTING = """accepted_on, posting_id, seq, source, event_id, event_type, document_type, identified_in, number, version, correlation_id,
             traceparent, accepted_at, accepted_by, data"""
OUTBOX = "posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, period, routing_key, lane"
BARE_POSTING = f"INSERT INTO bare_posting ({POSTING}) VALUES ({', '.join(['%s'] * 15)})"
BARE_OUTBOX = f"INSERT INTO bare_outbox ({OUTBOX}) VALUES ({', '.join(['%s'] * 11)})"
STORED_POSTINGS = f"SELECT {POSTING} FROM posting ORDER BY seq"
STORED_OUTBOX = f"SELECT {OUTBOX} FROM outbox ORDER BY seq"

Rows = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


def run(site: Site, report: Report) -> None:
    """`intake_batched_per_s`."""
    database = a_bench_store(site, "bench_intake")
    intake_pool: ConnectionPool[psycopg.Connection[tuple[Any, ...]]] = ConnectionPool(
        site.cluster.dsn(database, login_of("intake")), min_size=1, max_size=1, open=True
    )
    intake = Intake(load_settings(CONFIG).firm, PostgresIntake(intake_pool))
    with intake_pool, psycopg.connect(site.cluster.dsn(database)) as bare:
        bare.execute(BARE_TABLES)
        bare.commit()
        for _ in range(BATCHES + 1):
            intake.accept(_a_batch(), accepted_by="bench")
        warm, *rows = _stored(bare)
        _bare(bare, warm)
        batches = [_a_batch() for _ in range(BATCHES)]
        gc.collect()
        gc.freeze()  # the events and rows that wait here for their turn are not the library's to look through
        seconds, baseline, ratio = interleaved(
            [partial(intake.accept, batch, accepted_by="bench") for batch in batches],
            [partial(_bare, bare, batch) for batch in rows],
        )
        gc.unfreeze()
        (stored,) = bare.execute("SELECT count(*) FROM posting").fetchone() or (0,)
    assert stored == (2 * BATCHES + 1) * BATCH, f"{stored} events were stored: not all were accepted, so the figure means nothing"
    figures = (BATCH / seconds, BATCH / baseline, 1 / ratio)
    note = f"events in batches of {BATCH}; baseline: the same rows by INSERT into two tables"
    report.add(Figure("intake_batched_per_s", *figures, "1/s", BATCH * BATCHES, limit=0.5, higher_is_better=True, note=note))


def _a_batch() -> list[dict[str, Any]]:
    return [a_journal_entry() for _ in range(BATCH)]


def _stored(connection: psycopg.Connection[tuple[Any, ...]]) -> list[Rows]:
    """What intake wrote, batch by batch: the rows that the baseline writes once more, bare."""
    postings = [(*row, canonical_json(data)) for *row, data in connection.execute(STORED_POSTINGS)]
    outbox = connection.execute(STORED_OUTBOX).fetchall()
    return [(postings[place : place + BATCH], outbox[place : place + BATCH]) for place in range(0, len(postings), BATCH)]


def _bare(connection: psycopg.Connection[tuple[Any, ...]], rows: Rows) -> None:
    postings, outbox = rows
    with connection.cursor() as cursor:
        cursor.executemany(BARE_POSTING, postings)
        cursor.executemany(BARE_OUTBOX, outbox)
    connection.commit()
