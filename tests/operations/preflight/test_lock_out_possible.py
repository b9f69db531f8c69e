"""People can be locked out, and we are not locked out with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hybrid_erp.model.cutover import Direction, Verdict
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError
from hybrid_erp.model.lock_out import LockOutState
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.operations.preflight.lock_out_possible import check
from tests.operations.preflight.facts import CLOUD, LEGACY, FakeCompanies, a_lock_out_state, a_right, a_subject, assert_verdict, facts

CLOSERS = {"DE01": {"legacy": ["billie"], "cloud": ["carla"]}}


def with_state(state: LockOutState, erp: str = LEGACY, **terms: Any) -> Any:
    return check(a_subject(**terms), facts(companies=FakeCompanies(states={erp: state})))


def test_whom_a_lock_out_stops_is_told_of_both_erps() -> None:
    result = with_state(a_lock_out_state())

    assert_verdict(result, Verdict.PASS, f"DE01 at {LEGACY} stops billie, control", f"UK01 at {CLOUD} stops billie, control")
    assert result.evidence["companies"][f"DE01 at {LEGACY}"]["stopped"] == ["billie", "control"]


def test_an_erp_without_a_lock_out_is_refused() -> None:
    none = ConfigurationError("the pack says nothing of it.")

    for erp, told in ((LEGACY, "no lock-out: the pack says nothing of it"), (CLOUD, "no lock-out, and so no reverse: the pack")):
        result = check(a_subject(), facts(companies=FakeCompanies(custodian_fails={erp: none})))
        assert_verdict(result, Verdict.FAIL, f"DE01 at {erp}: {told}")


def test_a_custodian_who_does_not_answer_is_named_and_the_others_are_asked_all_the_same() -> None:
    result = check(a_subject(), facts(companies=FakeCompanies(custodian_fails={LEGACY: ErpUnavailableError("refused.")})))

    assert_verdict(result, Verdict.FAIL, f"the custodian of DE01 at {LEGACY}: refused")
    assert set(result.evidence["companies"]) == {f"DE01 at {CLOUD}", f"UK01 at {CLOUD}"}


def test_a_credential_that_must_post_on_and_cannot_is_refused() -> None:
    told = "candidate (candidate) has no right to post billing, ledger, project"
    assert_verdict(with_state(a_lock_out_state(without=["candidate"])), Verdict.FAIL, told)
    rights = frozenset(right for right in a_lock_out_state().rights if right != a_right("run_off", PostingKind.LEDGER))
    assert_verdict(with_state(a_lock_out_state(rights=rights)), Verdict.FAIL, "run_off (run_off) has no right to post ledger")


def test_one_login_for_two_roles_is_refused_because_a_lock_out_would_leave_the_control_its_rights() -> None:
    ours = {Role.CONTROL: "candidate", Role.CANDIDATE: "candidate", Role.RUN_OFF: "run_off"}
    assert_verdict(with_state(a_lock_out_state(ours=ours)), Verdict.FAIL, "candidate is both control and candidate")


def test_an_unknown_credential_is_refused() -> None:
    ours = {Role.CONTROL: "control", Role.CANDIDATE: "candidate"}
    assert_verdict(with_state(a_lock_out_state(ours=ours)), Verdict.FAIL, "the run_off credential is not known there")


def test_closers_keep_their_rights_each_in_the_erp_where_they_are_named() -> None:
    state = a_lock_out_state()
    rights = state.rights | {a_right("carla", kind) for kind in PostingKind}
    result = with_state(a_lock_out_state(rights=rights), CLOUD, closers=CLOSERS)

    assert_verdict(result, Verdict.PASS)
    assert result.evidence["companies"][f"DE01 at {LEGACY}"]["stopped"] == ["control"]
    assert result.evidence["companies"][f"DE01 at {CLOUD}"]["stopped"] == ["billie", "control"]
    assert result.evidence["companies"][f"UK01 at {LEGACY}"]["stopped"] == ["billie", "control"]


@pytest.mark.parametrize(("closed_through", "kept"), [("2026-09", True), ("2026-10", False), ("2026-11", False)])
def test_closers_keep_their_rights_only_while_a_period_before_the_first_that_moves_is_open(closed_through: str, kept: bool) -> None:
    subject = replace(a_subject(closers={"DE01": {"legacy": ["billie"]}}), closed_through={"DE01": closed_through})

    found = check(subject, facts()).evidence["companies"][f"DE01 at {LEGACY}"]

    assert found["closers"] == (["billie"] if kept else [])
    assert ("billie" in found["stopped"]) is not kept


def test_closers_who_are_nobody_are_refused() -> None:
    assert_verdict(with_state(a_lock_out_state(), closers=CLOSERS), Verdict.FAIL, f"DE01 at {CLOUD}: the closers carla hold no right")


def test_our_control_credential_is_no_closer() -> None:
    closers = {"DE01": {"legacy": ["control"]}}
    assert_verdict(with_state(a_lock_out_state(), closers=closers), Verdict.FAIL, "control is our control credential")


def test_who_cannot_be_stopped_is_a_warning() -> None:
    result = with_state(a_lock_out_state(unstoppable=frozenset({"postgres"})))
    assert_verdict(result, Verdict.WARN, f"DE01 at {LEGACY}: no lock-out stops postgres")


def test_before_a_rollback_the_legacy_erp_is_locked_out_already() -> None:
    locked = a_lock_out_state(without=["control", "billie"], generation=7)
    result = with_state(locked, LEGACY, direction=Direction.ROLLBACK)
    assert_verdict(result, Verdict.PASS, f"DE01 at {LEGACY} stops nobody", f"DE01 at {CLOUD} stops billie, control")


def test_before_a_rollback_the_closers_are_still_those_of_each_erp() -> None:
    result = with_state(a_lock_out_state(), closers={"DE01": {"cloud": ["billie"]}}, direction=Direction.ROLLBACK)

    assert result.evidence["companies"][f"DE01 at {CLOUD}"]["closers"] == ["billie"]
    assert result.evidence["companies"][f"DE01 at {LEGACY}"]["closers"] == []
