"""Intake: what does it cost to check, key and audit events before they are stored?

At least half as fast as a bare INSERT of the same rows into two tables: checking an event takes about as long as writing it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from benchmarks.report import Figure, Report, interleaved
from benchmarks.store import a_bench_store
from hybrid_erp.adapters.store.intake import PostgresIntake, outbox_rows, posting_row
from hybrid_erp.flow.intake import Intake
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
BARE_POSTING = f"INSERT INTO bare_posting VALUES ({', '.join(['%s'] * 15)})"
BARE_OUTBOX = """
    INSERT INTO bare_outbox (posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, period, routing_key,
                             lane)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


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
        batches = [[a_journal_entry() for _ in range(BATCH)] for _ in range(BATCHES + 1)]
        intake.accept(batches.pop(), accepted_by="bench")  # warm
        rows = [[_bare_rows(intake, a_journal_entry()) for _ in range(BATCH)] for _ in range(BATCHES)]
        seconds, baseline, ratio = interleaved(
            [partial(intake.accept, batch, accepted_by="bench") for batch in batches],
            [partial(_bare, bare, batch) for batch in rows],
        )
    figures = (BATCH / seconds, BATCH / baseline, 1 / ratio)
    note = f"events in batches of {BATCH}; baseline: the same rows by INSERT into two tables"
    report.add(Figure("intake_batched_per_s", *figures, "1/s", BATCH * BATCHES, limit=0.5, higher_is_better=True, note=note))


def _bare_rows(intake: Intake, event: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    posting, now = intake.posting_of(event), datetime.now(UTC)
    (outbox,) = outbox_rows(posting, 1, now.date(), {})
    return posting_row(posting, 1, now, "bench"), outbox


def _bare(connection: psycopg.Connection[tuple[Any, ...]], rows: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(BARE_POSTING, [posting for posting, _ in rows])
        cursor.executemany(BARE_OUTBOX, [outbox for _, outbox in rows])
    connection.commit()
