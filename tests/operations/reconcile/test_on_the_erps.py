"""EMEA in dual run on the real LedgerSMB and the real Tryton: equal books pass, and what people and queues do to them gets its class."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import NotReconcilableError
from hybrid_erp.wiring.reconciliation import begin_reconciliation
from sandbox.site import Site
from sandbox.store_setup import DATABASE
from tests.builders import a_journal_entry, the_settings
from tests.contracts.ledgersmb_person import LedgerSmbBooks
from tests.contracts.tryton_person import TrytonPerson
from tests.operations.reconcile.region import DAY, LEGACY, REGION, accept, classes, drain, level, one, reconcile, told


@pytest.mark.timeout(600)
def test_a_region_whose_erps_are_level_passes(dual_site: Site) -> None:
    level()

    found = reconcile(dual_site)

    assert found["passed"], told(found)
    assert classes(found) - Counter() == Counter(), told(found)
    assert all(len(entity["trial_balance"]) > 10 for entity in found["entities"])
    assert all(row["legacy"] == row["cloud"] for entity in found["entities"] for row in entity["trial_balance"])


def test_what_is_on_its_way_refused_native_and_tampered_with_is_told_apart(dual_site: Site) -> None:
    legacy, cloud = LedgerSmbBooks(dual_site.cluster, the_settings()), TrytonPerson(dual_site, the_settings())
    level()
    sound = accept(dual_site, [a_journal_entry(amount="401.00", accounting_date="2026-11-17")])
    level()
    on_its_way = accept(dual_site, [a_journal_entry(amount="402.00", accounting_date="2026-11-17")])
    drain(LEGACY, Role.CONTROL)
    with psycopg.connect(dual_site.cluster.dsn(DATABASE), autocommit=True) as store:
        dead = "UPDATE outbox SET state = 'dead_lettered', reason = 'no such party' WHERE posting_id = %s AND role = 'candidate'"
        refused = accept(dual_site, [a_journal_entry(amount="403.00", accounting_date="2026-11-17")])
        drain(LEGACY, Role.CONTROL)
        store.execute(dead, refused)
    legacy.enter(DAY, "Typed in", [("6100", "404.00"), ("1000", "-404.00")])
    cloud.enter(DAY, "Typed in", [("6100", "405.00"), ("1000", "-405.00")])

    found = reconcile(dual_site, "DE01")

    assert classes(found) == {"in_flight": 1, "dead_letter": 1, "native_in_legacy": 1, "native_in_cloud": 1}, told(found)
    gross = {each["class"]: str(each["gross"]) for each in found["entities"][0]["differences"]}
    assert gross == {"in_flight": "402.00", "dead_letter": "403.00", "native_in_legacy": "404.00", "native_in_cloud": "405.00"}
    assert {each["posting_id"] for each in found["entities"][0]["differences"]} == {*on_its_way, *refused, None}
    assert sound[0] not in {each["posting_id"] for each in found["entities"][0]["differences"]}


TAMPER = """
    UPDATE acc_trans SET amount = amount + CASE WHEN amount > 0 THEN 0.01 ELSE -0.01 END
    WHERE trans_id = (SELECT max(native_id)::int FROM unnest(%s::text[]) AS native_id)
"""


def test_a_cent_changed_underneath_the_legacy_erp_is_a_change_after_posting(dual_site: Site) -> None:
    level()
    (posting_id,) = accept(dual_site, [a_journal_entry(amount="501.00", accounting_date="2026-11-16")])
    level()
    reconcile(dual_site, "DE01")
    native_id = one(dual_site, "SELECT native_id FROM delivery WHERE posting_id = %s AND erp = %s", posting_id, LEGACY)
    database = the_settings().erps[LEGACY].companies["DE01"].database
    with dual_site.cluster.admin(database) as connection:
        connection.execute(TAMPER.encode(), ([native_id.rpartition(",")[2]],))

    found = reconcile(dual_site, "DE01")

    (changed,) = (each for each in found["entities"][0]["differences"] if each["posting_id"] == posting_id)
    assert (changed["class"], str(changed["gross"])) == ("changed_after_posting", "0.01"), told(found)


@pytest.mark.parametrize(
    ("conf", "reason"),
    [({"surprise": 1}, "surprise"), ({"depth": "deep"}, "depth"), ({"legal_entities": ["US01"]}, "US01 is no legal entity of region emea")],
)
def test_a_request_that_does_not_fit_is_refused(dual_site: Site, conf: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotReconcilableError, match=reason):
        begin_reconciliation(REGION, conf, run="manual__bad", requested_by="lead")
