"""A half pair blocks a cutover of either side."""

from __future__ import annotations

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.preflight import HalfPair
from hybrid_erp.operations.preflight.intercompany_pairs import check
from tests.operations.preflight.facts import ENTITIES, FakeStore, a_subject, assert_verdict, facts


def test_whole_pairs_pass_and_every_legal_entity_of_the_firm_is_asked() -> None:
    store = FakeStore()

    assert_verdict(check(a_subject(), facts(store)), Verdict.PASS)
    assert store.asked == [(ENTITIES, ("CA01", "DE01", "UK01", "US01"))]


def test_a_half_pair_of_another_region_with_this_one_is_refused() -> None:
    store = FakeStore(halves=[HalfPair("US01", "DE01", "IC-7", "10.00 EUR in 2026-11", "nothing from DE01")])
    told = "IC-7: US01 booked 10.00 EUR in 2026-11, nothing from DE01"
    assert_verdict(check(a_subject(), facts(store)), Verdict.FAIL, told)
