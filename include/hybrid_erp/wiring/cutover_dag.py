"""The DAG of a region's cutover, or of its rollback: the same steps with the roles of the ERPs exchanged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pendulum
from airflow.sdk import DAG, Param, RetryDecision, RetryPolicy, chain, setup, task
from airflow.sdk.definitions.param import ParamsDict

from hybrid_erp.model.cutover import ApproverRole, Direction, Mode, Step
from hybrid_erp.model.cutover_plan import CutoverPlan
from hybrid_erp.model.errors import ErpUnavailableError, HybridErpError, NotQuietError
from hybrid_erp.wiring.approval import ApprovalRetryPolicy, RecordedApproval
from hybrid_erp.wiring.form import text
from hybrid_erp.wiring.over_budget import budget_alert

SECTION: Final = "Cutover"
MODES: Final = {
    Mode.DRY_RUN.value: "Dry run: look at everything, change nothing",
    Mode.REHEARSAL.value: "Rehearsal: everything up to the switch, then release",
    Mode.LIVE.value: "Live",
}


class CutoverRetryPolicy(RetryPolicy):
    """An ERP that does not answer, or a store that was away, is tried again. What the store or a step has refused is not."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """What to do after a try has failed; Airflow writes the reason to the task's log."""
        if isinstance(exception, HybridErpError) and not isinstance(exception, ErpUnavailableError | NotQuietError):
            return RetryDecision.fail(reason=str(exception)[:500])
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CutoverRetryPolicy:
        """It has no settings."""
        return cls()


def cutover_dag(direction: Direction, region: str, kinds: list[str], plan: CutoverPlan, doc_md: str | None) -> DAG:
    """One region's runbook, one way."""
    with DAG(
        dag_id=f"{direction.value}_{region}",
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        max_active_runs=1,
        doc_md=doc_md,
        tags=["hybrid-erp", direction.value, region],
        deadline=[budget_alert(region, plan)],
        default_args={"retries": 3, "retry_delay": timedelta(seconds=3), "retry_policy": CutoverRetryPolicy()},
    ) as built:

        @setup
        def begin() -> None:
            """Do nothing: what must be undone is done by the tasks after it, and undone by `release`, however they end."""

        @task
        def preflight(region: str, direction: str, **context: Any) -> dict[str, str]:
            """Check the request, both ERPs, the store and Airflow; store the evidence that people are asked on."""
            from hybrid_erp.wiring.cutover import begin_cutover

            run = context["dag_run"]
            who = str(run.triggering_user_name or "unknown")
            return begin_cutover(region, direction, dict(run.conf or {}), run=run.run_id, requested_by=who)

        @task
        def advance(region: str, step: str, **context: Any) -> dict[str, Any]:
            """Take one step; what it does depends on where the store says that the region is."""
            from hybrid_erp.wiring.cutover import take_step

            return take_step(region, step, run=context["dag_run"].run_id, by=f"{context['dag'].dag_id}:{step}")

        @task(retries=20, retry_delay=timedelta(seconds=15))
        def release(region: str, **context: Any) -> dict[str, Any]:
            """Open claims: at the new owner after a switch, else at the old one, in the order that is safe."""
            from hybrid_erp.wiring.cutover import release_cutover

            return release_cutover(region, run=context["dag_run"].run_id, by=f"{context['dag'].dag_id}:release")

        @task
        def verdict(region: str, **context: Any) -> dict[str, str]:
            """What the store says that this run came to."""
            from hybrid_erp.wiring.cutover import verdict_on_cutover

            run = context["dag_run"]
            return verdict_on_cutover(region, dict(run.conf or {}), run=run.run_id)

        began: Any = begin()
        asked = [_approval(region, plan, ApproverRole.MIGRATION_LEAD)]
        asked += [_approval(region, plan, ApproverRole.CONTROLLER, entity) for entity in sorted(plan.approvers.controllers)]
        asked += [_approval(region, plan, ApproverRole.SECOND_CONTROLLER, entity) for entity in sorted(plan.calendars)]
        steps = [
            advance.override(task_id=step.value, doc_md=step.words)(region, step.value)
            for step in Step
            if step not in (Step.PREFLIGHT, Step.APPROVAL, Step.RELEASE)
        ]
        released: Any = release(region)
        told: Any = verdict(region)
        chain(began, preflight(region, direction.value), asked, *steps, released.as_teardown(setups=began))
        released >> told.as_teardown(setups=began, on_failure_fail_dagrun=True)
    # Given before, they would be copied deeply into each task, several times: half of what it costs to parse the file.
    built.params = ParamsDict(_params(kinds))
    return built


def _approval(region: str, plan: CutoverPlan, role: ApproverRole, legal_entity: str = "") -> RecordedApproval:
    return RecordedApproval(
        task_id=f"{'override_blackout' if role is ApproverRole.SECOND_CONTROLLER else 'approve'}_{legal_entity or role.value}",
        region=region,
        role=role.value,
        legal_entity=legal_entity,
        response_timeout=timedelta(minutes=plan.approval_minutes_max),
        retries=10,
        retry_delay=timedelta(seconds=1),
        retry_policy=ApprovalRetryPolicy(),
    )


def _params(kinds: list[str]) -> dict[str, Param]:
    return {
        "mode": Param(Mode.DRY_RUN.value, type="string", enum=list(MODES), values_display=MODES, title="Mode", section=SECTION),
        "kinds": Param(
            kinds, type="array", items={"type": "string", "enum": kinds}, title="Kinds", section=SECTION,
            description="What moves. Kinds that need each other move together.",
        ),
        "from_period": Param(
            None, type=["null", "string"], pattern=r"^\d{4}-(0[1-9]|1[0-2])$", title="From accounting period", section=SECTION,
            description="The first one that the new owner holds, like 2026-11; the present one unless it is given.",
        ),
        "reason": text(title="Reason", description="Goes to the audit trail.", section=SECTION),
        "ticket": text(title="Ticket", description="The change that this belongs to.", section=SECTION),
        "override_blackout": text(
            title="Override a blackout date", section=SECTION,
            description="Why a live run may go on a day that the calendar keeps free. A second controller has to agree.",
        ),
    }  # fmt: skip
