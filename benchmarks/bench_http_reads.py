"""How often is the cloud ERP asked to reconcile a region of 20,000 documents, when nothing differs and when ten documents do?

As often as for a tenth of the documents: its totals are asked for by period, account and customer, and documents are read where a total
disagrees. The baseline is the same reconciliation of the same region while it held 2,000 of its documents, so the ratio is 1 but for a
period's worth of chance. The ten documents are altered underneath Tryton, which never tells: the days of their accounts lead to them.
"""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg

from benchmarks.bench_delivery import a_worker
from benchmarks.large_tryton import LargeTryton
from benchmarks.report import Figure, Report
from benchmarks.store import a_bench_store
from hybrid_erp.adapters.store.crosswalk import PostgresCrosswalk
from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.model.reconciliation import Difference, DifferenceClass, EntityResult
from hybrid_erp.operations.adopt import adopt_master_data
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.connectors import books_reader, connector
from hybrid_erp.wiring.reconciliation import entity_reconciliation
from sandbox.firm import Firm
from sandbox.site import Site
from sandbox.store_setup import login_of
from tests.builders import a_journal_entry, an_invoice

REGION, LEGACY, CLOUD, ENTITY = "emea", "ledgersmb-emea", "tryton-emea", "UK01"
TENTH, ALL, WRONG = 2_000, 20_000, 10
BATCH: Final = 1_000
FIRST_DAY, DAYS = date(2026, 1, 1), 320
INVOICES_IN: Final = 10
"""One document of so many is an invoice that stays open."""
KINDS: Final = ("project", "billing", "ledger")


@dataclass(frozen=True, slots=True)
class Asked:
    """How often Tryton was asked, and how long it took."""

    calls: int
    seconds: float


def run(site: Site, report: Report) -> None:
    """`reconcile_http_reads` with equal books, and with ten documents that differ."""
    began_at = time.perf_counter()
    region = Region(site, a_bench_store(site, "bench_http_reads"))
    region.start()
    wrong: list[str] = []
    found: dict[int, tuple[Asked, Asked, Asked]] = {}
    for documents in (TENTH, ALL):
        region.hold(documents)
        wrong = wrong or region.journal_entries(WRONG)
        first, equal = region.reconcile(), region.reconcile()
        region.tryton.alter(wrong, Decimal("0.01"))
        differing = region.reconcile(wrong)
        region.tryton.alter(wrong, Decimal("-0.01"))
        region.reconcile(thorough=True)
        found[documents] = first, equal, differing
    first, equal, differing = found[ALL]
    note = (
        f"calls to Tryton; baseline: with {TENTH:,} documents. The first reading, with {ALL - TENTH:,} documents that are new, took "
        f"{first.calls} calls ({first.seconds:.0f} s); then {equal.seconds:.1f} s when nothing differs, {differing.seconds:.1f} s when "
        f"{WRONG} do; making the documents and all of this took {time.perf_counter() - began_at:.0f} s"
    )
    print(note)
    for name, asked, before in (("equal", equal, found[TENTH][1]), ("ten_differ", differing, found[TENTH][2])):
        ratio = asked.calls / before.calls
        report.add(Figure(f"reconcile_http_reads.{name}", asked.calls, before.calls, ratio, "calls", ALL, limit=1.05, note=note))


