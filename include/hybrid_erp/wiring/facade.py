"""The canonical API inside Airflow: the application that the plugin mounts."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from fastapi import FastAPI
from psycopg import Connection
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.board import PostgresBoard
from hybrid_erp.adapters.store.documents import PostgresDocuments
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.adapters.store.outcomes import PostgresOutcomes
from hybrid_erp.adapters.store.reads import PostgresReader
from hybrid_erp.adapters.store.reconciliations_reading import PostgresReconciliationReading
from hybrid_erp.adapters.store.waking import Waker
from hybrid_erp.flow.intake import Intake
from hybrid_erp.operations.read_through import ReadThrough
from hybrid_erp.web.api import Facade, build_api
from hybrid_erp.web.login import AirflowLogin
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connections import STORE, conninfo
from hybrid_erp.wiring.connectors import reading_connector


def store_pool(duty: str, *, size: int) -> ConnectionPool[Connection[tuple[Any, ...]]]:
    """A bounded pool of store connections in the role of a duty."""
    # A connection that waited for long is checked before use: PostgreSQL may have been restarted meanwhile.
    check = ConnectionPool.check_connection
    pool = ConnectionPool(kwargs=conninfo(STORE[duty]), min_size=1, max_size=size, timeout=5, open=False, check=check)
    pool.open()
    return pool


@cache
def open_facade() -> Facade:
    """The facade of this process, opened when the first request comes."""
    configured = settings()
    intake_pool, reader_pool = store_pool("intake", size=6), store_pool("reader", size=4)
    problems = [{"file": each.file, "field": each.field, "reason": each.reason, "remedy": each.remedy} for each in configured.problems]
    intake = Intake(configured.firm, PostgresIntake(intake_pool))
    return Facade(
        intake,
        PostgresReader(reader_pool),
        Waker(reader_pool),
        PostgresReconciliationReading(reader_pool),
        PostgresBoard(reader_pool),
        PostgresOutcomes(reader_pool),
        problems,
        lambda erp, legal_entity, native_id: configured.erps[erp].link(legal_entity, native_id) if erp in configured.erps else None,
        {number: account.name for number, account in configured.chart.accounts.items()},
        configured.region_of,
        ReadThrough(PostgresDocuments(reader_pool), partial(reading_connector, configured), tuple(configured.region_of)),
    )


def airflow_api() -> FastAPI:
    """The application behind Airflow's login."""
    return build_api(open_facade, AirflowLogin())
