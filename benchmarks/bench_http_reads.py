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
from datetime import date
from decimal import Decimal
from typing import Final

import psycopg

from benchmarks.large_region import CLOUD, LEGACY, REGION, LargeRegion
from benchmarks.report import Figure, Report
from benchmarks.store import a_bench_store
from hybrid_erp.model.reconciliation import Difference, DifferenceClass, EntityResult
from hybrid_erp.wiring.connectors import books_reader
from hybrid_erp.wiring.reconciliation import entity_reconciliation
from sandbox.site import Site

ENTITY = "UK01"
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
    region = Compared(site, a_bench_store(site, "bench_http_reads"), (ENTITY,))
    region.start()
    wrong: list[str] = []
    found: dict[int, tuple[Asked, Asked, Asked]] = {}
    for documents in (TENTH, ALL):
        region.hold(documents)
        wrong = wrong or random.Random(20).sample(region.tryton[ENTITY].journal_entries, WRONG)
        first, equal = region.reconcile(), region.reconcile()
        region.tryton[ENTITY].alter(wrong, Decimal("0.01"))
        differing = region.reconcile(wrong)
        region.tryton[ENTITY].alter(wrong, Decimal("-0.01"))
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


class Compared(LargeRegion):
    """The region, compared and counted."""

    def reconcile(self, wrong: list[str] | None = None, *, thorough: bool = False) -> Asked:
        """One reconciliation; exactly these documents differ, each by a cent that somebody changed."""
        with (
            psycopg.connect(self.dsn("delivery"), autocommit=True) as connection,
            closing(books_reader(self.settings, LEGACY, ENTITY)) as legacy,
            closing(books_reader(self.settings, CLOUD, ENTITY)) as cloud,
        ):
            began_at = time.perf_counter()
            result = entity_reconciliation(REGION, ENTITY, connection, legacy, cloud).run(thorough=thorough)
            asked = Asked(cloud.calls, time.perf_counter() - began_at)
        assert {each.cloud_id: _found(each) for each in result.differences} == dict.fromkeys(wrong or (), CHANGED), _told(result)
        return asked


CHANGED: Final = (DifferenceClass.CHANGED_AFTER_POSTING, Decimal("0.01"))


def _found(difference: Difference) -> tuple[DifferenceClass, Decimal]:
    return difference.difference_class, difference.gross


def _told(result: EntityResult) -> str:
    return "\n".join(f"{each.difference_class} {each.aspect} {each.gross} {each.cloud_id} {each.why}" for each in result.differences[:20])
