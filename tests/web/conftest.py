"""The canonical API with a login by switch, before a store of its own."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from hybrid_erp.adapters.store.board import PostgresBoard
from hybrid_erp.adapters.store.callers import PostgresCallers
from hybrid_erp.adapters.store.documents import PostgresDocuments
from hybrid_erp.adapters.store.outcomes import PostgresOutcomes
from hybrid_erp.adapters.store.reads import PostgresReader
from hybrid_erp.adapters.store.reconciliations_reading import PostgresReconciliationReading
from hybrid_erp.adapters.store.waking import Waker
from hybrid_erp.operations.read_through import ReadThrough
from hybrid_erp.web.api import Facade, build_api
from tests.fakes import FakeErp, FakeLogin
from tests.stores import CLOUD, LEGACY, SETTINGS, Store
from tests.web.client import Client


@pytest.fixture
def login() -> FakeLogin:
    return FakeLogin()


def a_link(erp: str, legal_entity: str, native_id: str) -> str | None:
    return f"https://{erp}.example/{legal_entity}/{native_id}"


@pytest.fixture
def erps() -> dict[str, FakeErp]:
    return {LEGACY: FakeErp(), CLOUD: FakeErp()}


@pytest.fixture
def facade(store: Store, erps: dict[str, FakeErp]) -> Facade:
    pool = store.pool("reader")
    problems = [{"file": "config/regions/mars.yaml", "field": "region", "reason": "unknown", "remedy": "correct it"}]
    results, board = PostgresReconciliationReading(pool), PostgresBoard(pool)
    note_refused = PostgresCallers(store.pool("intake")).refused
    names = {"1000": "Cash at bank"}
    regions = SETTINGS.region_of
    through = ReadThrough(PostgresDocuments(pool), lambda erp, legal_entity: erps[erp], tuple(regions), limit_seconds=0.3)
    reads = (PostgresReader(pool), Waker(pool), results, board, PostgresOutcomes(pool))
    return Facade(store.intake(), *reads, note_refused, problems, a_link, names, regions, through)


@pytest.fixture
def api(facade: Facade, login: FakeLogin) -> FastAPI:
    return build_api(lambda: facade, login)


@pytest.fixture
def client(api: FastAPI) -> Client:
    return Client(api)
