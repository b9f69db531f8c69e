"""Regions that do not move, on the real ERPs: everything that we posted is as it was posted, until somebody alters it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.reconciliations_reading import PostgresReconciliationReading
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import NotReconcilableError, ReconciliationNotPassedError
from hybrid_erp.web.report import as_html, no_link
from hybrid_erp.wiring.settled import begin_settled, conclude_settled, reconcile_settled
from hybrid_erp.wiring.tasks import deliver_company
from sandbox.firm import Firm
from sandbox.site import Site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import a_journal_entry, the_settings
from tests.operations.reconcile.region import accept, many

OWNERS = {"US01": "ledgersmb-amer", "AU01": "tryton-apac"}
CENT: dict[str, str] = {
    "US01": "UPDATE acc_trans SET amount = amount + sign(amount) * 0.01 WHERE trans_id = %s",
    "AU01": "UPDATE account_move_line SET debit = debit + sign(debit) * 0.01, credit = credit + sign(credit) * 0.01 WHERE move = %s",
}


def settled(site: Site, run: str) -> Mapping[str, Any]:
    """One run of the DAG's tasks; the result of each region."""
    assert begin_settled({"legal_entities": list(OWNERS)}, run=run, requested_by="lead") == sorted(OWNERS)
    for legal_entity in OWNERS:
        reconcile_settled(legal_entity, run=run)
    with suppress(ReconciliationNotPassedError):
        conclude_settled(dag_id="reconcile_settled", run=run)
    with ConnectionPool(site.cluster.dsn(DATABASE, login_of("reader")), min_size=1, max_size=1, open=True) as pool:
        reading = PostgresReconciliationReading(pool)
        results = {region: reading.result(reading.latest(region)[0]["reconciliation_id"]) for region in ("amer", "apac")}
    assert all(result is not None and result["run"] == run for result in results.values())
    return results


@pytest.mark.timeout(300)
def test_what_we_posted_passes_and_a_cent_altered_underneath_the_erp_fails_its_region(dual_site: Site) -> None:
    accept(dual_site, Firm().story(70, legal_entities=tuple(OWNERS)))
    (in_legacy,), (in_cloud,) = (accept(dual_site, [a_journal_entry(each, amount="333.00")]) for each in OWNERS)
    for legal_entity, erp in OWNERS.items():
        while deliver_company(erp, legal_entity, seconds=60, role=Role.CONTROL):
            pass

    passed = settled(dual_site, "manual__level")

    assert {region: result["passed"] for region, result in passed.items()} == {"amer": True, "apac": True}, passed["apac"]["reasons"]
    native_ids = {row["erp"]: row["native_id"] for row in many(dual_site, NATIVE_IDS, [in_legacy, in_cloud])}
    for legal_entity, erp in OWNERS.items():
        with dual_site.cluster.admin(the_settings().erps[erp].companies[legal_entity].database) as connection:
            connection.execute(CENT[legal_entity].encode(), (int(native_ids[erp].rpartition(",")[2]),))
    failed = settled(dual_site, "manual__altered")
    seen = [
        (each["posting_id"], each["class"], str(each["gross"]))
        for region in ("amer", "apac")
        for entity in failed[region]["entities"]
        for each in entity["differences"]
    ]
    assert seen == [(in_legacy, "changed_after_posting", "0.01"), (in_cloud, "changed_after_posting", "0.01")]
    page = as_html(failed["amer"], no_link, {})
    assert "receipts of ledgersmb-amer" in page
    assert str(in_legacy) in page


NATIVE_IDS = "SELECT erp, native_id FROM delivery WHERE posting_id = ANY(%s)"


def test_a_legal_entity_of_a_region_that_moves_is_refused(dual_site: Site) -> None:
    with pytest.raises(NotReconcilableError, match="DE01"):
        begin_settled({"legal_entities": ["DE01"]}, run="manual__bad", requested_by="lead")
