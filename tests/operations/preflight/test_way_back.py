"""The old owner takes copies as soon as it is the candidate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hybrid_erp.model.cutover import Direction, Mode, Verdict
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.model.preflight import Stuck
from hybrid_erp.operations.preflight.way_back import check
from tests.operations.preflight.facts import (
    CLOUD,
    LEGACY,
    FakeCompanies,
    FakeStore,
    a_line,
    a_move,
    a_subject,
    ago,
    assert_verdict,
    facts,
    in_hypercare,
)

DOWN = ErpUnavailableError("down.")


def test_an_old_owner_that_takes_copies_passes_and_says_when_the_way_back_was_proven() -> None:
    told = f"{LEGACY} takes copies of DE01, UK01 from 2026-11 on; proven by the rehearsal of 2026-11-25T20:00:00+00:00"
    assert_verdict(check(a_subject(), facts()), Verdict.PASS, told)


@pytest.mark.parametrize(
    ("store", "companies", "told"),
    [
        (FakeStore(), FakeCompanies(failures={(LEGACY, "UK01", Role.CANDIDATE): DOWN}), "candidate of UK01"),
        (FakeStore(), FakeCompanies(closed={(LEGACY, "2026-11")}), f"{LEGACY} takes nothing of DE01 in 2026-11"),
        (FakeStore(lines={"DE01": [a_line("7777")]}), FakeCompanies(), f"{LEGACY} has no account for canonical account 7777"),
        (FakeStore(stuck_ones=[Stuck("DE01", "ledger", LEGACY, "control", "in doubt", 2)]), FakeCompanies(), "2 ledger postings of DE01"),
    ],
)  # fmt: skip
def test_whatever_would_keep_a_copy_out_is_refused(store: FakeStore, companies: FakeCompanies, told: str) -> None:
    assert_verdict(check(a_subject(), facts(store, companies)), Verdict.FAIL, told)


def test_what_is_stuck_at_the_new_owner_is_another_check() -> None:
    store = FakeStore(stuck_ones=[Stuck("DE01", "ledger", CLOUD, "candidate", "in doubt", 2)])
    assert_verdict(check(a_subject(), facts(store)), Verdict.PASS)


@pytest.mark.parametrize(
    ("moves", "verdict"),
    [
        ([], Verdict.WARN),
        ([a_move(outcome="released")], Verdict.WARN),
        ([a_move(mode=Mode.LIVE, outcome="switched")], Verdict.WARN),
        ([a_move(direction=Direction.ROLLBACK, mode=Mode.LIVE, outcome="switched", ended_at=ago(days=90))], Verdict.PASS),
    ],
)
def test_a_live_run_is_told_when_nothing_has_proven_the_way_back(moves: list[Any], verdict: Verdict) -> None:
    assert_verdict(check(a_subject(), facts(FakeStore(moves=moves))), verdict)


def test_a_rehearsal_is_how_it_is_proven_and_so_needs_no_proof() -> None:
    told = "the way back has not been gone yet"
    assert_verdict(check(a_subject(mode=Mode.REHEARSAL), facts(FakeStore(moves=[]))), Verdict.PASS, told)


def test_before_a_rollback_the_cloud_erp_is_the_one_that_must_take_copies() -> None:
    store = FakeStore(states=in_hypercare(), moves=[replace(a_move(), mode=Mode.LIVE, outcome="switched")])
    told = "proven by the cutover of"
    assert_verdict(check(a_subject(direction=Direction.ROLLBACK), facts(store)), Verdict.PASS, f"{CLOUD} takes copies", told)
