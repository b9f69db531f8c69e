"""Every check answers; what was found has one hash for one set of facts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hybrid_erp.model.cutover import CheckResult, Verdict
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError, HybridErpError, OwnershipConflictError, WrongSystemError
from hybrid_erp.operations import preflight
from hybrid_erp.operations.preflight.needs import Facts
from hybrid_erp.operations.preflight.run import CHECKS, Check, evidence_hash, evidence_of, run_checks
from hybrid_erp.operations.preflight.subject import Subject
from tests.operations.preflight.facts import VERSIONS, FakeStore, a_reconciliation, a_subject, ago, facts

NO_CHECKS = {"__init__", "answer", "mapped", "needs", "periods", "run", "subject", "to_sign"}


def names(checks: tuple[Check, ...]) -> list[str]:
    return [check.__module__.rpartition(".")[2] for check in checks]


def failing(error: Exception) -> Check:
    def check(subject: Subject, facts: Facts) -> CheckResult:
        raise error

    return check


def test_a_region_in_order_passes_every_check_and_each_answers_under_its_own_name() -> None:
    results = run_checks(a_subject(), facts())

    assert [each.name for each in results] == names(CHECKS)
    assert {each.name: each.found for each in results if each.verdict is not Verdict.PASS} == {}


def test_every_module_beside_the_runner_is_a_check_with_a_test_of_its_name() -> None:
    modules = {file.stem for file in Path(preflight.__path__[0]).glob("*.py")} - NO_CHECKS

    assert set(names(CHECKS)) == modules
    for name in names(CHECKS):
        assert (Path(__file__).parent / f"test_{name}.py").exists()


@pytest.mark.parametrize(
    "error", [ErpUnavailableError("the ERP is down."), WrongSystemError("another answers."), ConfigurationError("no such file.")]
)
def test_a_check_that_cannot_ask_fails_with_the_reason_and_its_remedy(error: HybridErpError) -> None:
    (result,) = run_checks(a_subject(), facts(), [failing(error)])

    assert (result.verdict, result.found, result.remedy) == (Verdict.FAIL, error.message, error.remedy)


def test_a_bug_is_no_answer() -> None:
    with pytest.raises(OwnershipConflictError):
        run_checks(a_subject(), facts(), [failing(OwnershipConflictError("unforeseen"))])


def hash_of(subject: Subject, store: FakeStore | None = None) -> str:
    return evidence_hash(evidence_of(subject.request, run_checks(subject, facts(store)), subject.versions))


def test_equal_facts_have_one_hash_whenever_they_are_asked_for() -> None:
    first, later = a_subject(), a_subject(now=a_subject().now + timedelta(minutes=7))

    assert hash_of(first) == hash_of(later)
    assert len(hash_of(first)) == 64


def test_evidence_that_was_stored_and_read_again_has_its_hash_still() -> None:
    subject = a_subject()
    evidence = evidence_of(subject.request, run_checks(subject, facts()), subject.versions)
    reordered = dict(sorted(json.loads(json.dumps(evidence)).items(), reverse=True))

    assert evidence_hash(reordered) == evidence_hash(evidence)


def test_the_order_in_which_things_were_named_does_not_matter() -> None:
    subject = a_subject()
    request = replace(subject.request, kinds=subject.request.kinds[::-1], legal_entities=subject.request.legal_entities[::-1])

    assert evidence_of(request, (), VERSIONS) == evidence_of(subject.request, (), VERSIONS)


def test_anything_else_that_was_found_asked_or_configured_has_another_hash() -> None:
    subject = a_subject()
    others = [
        hash_of(subject, FakeStore(reconciliation=a_reconciliation(finished_at=ago(minutes=20)))),
        hash_of(replace(subject, request=replace(subject.request, reason="another"))),
        hash_of(replace(subject, versions=replace(VERSIONS, package="0.2.0"))),
    ]

    assert len({hash_of(subject), *others}) == 4
