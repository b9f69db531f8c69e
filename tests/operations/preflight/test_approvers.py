"""Somebody can approve in every role, and never the one who asks."""

from __future__ import annotations

from hybrid_erp.model.cutover import Verdict
from hybrid_erp.operations.preflight.approvers import check
from tests.operations.preflight.facts import FakeSurroundings, a_subject, asking, assert_verdict, facts


def known(*logins: str) -> FakeSurroundings:
    return FakeSurroundings(logins=frozenset(logins))


def test_everybody_who_can_answer_is_named() -> None:
    result = check(a_subject(), facts())

    assert_verdict(result, Verdict.PASS, "migration lead: lead, deputy", "controller of UK01: controller-uk, controller")
    assert result.evidence["approvers"]["controller of DE01"] == ["controller"]


def test_who_asks_does_not_count() -> None:
    result = check(asking(a_subject(), requested_by="controller"), facts())

    assert_verdict(result, Verdict.FAIL, "nobody can approve as controller of DE01: controller asks")
    assert result.evidence["approvers"]["controller of UK01"] == ["controller-uk"]


def test_who_cannot_sign_in_does_not_count() -> None:
    result = check(a_subject(), facts(surroundings=known("lena", "controller", "controller-uk")))
    assert_verdict(result, Verdict.FAIL, "nobody can approve as migration lead: lead, deputy ask or cannot sign in")


def test_who_asks_must_be_known() -> None:
    assert_verdict(check(asking(a_subject(), requested_by="ghost"), facts()), Verdict.FAIL, "ghost, who asks, is no login")
    assert_verdict(check(asking(a_subject(), requested_by=""), facts()), Verdict.FAIL, "it is not known who asks")


def test_logins_that_nobody_tells_are_a_warning() -> None:
    assert_verdict(check(a_subject(), facts(surroundings=FakeSurroundings(logins=None))), Verdict.WARN, "who can sign in is not known here")
