"""While a move waits for people, its region is reconciled again: the figures that they are shown must not grow old."""

from __future__ import annotations

from uuid import uuid4

from hybrid_erp.adapters.store.reconciliations import PostgresReconciliations
from hybrid_erp.wiring.moves import to_reconcile
from tests.builders import the_settings
from tests.store.cutovers import Move, dual_run
from tests.stores import CLOUD, LEGACY, Store


def reconciled(store: Store) -> None:
    terms = {"region": "emea", "legacy": LEGACY, "cloud": CLOUD, "legal_entities": ["DE01"], "depth": "changed", "plan": {}}
    terms |= {"requested_by": "schedule", "run": str(uuid4()), "configuration": "f", "mappings": {}}
    PostgresReconciliations(store.connect("delivery")).begin(terms)


def test_a_region_is_reconciled_again_while_its_move_waits_and_its_figures_grow_old(store: Store) -> None:
    dual_run(store)
    assert to_reconcile() == []
    move = Move(store)
    assert to_reconcile() == ["emea"]

    reconciled(store)
    assert to_reconcile() == []

    plan = the_settings().plan("emea").cutover
    assert plan is not None
    store.sql("UPDATE reconciliation SET started_at = started_at - make_interval(mins => %s)", plan.reconciliation_every_minutes)
    assert to_reconcile() == ["emea"]

    move.frozen()
    assert to_reconcile() == []