class Region:
    """A region of one legal entity in dual run; LedgerSMB holds what the product delivered, Tryton the same in bulk."""

    def __init__(self, site: Site, database: str) -> None:
        self.site, self.database, self.settings = site, database, settings()
        self.tryton = LargeTryton(site, CLOUD, ENTITY)
        self.held = 0
        self.cursor: str | None = None
        self.customers = [each.number for each in Firm().master_data(ENTITY).customers]

    def start(self) -> None:
        """Begin the dual run; the load brought nothing."""
        with psycopg.connect(self._dsn("cutover"), autocommit=True) as connection:
            dual_run = PostgresDualRun(connection)
            dual_run.draw_boundary(Boundary(ENTITY, LEGACY, CLOUD, 0, "-", "-", datetime.now(UTC)), [])
            dual_run.start(REGION, KINDS, [ENTITY], CLOUD, by="bench", reason="bench")
            dual_run.raise_share(REGION, KINDS, 10_000, by="bench", reason="bench")
        with psycopg.connect(self._dsn("delivery"), autocommit=True) as connection:
            crosswalk = PostgresCrosswalk(connection, "bench", self.settings.region_of)
            for erp in (LEGACY, CLOUD):
                with closing(connector(self.settings, erp, ENTITY)) as company:
                    adopt_master_data(erp, ENTITY, company, crosswalk)
        with closing(books_reader(self.settings, LEGACY, ENTITY)) as reader:
            self.cursor = reader.cursor()

    def hold(self, documents: int) -> None:
        """Go on until both ERPs hold so many documents."""
        with a_worker(self.site, self.database, LEGACY, ENTITY, lambda: connector(self.settings, LEGACY, ENTITY)) as (intake, worker):
            for start in range(self.held, documents, BATCH):
                events = [self._event(number) for number in range(start, min(start + BATCH, documents))]
                intake.accept(events, accepted_by="bench")
                progress = worker.run(seconds=600)
                assert progress.settled == {"posted": len(events)}, progress
        self.held = documents
        self._copy()

    def _event(self, number: int) -> dict[str, Any]:
        day, amount = FIRST_DAY + timedelta(days=number % DAYS), f"{number % 9_000 + 1}.25"
        terms = {"accounting_date": f"{day}", "number": f"LARGE-{number}"}
        if number % INVOICES_IN:
            return a_journal_entry(ENTITY, amount=amount, **terms)
        customer = self.customers[number // INVOICES_IN % len(self.customers)]
        terms |= {"issued_on": f"{day}", "due_on": f"{day + timedelta(days=30)}", "currency": "GBP"}
        return an_invoice(customer, ENTITY, amount, **terms)

    def _copy(self) -> None:
        """What is new in LedgerSMB goes to Tryton, and the copies that are due are settled, as their own workers would in some hours."""
        native: dict[str, str] = {}
        with closing(books_reader(self.settings, LEGACY, ENTITY)) as reader:
            more = True
            while more:
                page = reader.changes(self.cursor, limit=1_000)
                native |= self.tryton.post([each for each in page.entries if each.posting_id])
                self.cursor, more = page.cursor, page.more
        with psycopg.connect(self.site.cluster.dsn(self.database), autocommit=True) as connection:
            connection.execute(SETTLE, {"erp": CLOUD, "posting_ids": list(native), "native_ids": list(native.values())})

    def journal_entries(self, count: int) -> list[str]:
        """Native ids in Tryton of some of those that it holds, by chance."""
        return random.Random(20).sample(self.tryton.journal_entries, count)

    def reconcile(self, wrong: list[str] | None = None, *, thorough: bool = False) -> Asked:
        """One reconciliation; exactly these documents differ, each by a cent that somebody changed."""
        with (
            psycopg.connect(self._dsn("delivery"), autocommit=True) as connection,
            closing(books_reader(self.settings, LEGACY, ENTITY)) as legacy,
            closing(books_reader(self.settings, CLOUD, ENTITY)) as cloud,
        ):
            began_at = time.perf_counter()
            result = entity_reconciliation(REGION, ENTITY, connection, legacy, cloud).run(thorough=thorough)
            asked = Asked(cloud.calls, time.perf_counter() - began_at)
        assert {each.cloud_id: _found(each) for each in result.differences} == dict.fromkeys(wrong or (), CHANGED), _told(result)
        return asked

    def _dsn(self, duty: str) -> str:
        return self.site.cluster.dsn(self.database, login_of(duty))


CHANGED: Final = (DifferenceClass.CHANGED_AFTER_POSTING, Decimal("0.01"))


def _found(difference: Difference) -> tuple[DifferenceClass, Decimal]:
    return difference.difference_class, difference.gross


def _told(result: EntityResult) -> str:
    return "\n".join(f"{each.difference_class} {each.aspect} {each.gross} {each.cloud_id} {each.why}" for each in result.differences[:20])


SETTLE: Final = """
    WITH made AS (SELECT * FROM unnest(%(posting_ids)s::uuid[], %(native_ids)s::text[]) AS made (posting_id, native_id)),
         copied AS (UPDATE outbox SET state = 'posted' FROM made WHERE outbox.posting_id = made.posting_id AND role = 'candidate'
                    AND destination = %(erp)s RETURNING outbox.posting_id)
    INSERT INTO delivery (accepted_on, posting_id, legal_entity, erp, role, seq, state, maybe_there, mark_before, attempt, native_id,
                          legal_number, accounting_on, settle_position, settled_at)
    SELECT accepted_on, posting_id, legal_entity, %(erp)s, 'candidate', seq, 'posted', false, false, 1, made.native_id,
           legal_number, accounting_on, nextval('settle_position_seq'), clock_timestamp()
    FROM delivery JOIN copied USING (posting_id) JOIN made USING (posting_id) WHERE role = 'control'
"""
