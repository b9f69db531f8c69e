"""A move begins where it must, for kinds that are kept in both ERPs, and one at a time."""

from __future__ import annotations

from uuid import uuid4

import pytest

from hybrid_erp.model.cutover import Direction, Verdict
from hybrid_erp.model.ownership import OWNED_KINDS, Phase, PostingKind
from hybrid_erp.model.preflight import UnderWay
from hybrid_erp.operations.preflight.no_other_cutover import check
from tests.operations.preflight.facts import CLOUD, LEGACY, NOW, FakeStore, a_kind, a_subject, asking, assert_verdict, facts, in_hypercare


def with_ledger(**changes: object) -> FakeStore:
    others = [a_kind(PostingKind.PROJECT), a_kind(PostingKind.BILLING)]
    return FakeStore(states=[*others, a_kind(PostingKind.LEDGER, **changes)])


def test_a_region_in_dual_run_may_be_cut_over() -> None:
    assert_verdict(check(a_subject(), facts()), Verdict.PASS, "phase dual_run", f"owned by {LEGACY} with {CLOUD}")


def test_a_region_in_hypercare_may_be_rolled_back() -> None:
    assert_verdict(check(a_subject(direction=Direction.ROLLBACK), facts(FakeStore(states=in_hypercare()))), Verdict.PASS, "phase hypercare")


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.DUAL_RUN])
def test_a_cutover_in_another_phase_is_refused(phase: Phase) -> None:
    told = f"ledger is in phase {phase}, and a cutover begins in dual_run"
    assert_verdict(check(a_subject(), facts(with_ledger(phase=phase))), Verdict.FAIL, told)


def test_a_kind_that_does_not_dual_run_is_refused() -> None:
    assert_verdict(check(a_subject(), facts(with_ledger(candidate=None))), Verdict.FAIL, "ledger does not dual-run")


def test_a_kind_without_ownership_is_refused() -> None:
    store = FakeStore(states=[a_kind(PostingKind.PROJECT), a_kind(PostingKind.BILLING)])
    assert_verdict(check(a_subject(), facts(store)), Verdict.FAIL, "the store has no ownership of ledger")


def test_another_owner_is_refused() -> None:
    told = f"ledger is owned by other with {CLOUD} as the candidate in 2026-11"
    assert_verdict(check(a_subject(), facts(with_ledger(owner="other"))), Verdict.FAIL, told)


def test_a_kind_frozen_by_another_cutover_is_refused() -> None:
    store = with_ledger(cutover_id=uuid4(), phase=Phase.FROZEN)
    assert_verdict(check(a_subject(), facts(store)), Verdict.FAIL, "ledger is frozen by the cutover")


def test_another_run_that_has_not_ended_is_named_and_our_own_is_not() -> None:
    store = FakeStore(others=[UnderWay(Direction.ROLLBACK, "run-7", "lee", NOW), UnderWay(Direction.CUTOVER, "run-1", "lena", NOW)])
    result = check(a_subject(), facts(store))

    assert_verdict(result, Verdict.FAIL, "the rollback that lee asked for in run run-7 has not ended")
    assert "run-1" not in result.found


def test_a_kind_that_does_not_move_may_be_anywhere() -> None:
    store = FakeStore(states=[a_kind(PostingKind.PROJECT, phase=Phase.LEGACY_ONLY), *(a_kind(kind) for kind in OWNED_KINDS[1:])])
    assert_verdict(check(asking(a_subject(), kinds=OWNED_KINDS[1:]), facts(store)), Verdict.PASS)
