"""A pass is fresh, whole, of the same configuration, and found nothing that must be zero."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.model.reconciliation import ZERO_FOR_A_FLIP
from hybrid_erp.operations.preflight.reconciliation_passed import check
from tests.operations.preflight.facts import CLOUD, LEGACY, FakeStore, a_reconciliation, a_subject, ago, assert_verdict, facts


def after(**changes: Any) -> Any:
    return check(a_subject(), facts(FakeStore(reconciliation=a_reconciliation(**changes))))


def test_a_fresh_pass_of_the_whole_region_passes_and_lists_what_is_to_be_signed() -> None:
    result = after()

    assert_verdict(result, Verdict.PASS, "passed at 2026-11-27T19:30:00+00:00", "to be signed by the controllers: 2 rounding (0.02)")
    assert result.evidence["differences"] == {"rounding": {"count": 2, "sum": "0.02"}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"passed": False, "reasons": ("DE01: 3 unexplained",)}, "did not pass: DE01: 3 unexplained"),
        ({"legal_entities": frozenset({"DE01"})}, "UK01 was not reconciled"),
        ({"finished_at": ago(minutes=1441)}, "more than 1440 minutes ago"),
        ({"configuration": "0" * 64}, "another configuration"),
        ({"mappings": {LEGACY: "1", CLOUD: "0"}}, f"another mapping of {CLOUD}"),
    ],
)
def test_anything_less_is_refused(changes: dict[str, Any], told: str) -> None:
    assert_verdict(after(**changes), Verdict.FAIL, told)


@pytest.mark.parametrize("name", sorted(ZERO_FOR_A_FLIP))
def test_what_must_be_zero_is_refused_even_where_the_plan_tolerates_it(name: str) -> None:
    assert_verdict(after(differences={name: (1, Decimal(0))}), Verdict.FAIL, f"must be zero: 1 {name}")


def test_no_reconciliation_is_refused() -> None:
    assert_verdict(check(a_subject(), facts(FakeStore(reconciliation=None))), Verdict.FAIL, "no reconciliation of emea has ended")
