"""One person's yes in Airflow, written to our own store by the task that asked: from the answer itself, never from XCom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow.providers.standard.exceptions import HITLRejectException, HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import RetryDecision, RetryPolicy

from hybrid_erp.adapters.store.cutovers import PostgresCutovers
from hybrid_erp.model.cutover import ApproverRole, Cutover
from hybrid_erp.model.errors import CutoverGivenUpError, NotAnApproverError
from hybrid_erp.wiring.configuration import settings
from hybrid_erp.wiring.delivery import store_connection

ASKED_ON: Final = "evidence_hash"
#: Of the differences that a yes signs, so many are shown; the evidence has them all, and the hash covers it.
TO_SIGN_SHOWN: Final = 40


class ApprovalRetryPolicy(RetryPolicy):
    """An answer of somebody who may not answer is asked for again. A no is a no, and silence is one too."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """What to do after a try has failed."""
        if isinstance(exception, HITLRejectException | HITLTimeoutError | CutoverGivenUpError):
            return RetryDecision.fail(reason=str(exception)[:500] or "rejected")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ApprovalRetryPolicy:
        """It has no settings."""
        return cls()


class RecordedApproval(ApprovalOperator):
    """Asks one role of a cutover for approval of its evidence (ACCOUNTING D24).

    Marking the task a success records nothing, and the freeze refuses.
    """

    def __init__(self, *, region: str, role: str, legal_entity: str = "", **kwargs: Any) -> None:
        super().__init__(subject=f"{role} {legal_entity}", body="", fail_on_reject=True, **kwargs)
        self.region, self.role, self.legal_entity = region, ApproverRole(role), legal_entity

    def execute(self, context: Any) -> Any:
        """Ask, unless it is a dry run or this role has said yes to the same evidence."""
        with store_connection("reader") as connection:
            store = PostgresCutovers(connection, "")
            found = store.of_run(self.region, context["dag_run"].run_id)
            given = store.approvals(found.cutover_id) if found else ()
        if found is None:
            self.log.info("Would ask one of %s.", ", ".join(self.people))
            return None
        if found.ended_at is not None:
            raise CutoverGivenUpError(f"This {found.direction} has ended: {found.outcome}.")
        if self.role is ApproverRole.SECOND_CONTROLLER and self.legal_entity not in overridden_blackouts(found):
            self.log.info("No blackout date of %s is overridden: there is nothing to ask.", self.legal_entity)
            return None
        mine = [each for each in given if (each.role, each.legal_entity) == (self.role, self.legal_entity)]
        if mine:
            self.log.info("%s has approved this evidence at %s.", mine[0].approved_by, mine[0].answered_at)
            return None
        assert found.evidence_hash is not None
        context["task_state_store"].set(ASKED_ON, found.evidence_hash)
        self.subject = (
            f"{found.mode.value} {found.direction.value} of {found.region}: {self.role.value.replace('_', ' ')} {self.legal_entity}".strip()
        )
        self.body = body_of(found, self.people, self.legal_entity)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Write the answer to our store; raises where whoever answered may not, and then the question is asked again.

        Raises:
            NotAnApproverError: The region's plan does not name this person for this role.
            OwnershipConflictError: It is the one who asked for the run, or the evidence has changed since.
        """
        answer = super().execute_complete(context, event)
        person: Mapping[str, Any] = event.get("responded_by_user") or {}
        name = str(person.get("name") or "")
        if event.get("timedout") or name not in self.people:
            raise NotAnApproverError(f"{name or 'Nobody'} is not named as {self.role.value} {self.legal_entity}: {', '.join(self.people)}.")
        with store_connection("cutover") as connection:
            store = PostgresCutovers(connection, name)
            found = store.of_run(self.region, context["dag_run"].run_id)
            if found is None:
                raise CutoverGivenUpError("Nothing was asked for in this run.")
            store.approve(
                found.cutover_id,
                self.role,
                self.legal_entity,
                evidence_hash=str(context["task_state_store"].get(ASKED_ON)),
                by=name,
                by_id=str(person.get("id") or ""),
                answered_at=event["responded_at"],
            )
        return answer

    @property
    def people(self) -> tuple[str, ...]:
        """Who may answer, by the region's plan."""
        plan = settings().plan(self.region).cutover
        assert plan is not None
        approvers = plan.approvers
        return approvers.migration_lead if self.role is ApproverRole.MIGRATION_LEAD else approvers.controllers[self.legal_entity]


