"""An approval counts only as the store has it: written by the task that asked, of somebody who may answer, to what was shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.standard.exceptions import HITLRejectException, HITLTimeoutError

from hybrid_erp.model.cutover import ApproverRole
from hybrid_erp.model.errors import CutoverGivenUpError, NotAnApproverError, OwnershipConflictError
from hybrid_erp.wiring.approval import ASKED_ON, ApprovalRetryPolicy, RecordedApproval, body_of
from tests.store.cutovers import EVIDENCE, EVIDENCE_HASH, Move, dual_run
from tests.stores import Store

APPROVED = ["Approve"]


@dataclass
class Run:
    """The run that a task belongs to."""

    run_id: str


@dataclass
class Kept:
    """What a task keeps from one of its tries to the next."""

    values: dict[str, Any] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        return self.values.get(key)


@pytest.fixture
def move(store: Store) -> Move:
    """EMEA in dual run, with a cutover that `lena` has asked for and its evidence."""
    dual_run(store)
    asked = Move(store)
    asked.cutovers.store_evidence(asked.id, EVIDENCE, EVIDENCE_HASH)
    return asked


def the_task(role: str = "migration_lead", legal_entity: str = "") -> RecordedApproval:
    return RecordedApproval(task_id="approve", region="emea", role=role, legal_entity=legal_entity)


def answered(
    move: Move, by: str, *, chosen: list[str] | None = None, asked_on: str = EVIDENCE_HASH, task: RecordedApproval | None = None
) -> None:
    event = {
        "chosen_options": chosen or APPROVED,
        "params_input": {},
        "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": "7", "name": by},
    }
    context = {"dag_run": Run(move.now.run), "task_state_store": Kept({ASKED_ON: asked_on})}
    (task or the_task()).execute_complete(context, event)


def given(move: Move) -> list[tuple[ApproverRole, str, str]]:
    return [(each.role, each.legal_entity, each.approved_by) for each in move.cutovers.approvals(move.id)]


def test_a_yes_is_written_to_the_store_with_who_and_for_what(move: Move) -> None:
    answered(move, "deputy")
    answered(move, "controller", task=the_task("controller", "DE01"))

    assert given(move) == [(ApproverRole.MIGRATION_LEAD, "", "deputy"), (ApproverRole.CONTROLLER, "DE01", "controller")]


def test_somebody_whom_the_plan_does_not_name_may_not_answer(move: Move) -> None:
    with pytest.raises(NotAnApproverError, match="viewer is not named as migration_lead"):
        answered(move, "viewer")
    assert given(move) == []


def test_whoever_asked_for_the_run_may_not_answer(store: Store, move: Move) -> None:
    store.sql("UPDATE cutover SET requested_by = 'lead'")

    with pytest.raises(OwnershipConflictError, match="lead asked for this cutover"):
        answered(move, "lead")
    assert given(move) == []


def test_an_answer_to_evidence_that_has_changed_since_is_refused(move: Move) -> None:
    with pytest.raises(OwnershipConflictError, match="the evidence has changed"):
        answered(move, "deputy", asked_on="0" * 64)


def test_a_no_writes_nothing_and_is_not_asked_again(move: Move) -> None:
    with pytest.raises(HITLRejectException) as refused:
        answered(move, "deputy", chosen=["Reject"])

    assert given(move) == []
    assert ApprovalRetryPolicy().evaluate(refused.value, 1, 10).action.value == "fail"


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (HITLTimeoutError("silence"), "fail"),
        (CutoverGivenUpError("ended"), "fail"),
        (NotAnApproverError("viewer"), "default"),
        (OwnershipConflictError("lead asked"), "default"),
    ],
)
def test_silence_is_a_no_and_a_wrong_person_is_asked_past(error: BaseException, action: str) -> None:
    assert ApprovalRetryPolicy().evaluate(error, 1, 10).action.value == action


def test_what_is_shown_names_every_check_the_hash_and_who_asked(move: Move) -> None:
    evidence = {"checks": [{"verdict": "warn", "name": "store_fit", "found": "a | pipe and <b>markup</b>"}]}
    move.cutovers.store_evidence(move.id, evidence, "a" * 64)

    shown = body_of(move.now, ("deputy",))

    assert "| warn | store fit | a \\| pipe and &lt;b>markup&lt;/b> |" in shown
    assert "a" * 64 in shown
    assert "Asked for by **lena**: it is time (CHG-1)" in shown


REMAINING: dict[str, list[dict[str, Any]]] = {
    "to_sign": [
        {"legal_entity": entity, "class": "rounding", "aspect": "tax", "posting_id": None, "legacy_id": "7", "cloud_id": "9",
         "number": number, "document_type": "invoice", "amount": "0.02", "why": "rounds | by line", "cleared_by": "tryton: debit 2400 0.02"}
        for entity, number in (("DE01", "RE-7"), ("UK01", "INV-1"))
    ],
    "may_arise": [{"legal_entity": "DE01", "class": "rounding", "amount": "0.05", "without_money": 0, "owner": "Carla", "reason": "so"}],
    "let_pass": [{"legal_entity": "DE01", "class": "timing", "aspect": "issue date", "rule": "Carla: one date", "count": 3}],
}  # fmt: skip


def test_a_controller_reads_each_difference_of_the_own_company_and_the_lead_reads_all(move: Move) -> None:
    checks = [{"verdict": "pass", "name": "reconciliation_passed", "found": "passed", "evidence": REMAINING}]
    move.cutovers.store_evidence(move.id, {"checks": checks}, "a" * 64)

    controller, lead = body_of(move.now, ("controller",), "DE01"), body_of(move.now, ("lead",))

    assert "| DE01 invoice RE-7: tax | 0.02 (rounding) | rounds \\| by line | tryton: debit 2400 0.02 |" in controller
    assert "| DE01 rounding | 0.05 | 0 | Carla: so |" in controller
    assert "3 of DE01 in issue date (Carla: one date)" in controller
    assert "INV-1" not in controller
    assert "INV-1" in lead


def test_what_is_not_shown_of_a_long_list_is_said(move: Move) -> None:
    many = {"to_sign": REMAINING["to_sign"][:1] * 42}
    checks = [{"verdict": "pass", "name": "reconciliation_passed", "found": "passed", "evidence": many}]
    move.cutovers.store_evidence(move.id, {"checks": checks}, "a" * 64)

    shown = body_of(move.now, ("controller",), "DE01")

    assert shown.count("RE-7") == 40
    assert "**42 differences remain.**" in shown
    assert "2 more are in the evidence." in shown


OVERRIDING = {
    "request": {"override_blackout": "the <licence> ends"},
    "checks": [{"verdict": "warn", "name": "blackout_dates", "found": "year end", "evidence": {"overridden": ["UK01"]}}],
}


def test_a_second_controller_reads_why_the_date_is_overridden_and_is_not_the_first(move: Move) -> None:
    move.cutovers.store_evidence(move.id, OVERRIDING, EVIDENCE_HASH.replace("e", "d"))
    second, on = the_task("second_controller", "UK01"), dict[str, Any](asked_on=EVIDENCE_HASH.replace("e", "d"))
    answered(move, "controller", task=the_task("controller", "UK01"), **on)

    with pytest.raises(OwnershipConflictError, match="controller has approved in another role"):
        answered(move, "controller", task=second, **on)
    with pytest.raises(NotAnApproverError, match="deputy is not named as second_controller UK01: controller-uk, controller"):
        answered(move, "deputy", task=second, **on)
    answered(move, "controller-uk", task=second, **on)

    assert given(move)[-1] == (ApproverRole.SECOND_CONTROLLER, "UK01", "controller-uk")
    assert "**A blackout date of UK01 is overridden**: the &lt;licence> ends." in body_of(move.now, second.people)


def test_where_no_date_is_overridden_no_second_controller_is_asked(move: Move) -> None:
    move.cutovers.store_evidence(move.id, OVERRIDING, EVIDENCE_HASH.replace("e", "d"))
    kept = Kept()

    the_task("second_controller", "DE01").execute({"dag_run": Run(move.now.run), "task_state_store": kept})

    assert kept.values == {}
