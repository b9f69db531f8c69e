"""Delivery: what do claims, keys, read back and receipts cost on top of posting?

Baseline: a bare client that posts the same journal entries one after the other, with nothing around it: SQL inserts and a commit for
LedgerSMB, create and post by REST for Tryton, one POST for a stub that answers at once. At most 1.3 on the real ERPs, 2.0 on the stub.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from benchmarks import bare_clients
from benchmarks.report import Figure, Report, interleaved
from benchmarks.store import a_bench_store
from benchmarks.stub import StubConnector, running_stub
from hybrid_erp.adapters.store.claims import PostgresClaims, Queue
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.adapters.store.settlements import PostgresSettlements
from hybrid_erp.flow.claim import Worker
from hybrid_erp.flow.deliver import Delivery
from hybrid_erp.flow.intake import Intake
from hybrid_erp.ports import ErpConnector
from hybrid_erp.settings import load_settings
from hybrid_erp.wiring.connectors import connector
from sandbox.site import Site
from sandbox.store_setup import login_of
from tests.builders import CONFIG, a_journal_entry


def run(site: Site, report: Report) -> None:
    """`delivery_cost_vs_bare_client` for each ERP."""
    settings = load_settings(CONFIG)
    database = a_bench_store(site, "bench_delivery")
    legacy, cloud = ("ledgersmb-emea", "DE01"), ("tryton-apac", "AU01")
    with bare_clients.ledgersmb(site, *legacy) as bare:
        _measure(
            site, report, database, "ledgersmb", *legacy, lambda: connector(settings, *legacy), bare, postings=2000, rounds=8, limit=1.3
        )
    with bare_clients.tryton(site, *cloud) as bare:
        _measure(site, report, database, "tryton", *cloud, lambda: connector(settings, *cloud), bare, postings=200, rounds=8, limit=1.3)
    with running_stub() as url, bare_clients.stub(url) as bare:
        _measure(
            site,
            report,
            database,
            "stub",
            "ledgersmb-emea",
            "UK01",
            lambda: StubConnector(url, "GBP"),
            bare,
            postings=2000,
            rounds=8,
            limit=2.0,
        )


def _measure(
    site: Site,
    report: Report,
    database: str,
    name: str,
    erp: str,
    legal_entity: str,
    connect: Callable[[], ErpConnector],
    bare: Callable[[Sequence[dict[str, Any]]], None],
    *,
    postings: int,
    rounds: int,
    limit: float,
) -> None:
    each = postings // rounds
    with a_worker(site, database, erp, legal_entity, connect) as (intake, worker):

        def ours() -> None:
            progress = worker.run(seconds=600)
            assert progress.settled == {"posted": each}, progress

        def prepared() -> Callable[[], None]:
            intake.accept([a_journal_entry(legal_entity, amount=f"{number + 1}.25") for number in range(each)], accepted_by="bench")
            return ours

        prepared()()  # warm: sessions, statements, caches
        bare([a_journal_entry(legal_entity)["data"] for _ in range(each)])
        batches = [[a_journal_entry(legal_entity, amount=f"{number + 1}.25")["data"] for number in range(each)] for _ in range(rounds)]
        gc.collect()
        gc.freeze()  # the documents that wait here for their turn are neither the worker's nor the bare client's to look through
        seconds, baseline, ratio = interleaved(
            Prepared(prepared, rounds),
            [partial(bare, batch) for batch in batches],
        )
        gc.unfreeze()
    milliseconds = 1000 / each
    figures = (seconds * milliseconds, baseline * milliseconds, ratio)
    report.add(Figure(f"delivery_cost_vs_bare_client.{name}", *figures, "ms", postings, limit=limit, note="per posting, one writer"))


class Prepared(Sequence[Callable[[], None]]):
    """Work that is prepared, outside the measured time, just before its turn."""

    def __init__(self, prepare: Callable[[], Callable[[], None]], count: int) -> None:
        self._prepare, self._count = prepare, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if index >= self._count:
            raise IndexError
        return self._prepare()


@contextmanager
def a_worker(
    site: Site, database: str, erp: str, legal_entity: str, connect: Callable[[], ErpConnector]
) -> Iterator[tuple[Intake, Worker[Queue]]]:
    firm = load_settings(CONFIG).firm
    pool: ConnectionPool[psycopg.Connection[tuple[Any, ...]]] = ConnectionPool(
        site.cluster.dsn(database, login_of("intake")), min_size=1, max_size=1, open=True
    )
    dsn = site.cluster.dsn(database, login_of("delivery"))
    with pool, psycopg.connect(dsn, autocommit=True) as claiming, psycopg.connect(dsn, autocommit=True) as settling:
        writing, reading = connect(), connect()
        delivery = Delivery(firm, writing, PostgresSettlements(settling, "bench"), reader=reading)
        yield Intake(firm, PostgresIntake(pool)), Worker(erp, legal_entity, PostgresClaims(claiming, "bench"), delivery, 120)
        writing.close()
        reading.close()
