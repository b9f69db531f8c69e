"""Dual run: what does a candidate that is dead, or that hangs, cost the control?

Nothing that can be told from noise: the control's throughput is at least 0.98 of what it is without a candidate. The control writes the
copy that is due in the statement that settles; the candidate's own worker, beside it, tries in vain.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import psycopg

from benchmarks.bench_delivery import Prepared, a_worker
from benchmarks.report import Figure, Report, interleaved
from benchmarks.store import a_bench_store
from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton.connector import TrytonConnector
from hybrid_erp.adapters.store.claims import PostgresClaims, Queue
from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.adapters.store.settlements import PostgresSettlements
from hybrid_erp.flow.claim import Worker
from hybrid_erp.flow.deliver import Delivery
from hybrid_erp.flow.intake import Intake
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.settings import load_settings
from hybrid_erp.wiring.connectors import connector
from sandbox.postgres import HOST
from sandbox.site import Site
from sandbox.store_setup import login_of
from tests.builders import CONFIG, a_journal_entry

CONTROL, CANDIDATE, LEGAL_ENTITY = "ledgersmb-emea", "tryton-emea", "DE01"
EACH, ROUNDS = 250, 12
KINDS: Final = ("project", "billing", "ledger")
PAUSE_SECONDS: Final = 1.0


def run(site: Site, report: Report) -> None:
    """`shadow_delay_of_control` for a dead candidate and for one that hangs."""
    with _listening() as hanging:
        for name, port in (("dead", _free_port()), ("hanging", hanging)):
            _measure(site, report, name, port)


def _measure(site: Site, report: Report, name: str, port: int) -> None:
    settings = load_settings(CONFIG)
    alone, dual = a_bench_store(site, f"bench_alone_{name}"), a_bench_store(site, f"bench_dual_{name}")
    _start_dual_run(site, dual)
    with (
        a_worker(site, alone, CONTROL, LEGAL_ENTITY, lambda: connector(settings, CONTROL, LEGAL_ENTITY)) as by_itself,
        a_worker(site, dual, CONTROL, LEGAL_ENTITY, lambda: connector(settings, CONTROL, LEGAL_ENTITY)) as with_candidate,
        _candidate(site, dual, port),
    ):

        def prepared(intake: Intake, worker: Worker[Queue]) -> Callable[[], Callable[[], None]]:
            def deliver() -> None:
                progress = worker.run(seconds=600)
                assert progress.settled == {"posted": EACH}, progress

            def prepare() -> Callable[[], None]:
                events = [a_journal_entry(LEGAL_ENTITY, amount=f"{number + 1}.25") for number in range(EACH)]
                intake.accept(events, accepted_by="bench")
                return deliver

            return prepare

        one, other = prepared(*with_candidate), prepared(*by_itself)
        one()()  # warm: sessions, statements, caches
        other()()
        seconds, baseline, ratio = interleaved(Prepared(one, ROUNDS), Prepared(other, ROUNDS))
        copies = _copies(site, dual)
    assert copies == EACH * (ROUNDS + 1), f"{copies} copies are due, not one for each posting"
    figures = (EACH / seconds, EACH / baseline, 1 / ratio)
    note = "postings a second at the control; baseline: without a candidate"
    report.add(Figure(f"shadow_delay_of_control.{name}", *figures, "1/s", EACH * ROUNDS, limit=0.98, higher_is_better=True, note=note))


def _start_dual_run(site: Site, database: str) -> None:
    with psycopg.connect(site.cluster.dsn(database, login_of("cutover")), autocommit=True) as connection:
        dual_run = PostgresDualRun(connection)
        dual_run.draw_boundary(Boundary(LEGAL_ENTITY, CONTROL, CANDIDATE, 0, "-", "-", datetime.now(UTC)), [])
        dual_run.start("emea", KINDS, [LEGAL_ENTITY], CANDIDATE, by="bench", reason="bench")
        dual_run.raise_share("emea", KINDS, 10_000, by="bench", reason="bench")


def _copies(site: Site, database: str) -> int:
    with psycopg.connect(site.cluster.dsn(database)) as connection:
        row = connection.execute("SELECT count(*) FROM outbox WHERE role = 'candidate' AND state <> 'posted'").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _candidate(site: Site, database: str, port: int) -> Iterator[None]:
    """The candidate's worker, which goes on trying until the block ends."""
    settings, ended = load_settings(CONFIG), threading.Event()
    company = settings.erps[CANDIDATE].companies[LEGAL_ENTITY]
    expected = ErpIdentity(company.database, company.company, settings.legal_entity(LEGAL_ENTITY).functional_currency, "")
    endpoint = HttpEndpoint(f"http://{HOST}:{port}", company.database, "key")
    dsn = site.cluster.dsn(database, login_of("delivery"))

    def try_in_vain() -> None:
        with psycopg.connect(dsn, autocommit=True) as claiming, psycopg.connect(dsn, autocommit=True) as settling:
            reached = TrytonConnector(lambda _: endpoint, settings.mappings[CANDIDATE], legal_entity=LEGAL_ENTITY, expected=expected)
            delivery = Delivery(settings.firm, reached, PostgresSettlements(settling, "shadow"))
            worker = Worker(CANDIDATE, LEGAL_ENTITY, PostgresClaims(claiming, "shadow", Role.CANDIDATE), delivery, 120)
            while not ended.wait(PAUSE_SECONDS):
                with suppress(ErpUnavailableError):
                    worker.run(seconds=60)

    thread = threading.Thread(target=try_in_vain, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


@contextmanager
def _listening() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server((HOST, 0), backlog=128) as server:
        yield int(server.getsockname()[1])


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])
