"""Copies, capture and reconciliation that are killed at random moments on the real ERPs: nothing twice, and both ERPs level in the end."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from hybrid_erp.model.delivery import Role
from hybrid_erp.wiring.reconciliation import begin_reconciliation, conclude_reconciliation
from sandbox.site import Site
from tests.builders import a_journal_entry, the_settings
from tests.contracts.ledgersmb_person import LedgerSmbBooks
from tests.contracts.tryton_person import TrytonPerson
from tests.faults.erps import keys_in
from tests.operations.killed_steps import KilledSteps
from tests.operations.reconcile.region import CLOUD, DAY, ENTITIES, LEGACY, REGION, accept, drain, level, many, one

PROGRAM = "tests.operations.reconcile.region_workers"
POSTINGS, NATIVES_IN_LEDGERSMB, NATIVES_IN_TRYTON = 10, 6, 3
OPEN = "SELECT count(*) FROM outbox WHERE state NOT IN ('posted', 'cancelled')"
CAPTURED = "SELECT native_id, posting_id, treatment FROM native_document WHERE legal_entity = 'DE01' AND seen_at >= %s"
RESULTS = "SELECT legal_entity FROM reconciliation_entity JOIN reconciliation USING (reconciliation_id) WHERE run = %s ORDER BY 1"


@pytest.mark.timeout(600)
def test_copies_capture_and_reconciliation_that_are_killed_again_and_again_leave_both_erps_level(dual_site: Site) -> None:
    level()
    began_at = one(dual_site, "SELECT clock_timestamp()")
    for entity in ENTITIES:
        accept(
            dual_site, [a_journal_entry(entity, amount=f"{700 + number}.00", accounting_date="2026-11-10") for number in range(POSTINGS)]
        )
    drain(LEGACY, Role.CONTROL)
    legacy, cloud = LedgerSmbBooks(dual_site.cluster, the_settings()), TrytonPerson(dual_site, the_settings())
    natives = {
        legacy.enter(DAY, "At the desk", [("6100", f"{each}.00"), ("1000", f"-{each}.00")]) for each in range(1, NATIVES_IN_LEDGERSMB + 1)
    }
    natives |= {
        cloud.enter(DAY, "At the desk", [("6100", f"{each}.50"), ("1000", f"-{each}.50")]) for each in range(1, NATIVES_IN_TRYTON + 1)
    }

    with KilledSteps(dual_site, Path(os.environ["HYBRID_ERP_CONFIG"]), PROGRAM) as steps:
        for entity in ENTITIES:
            steps.harm("shadow", entity, times=6, killed_within=1.5)
            steps.harm("capture", "all", times=4, killed_within=0.8)
        until = time.monotonic() + 200
        while one(dual_site, OPEN):
            assert time.monotonic() < until, steps.log_file.read_text()[-3000:]
            steps.run("capture", "all")
            drain(LEGACY, Role.CONTROL)
            for entity in ENTITIES:
                steps.run("shadow", entity)
        run = "manual__killed"
        for entity in begin_reconciliation(REGION, {}, run=run, requested_by="lead"):
            steps.harm("reconcile", f"{run}/{entity}", times=4, killed_within=2.0)
            steps.run("reconcile", f"{run}/{entity}")

    assert steps.kills >= 16
    assert conclude_reconciliation(REGION, dag_id="reconcile_emea", run=run)["verdict"] == "passed"
    assert [row["legal_entity"] for row in many(dual_site, RESULTS, run)] == list(ENTITIES)
    captured = many(dual_site, CAPTURED, began_at)
    assert {row["native_id"] for row in captured if row["treatment"] == "captured"} == natives
    assert len({row["posting_id"] for row in captured}) == len(natives)
    for erp in (LEGACY, CLOUD):
        for entity in ENTITIES:
            assert {key: count for key, count in Counter(keys_in(dual_site, erp, entity)).items() if count > 1} == {}
