"""No rule hides an amount; the classes always come to the whole difference; a tolerance decides pass or fail, and by money moved in sum."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_erp.model.reconciliation import BalanceRow, Check, Difference, DifferenceClass, LeftOut, Place, Tolerance, by_class
from hybrid_erp.model.region_plan import IgnoreRule, RegionPlan
from hybrid_erp.operations.reconcile.explain import explained, require_whole
from hybrid_erp.operations.reconcile.verdict import let_pass, verdict_of

TODAY = date(2026, 3, 31)
CELLS = [Place("DE01", period, account, "EUR") for period in ("2026-02", "2026-03") for account in ("1000", "1100", "4000", "5200")]
IGNORABLE = ("legal number", "issue date", "due date")
ASPECTS = (*IGNORABLE, "amount", "customer", "accounting date")
EXPLAINED = [each for each in DifferenceClass if each is not DifferenceClass.UNEXPLAINED]

amounts = st.decimals(min_value=-1_000_000, max_value=1_000_000, places=2)
places = st.sampled_from(CELLS)


@st.composite
def differences(draw: st.DrawFn) -> Difference:
    moved = draw(st.dictionaries(places, amounts.filter(bool), max_size=4))
    aspect = ", ".join(draw(st.lists(st.sampled_from(ASPECTS), min_size=1, max_size=3, unique=True)))
    within = draw(st.one_of(st.just(Decimal(0)), amounts.map(abs)))
    arrived = draw(st.booleans()) and draw(st.booleans())
    return Difference(draw(st.sampled_from(EXPLAINED)), "DE01", aspect, tuple(moved.items()), moved=within, arrived=arrived)


@st.composite
def rows(draw: st.DrawFn) -> list[BalanceRow]:
    cells = draw(st.dictionaries(places, st.tuples(amounts, amounts), max_size=8))
    return [BalanceRow(place, legacy, cloud) for place, (legacy, cloud) in cells.items()]


@st.composite
def ignore_rules(draw: st.DrawFn) -> list[IgnoreRule]:
    named = draw(st.lists(st.sampled_from(IGNORABLE), unique=True))
    terms = {"owner": "Controller", "reason": "cut texts", "expires_on": "2030-12-31"}
    return list(RegionPlan.model_validate({"ignored": [{"aspect": name} | terms for name in named]}).ignored)


@st.composite
def tolerances(draw: st.DrawFn) -> list[Tolerance]:
    named = draw(st.lists(st.sampled_from(EXPLAINED), unique=True))
    return [Tolerance(each, draw(amounts.map(abs)), "Controller", "agreed", TODAY, draw(st.integers(0, 3))) for each in named]


@given(rows(), st.lists(differences(), max_size=8))
def test_the_classes_always_come_to_the_whole_difference(cells: list[BalanceRow], found: list[Difference]) -> None:
    complete = explained(cells, found)

    sums: dict[Place, Decimal] = {}
    for _, by_place in by_class(complete).values():
        for place, amount in by_place.items():
            sums[place] = sums.get(place, Decimal(0)) + amount
    assert {place: amount for place, amount in sums.items() if amount} == {row.place: row.difference for row in cells if row.difference}
    assert complete[: len(found)] == tuple(found)


def test_a_difference_that_the_trial_balance_does_not_show_is_noticed() -> None:
    told = Difference(DifferenceClass.TAX, "DE01", "amount", ((CELLS[0], Decimal(1)),))

    with pytest.raises(AssertionError, match="the classes come to"):
        require_whole([], [told])


@given(rows(), st.lists(differences(), max_size=8), ignore_rules(), tolerances())
def test_no_rule_hides_an_amount(
    cells: list[BalanceRow], found: list[Difference], ignored: list[IgnoreRule], tolerated: list[Tolerance]
) -> None:
    complete = explained(cells, found)

    shown = let_pass(complete, ignored, TODAY)
    verdict = verdict_of("DE01", shown, [], [], tolerated, TODAY)

    assert [replace(each, ignored="") for each in shown] == list(complete)  # nothing is taken away, and nothing is another amount
    require_whole(cells, shown)
    for each in shown:
        assert not (each.ignored and each.gross)
    for kind in DifferenceClass:
        moved = sum((each.gross for each in shown if each.difference_class is kind and not each.arrived), Decimal(0))
        limit = next((tolerance.amount for tolerance in tolerated if tolerance.difference_class is kind), Decimal(0))
        if moved > limit:
            assert not verdict.passed
            assert any(f"{kind}:" in reason for reason in verdict.reasons)


def a_difference(amount: str = "0.02", difference_class: DifferenceClass = DifferenceClass.ROUNDING, **changes: Any) -> Difference:
    pair = ((CELLS[0], Decimal(amount)), (CELLS[1], -Decimal(amount)))
    return replace(Difference(difference_class, "DE01", "amount", pair if Decimal(amount) else ()), **changes)


ROUNDING = Tolerance(DifferenceClass.ROUNDING, Decimal("0.05"), "Controller", "rounds by line", TODAY)


def passes(*found: Difference, tolerated: tuple[Tolerance, ...] = (ROUNDING,), on: date = TODAY) -> bool:
    return verdict_of("DE01", found, [], [], tolerated, on).passed


def test_a_tolerance_bears_its_amount_and_not_a_cent_more() -> None:
    assert passes(a_difference("0.02"), a_difference("-0.03"))
    assert not passes(a_difference("0.02"), a_difference("-0.04"))


def test_debits_and_credits_do_not_cancel_in_a_tolerance() -> None:
    assert not passes(a_difference("0.05"), a_difference("-0.05"))


def test_a_tolerance_that_has_ended_or_is_anothers_bears_nothing() -> None:
    assert not passes(a_difference(), on=date(2026, 4, 1))
    assert not passes(a_difference(), tolerated=(replace(ROUNDING, legal_entities=frozenset({"UK01"})),))
    assert not passes(a_difference(difference_class=DifferenceClass.TAX))


def test_what_nothing_explains_never_passes() -> None:
    generous = Tolerance(DifferenceClass.UNEXPLAINED, Decimal(1000), "Nobody", "none", TODAY, 1000)

    assert not passes(a_difference(difference_class=DifferenceClass.UNEXPLAINED), tolerated=(generous,))


def test_a_difference_that_moves_no_money_fails_unless_it_is_borne_or_ignored() -> None:
    silent = a_difference("0", DifferenceClass.NUMBERING, aspect="legal number")
    bears_one = Tolerance(DifferenceClass.NUMBERING, Decimal(0), "Controller", "series apart", TODAY, 1)

    assert not passes(silent)
    assert passes(silent, tolerated=(bears_one,))
    assert not passes(silent, silent, tolerated=(bears_one,))
    assert passes(replace(silent, ignored="Controller: series apart"))


def test_what_has_arrived_since_does_not_fail() -> None:
    assert not passes(a_difference(difference_class=DifferenceClass.IN_FLIGHT))
    assert passes(a_difference(difference_class=DifferenceClass.IN_FLIGHT, arrived=True))


def test_a_check_that_does_not_hold_and_a_total_that_is_another_fail() -> None:
    check = Check("DE01", "tryton-emea", "account 2950 is zero", "0", "5.00 EUR", holds=False)
    apart = LeftOut("DE01", "tryton-emea", ("1.9",), "out_of_scope", "C", "unused", "EUR", Decimal(5), Decimal(0))

    assert "found 5.00 EUR" in verdict_of("DE01", [], [check], [], [], TODAY).reasons[0]
    assert "1.9" in verdict_of("DE01", [], [], [apart], [], TODAY).reasons[0]
    assert verdict_of("DE01", [], [replace(check, holds=True)], [replace(apart, amount=Decimal(0))], [], TODAY).passed
