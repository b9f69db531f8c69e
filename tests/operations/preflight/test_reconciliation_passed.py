"""A pass is fresh, whole, of the same configuration, and found nothing that must be zero."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from hybrid_erp.model.cutover import Direction, Verdict
from hybrid_erp.model.preflight import Cell, RemainingDifference
from hybrid_erp.model.reconciliation import ZERO_FOR_A_FLIP, DifferenceClass
from hybrid_erp.operations.preflight.reconciliation_passed import check
from tests.operations.preflight.facts import (
    A_RECONCILIATION,
    CLOUD,
    LEGACY,
    FakeStore,
    a_reconciliation,
    a_subject,
    ago,
    assert_verdict,
    facts,
)


def after(**changes: Any) -> Any:
    return check(a_subject(), facts(FakeStore(reconciliation=a_reconciliation(**changes))))


def test_a_fresh_pass_of_the_whole_region_passes_and_lists_what_is_to_be_signed() -> None:
    result = after()

    assert_verdict(result, Verdict.PASS, "passed at 2026-11-27T19:30:00+00:00", "to be signed by the controllers: 2 rounding (0.02)")
    assert result.evidence["differences"] == {"rounding": {"count": 2, "sum": "0.02"}}


ONE = RemainingDifference(
    "DE01", "rounding", "tax", A_RECONCILIATION, "7", "account.move,9", "RE-7", "invoice", Decimal("0.02"), "rounds each tax line",
    (Cell("2026-10", "2400", "EUR", Decimal("-0.02")), Cell("2026-10", "5300", "EUR", Decimal("0.02"))),
)  # fmt: skip


def test_each_difference_is_listed_with_amount_reason_and_the_entry_that_clears_it() -> None:
    evidence = after(remaining=(ONE, replace(ONE, number="RE-8", cells=()))).evidence

    first, second = evidence["to_sign"]
    assert (first["legal_entity"], first["number"], first["amount"], first["why"]) == ("DE01", "RE-7", "0.02", "rounds each tax line")
    assert first["cleared_by"] == f"{CLOUD}: debit 2400 0.02 EUR in 2026-10, credit 5300 0.02 EUR in 2026-10"
    assert second["cleared_by"] == "no entry: it moves nothing between accounts"


def test_a_rollback_is_cleared_in_the_legacy_erp_by_the_opposite_entry() -> None:
    back = check(a_subject(direction=Direction.ROLLBACK), facts(FakeStore(reconciliation=a_reconciliation(remaining=(ONE,)))))

    assert back.evidence["to_sign"][0]["cleared_by"] == f"{LEGACY}: credit 2400 0.02 EUR in 2026-10, debit 5300 0.02 EUR in 2026-10"


def test_what_may_still_arise_is_signed_by_class_and_never_of_what_must_be_zero() -> None:
    subject = a_subject()
    rounding = subject.plan.tolerances[0]
    never = rounding.model_copy(update={"difference": DifferenceClass.IN_FLIGHT})
    ended = rounding.model_copy(update={"difference": DifferenceClass.TIMING, "expires_on": ago(days=1).date()})
    others = rounding.model_copy(update={"difference": DifferenceClass.TAX, "legal_entities": frozenset({"UK01"})})
    plan = subject.plan.model_copy(update={"tolerances": (rounding, never, ended, others)})

    arises = check(replace(subject, plan=plan), facts(FakeStore(reconciliation=a_reconciliation()))).evidence["may_arise"]

    assert [(each["legal_entity"], each["class"], each["amount"]) for each in arises] == [
        ("DE01", "rounding", "0.05"), ("UK01", "rounding", "0.05"), ("UK01", "tax", "0.05")
    ]  # fmt: skip
    assert arises[0]["owner"] == "Controller EMEA"


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
