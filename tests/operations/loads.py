"""Loads of the German company, by the real configuration, between books in memory."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.load import KnownToStore, LoadPlan
from hybrid_erp.operations.load.plan import plan_load
from hybrid_erp.operations.load.terms import LoadTerms
from hybrid_erp.wiring.load_terms import load_terms
from tests.builders import the_settings
from tests.operations.books import FakeBooks

SETTINGS = the_settings()


def the_terms(legal_entity: str = "DE01") -> LoadTerms:
    """As the configuration has them."""
    return load_terms(SETTINGS, "emea", legal_entity, partial(posting_of, SETTINGS.firm))


def a_plan(legacy: FakeBooks, cloud: FakeBooks | None = None, known: KnownToStore | None = None, **changes: Any) -> LoadPlan:
    """What would be brought."""
    options: dict[str, Any] = {"ordinal": 1, "settle_position": 7, "accounting_on": date(2026, 11, 20)} | changes
    return plan_load(the_terms(), legacy, cloud or FakeBooks(), lambda: known or KnownToStore(), **options)
