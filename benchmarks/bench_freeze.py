"""How long is a region of 20,000 documents in each ERP frozen while it moves, in a real Airflow, on the real ERPs, with live traffic?

Postings are sent to the facade all the time, and people type entries into both ERPs. None may be refused by the facade or lost, and the
facade has to answer as fast as otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.bench_wake import wait_until_quiet
from benchmarks.large_region import CLOUD, LEGACY, REGION, LargeRegion
from benchmarks.report import Figure, Report
from sandbox.demo.cutover import MOVES, Cutovers, move_region
from sandbox.demo.facade import FacadeClient
from sandbox.site import Site
from sandbox.store_setup import DATABASE

DOCUMENTS, ENTITIES = 20_000, ("DE01", "UK01")
#: So many that a hundredth of those that are sent while the region is frozen is one at least.
PAUSE_SECONDS: Final = 0.25
#: Every document of both ERPs is read for the first time.
FIRST_READING_SECONDS: Final = 1_200
DELIVERIES: Final = tuple(f"{verb}_{erp}" for verb in ("deliver", "shadow") for erp in (LEGACY, CLOUD))


def run(site: Site, report: Report, progress: Callable[[str], None]) -> None:
    """`cutover_freeze_window_s`, each step of it, and `intake_during_freeze_p99_ms`."""
    client = FacadeClient(site, "lead")
    client.wait_until_listening()
    wait_until_quiet(site, seconds=5)
    _pause(client, paused=True)  # the documents come in bulk, and not as they would in some hours
    region = LargeRegion(site, DATABASE, ENTITIES)
    region.start()
    progress(f"delivering {DOCUMENTS:,} documents to {LEGACY}, and copying them to {CLOUD}")
    region.hold(DOCUMENTS // len(ENTITIES))
    _pause(client, paused=False)
    reconcile = f"reconcile_{REGION}"
    client.end(reconcile, client.begin(reconcile, {}), progress, timeout=FIRST_READING_SECONDS)
    seen = move_region(site, client, progress, MOVES[:2], pause_seconds=PAUSE_SECONDS)
    assert not seen.findings, seen.findings
    _tell(seen, report)


def _pause(client: FacadeClient, *, paused: bool) -> None:
    for dag_id in DELIVERIES:
        client.airflow("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})


def _tell(seen: Cutovers, report: Report) -> None:
    (window,) = (float(seconds) for _, mode, seconds in seen.windows if mode == "live")
    steps = "; ".join(f"{step} {seconds} s" for _, mode, step, _, seconds, *_ in seen.steps if mode == "live")
    note = f"{DOCUMENTS:,} documents in each ERP; {seen.sent} postings sent meanwhile, {seen.refused} refused; {steps}"
    print(note)
    report.add(Figure("cutover_freeze_window_s", window, None, None, "s", 1, limit=60.0, note=note))
    frozen, otherwise = seen.intake_ms["frozen_p99"], seen.intake_ms["open_p99"]
    told = f"p50 {seen.intake_ms['frozen_p50']:.0f} ms, otherwise {seen.intake_ms['open_p50']:.0f} ms; baseline: while it is not frozen"
    report.add(Figure("intake_during_freeze_p99_ms", frozen, otherwise, frozen / otherwise, "ms", seen.sent, limit=1.5, note=told))
