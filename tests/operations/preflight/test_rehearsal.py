"""What is done live was rehearsed before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hybrid_erp.model.cutover import Direction, Mode, Verdict
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.operations.preflight.rehearsal import check
from tests.operations.preflight.facts import CLOUD, LEGACY, VERSIONS, FakeStore, a_move, a_subject, ago, assert_verdict, facts


def after(*moves: Any, **terms: Any) -> Any:
    return check(a_subject(**terms), facts(FakeStore(moves=list(moves))))


def test_a_recent_rehearsal_on_the_same_configuration_is_enough() -> None:
    assert_verdict(after(a_move()), Verdict.PASS, "rehearsed with success until 2026-11-25T20:00:00+00:00")


def test_a_live_cutover_without_a_rehearsal_is_refused() -> None:
    assert_verdict(after(), Verdict.FAIL, "no cutover of these kinds has been rehearsed")


@pytest.mark.parametrize("mode", [Mode.REHEARSAL, Mode.DRY_RUN])
def test_a_run_that_moves_nothing_needs_none(mode: Mode) -> None:
    assert_verdict(after(mode=mode), Verdict.PASS)


def test_an_old_rehearsal_is_refused() -> None:
    assert_verdict(after(a_move(ended_at=ago(days=31))), Verdict.FAIL, "more than 30 days ago")


@pytest.mark.parametrize(
    "other",
    [
        {"outcome": "released"},
        {"outcome": "switched", "mode": Mode.LIVE},
        {"direction": Direction.ROLLBACK},
        {"kinds": frozenset({PostingKind.LEDGER, PostingKind.BILLING})},
    ],
)
def test_something_else_is_no_rehearsal_of_this(other: dict[str, Any]) -> None:
    assert_verdict(after(a_move(**other)), Verdict.FAIL, "no cutover of these kinds")


def test_a_rehearsal_on_something_else_is_told_with_what_has_changed() -> None:
    changed = replace(VERSIONS, configuration="0" * 64, mappings={LEGACY: "2", CLOUD: "1"})
    assert_verdict(after(a_move(), versions=changed), Verdict.WARN, "the configuration and mappings changed since the rehearsal")


def test_the_way_back_is_not_refused_for_the_want_of_a_rehearsal() -> None:
    assert_verdict(after(a_move(), direction=Direction.ROLLBACK), Verdict.WARN, "no rollback of these kinds has been rehearsed")