def body_of(found: Cutover, people: tuple[str, ...], legal_entity: str = "") -> str:
    """What a person reads before the answer, in Markdown: the request, every check, what remains to be signed, and the hash of it all.

    `legal_entity`: of which the differences are told; empty: of all.
    """
    evidence = found.evidence or {}
    lines = [
        f"**{found.old_owner} → {found.new_owner}**, {', '.join(found.kinds)} of {', '.join(found.legal_entities)}, "
        f"from accounting period **{found.from_period}** on.",
        f"Asked for by **{found.requested_by}**: {found.reason} ({found.ticket}). Who asked cannot approve. Asked: {', '.join(people)}.",
        *_override(found),
        "",
        "| | Check | Found |",
        "|---|---|---|",
        *(f"| {each['verdict']} | {each['name'].replace('_', ' ')} | {_cell(each['found'])} |" for each in evidence.get("checks", ())),
        *_to_sign(evidence, legal_entity),
        "",
        f"Evidence `{found.evidence_hash}`, configuration `{found.configuration[:16]}`, package {found.package}. Silence is a no.",
    ]
    return "\n".join(lines)


def overridden_blackouts(found: Cutover) -> list[str]:
    """The legal entities whose blackout date this run overrides, by its evidence."""
    checks = (found.evidence or {}).get("checks", ())
    return [entity for each in checks if each["name"] == "blackout_dates" for entity in each["evidence"].get("overridden", ())]


def _override(found: Cutover) -> list[str]:
    if not (entities := overridden_blackouts(found)):
        return []
    why = _cell((found.evidence or {})["request"]["override_blackout"])
    who = ", ".join(entities)
    return ["", f"**A blackout date of {who} is overridden**: {why}. A second controller of each has to agree, another than the first."]


def _to_sign(evidence: Mapping[str, Any], legal_entity: str) -> list[str]:
    """Each difference that remains, and what may still arise until the switch: the yes signs both (ACCOUNTING D23)."""
    told: Mapping[str, Any] = next((each["evidence"] for each in evidence.get("checks", ()) if each["name"] == "reconciliation_passed"), {})
    mine = {
        name: [each for each in told.get(name, ()) if legal_entity in ("", each["legal_entity"])]
        for name in ("to_sign", "may_arise", "let_pass")
    }
    lines = []
    if remaining := mine["to_sign"]:
        lines = [
            "",
            f"**{len(remaining)} differences remain.** Your yes signs each:",
            "",
            *_head("Document", "Amount", "Why", "Cleared by"),
        ]
        lines += [
            _row(_named(each), f"{each['amount']} ({each['class']})", each["why"], each["cleared_by"]) for each in remaining[:TO_SIGN_SHOWN]
        ]
        if (left := len(remaining) - TO_SIGN_SHOWN) > 0:
            lines += ["", f"{left} more are in the evidence."]
    if allowed := mine["may_arise"]:
        lines += [
            "",
            "**May still arise until the switch**, no more than this:",
            "",
            *_head("Class", "In sum", "Without money", "Whose, and why"),
        ]
        lines += [
            _row(f"{each['legal_entity']} {each['class']}", each["amount"], each["without_money"], f"{each['owner']}: {each['reason']}")
            for each in allowed
        ]
    if passing := mine["let_pass"]:
        words = "; ".join(f"{each['count']} of {each['legal_entity']} in {each['aspect']} ({each['rule']})" for each in passing)
        lines += ["", f"Let pass by the plan, none with money: {_cell(words)}."]
    return lines


def _named(each: Mapping[str, Any]) -> str:
    what = f"{each['document_type'].replace('_', ' ')} {each['number']}".strip() or each["legacy_id"] or each["cloud_id"] or "the balance"
    return f"{each['legal_entity']} {what}: {each['aspect']}"


def _head(*names: str) -> list[str]:
    return [_row(*names), "|" + "---|" * len(names)]


def _row(*cells: Any) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")[:400]
