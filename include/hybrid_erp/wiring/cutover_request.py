"""What a lead fills into the form of a cutover or rollback, checked against the configuration before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hybrid_erp.model.cutover import CutoverRequest, Direction, Mode
from hybrid_erp.model.errors import ConfigurationError, CutoverRefusedError
from hybrid_erp.model.ownership import OWNED_KINDS, AccountingPeriod, PostingKind, next_period, period_of
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.settings import RegionSettings, Settings
from hybrid_erp.wiring.form import Text


class CutoverConf(BaseModel):
    """What a run of `cutover_<region>` or `rollback_<region>` may be given; Airflow itself accepts unknown keys."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode = Mode.DRY_RUN
    kinds: tuple[PostingKind, ...] | None = Field(default=None, description="What moves; all kinds of the region's plan unless stated.")
    from_period: AccountingPeriod | None = Field(default=None, description="The first period that moves; the present one unless stated.")
    reason: Text = ""
    ticket: Text = ""
    override_blackout: Text = Field(default="", description="Why a live run may go on a blackout date; a second controller has to agree.")

    @model_validator(mode="after")
    def whoever_changes_something_says_why(self) -> Self:
        """A dry run changes nothing and needs no reason."""
        if self.mode is not Mode.DRY_RUN and len(self.reason) < 3:
            raise ValueError("reason: at least three letters are needed, for the audit trail and the approvers")
        if self.mode is not Mode.DRY_RUN and not self.ticket:
            raise ValueError("ticket: the number under which the change was announced is needed")
        if 0 < len(self.override_blackout) < 3:
            raise ValueError("override_blackout: at least three letters are needed, for the audit trail and the second controller")
        return self


def cutover_request(
    configured: Settings,
    region: str,
    direction: Direction,
    conf: Mapping[str, Any],
    *,
    run: str,
    requested_by: str,
    today: date | None = None,
) -> CutoverRequest:
    """What is asked for, complete. `today` is the present day by UTC unless stated.

    Raises:
        CutoverRefusedError: The form does not fit, or the configuration does not allow it. Nothing was changed.
    """
    try:
        asked = CutoverConf.model_validate(dict(conf))
    except ValidationError as error:
        raise CutoverRefusedError(f"The run's configuration does not fit: {_words(error)}. Nothing was changed.") from None
    plan, moving = _plan(configured, region), configured.regions[region]
    _require_erps(configured, region, moving)
    kinds = _kinds(region, asked.kinds, plan)
    legacy_first = direction is Direction.CUTOVER
    return CutoverRequest(
        region=region,
        direction=direction,
        mode=asked.mode,
        kinds=kinds,
        legal_entities=tuple(sorted(moving.legal_entities)),
        from_period=_from_period(asked.from_period, moving, today or datetime.now(UTC).date()),
        old_owner=moving.legacy if legacy_first else moving.cloud,
        new_owner=moving.cloud if legacy_first else moving.legacy,
        run=run,
        requested_by=requested_by,
        reason=asked.reason,
        ticket=asked.ticket,
        override_blackout=asked.override_blackout,
    )


def _words(error: ValidationError) -> str:
    told = []
    for each in error.errors(include_input=False, include_url=False)[:5]:
        field, message = ".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            message = f"there is no such field; known are {', '.join(CutoverConf.model_fields)}"
        told.append(f"{field}: {message}" if field else message)
    return "; ".join(told)


def _plan(configured: Settings, region: str) -> RegionPlan:
    try:
        plan = configured.plan(region)
    except ConfigurationError as error:
        raise CutoverRefusedError(f"region: {error.message} Nothing was changed.") from None
    if region not in configured.regions:
        raise CutoverRefusedError(f"region: the file of region {region} is not in order. Nothing was changed.")
    if plan.cutover is None:
        raise CutoverRefusedError(
            f"region: the plan of {region} has no section `cutover`: write who approves, the canary's accounts and the limits first."
        )
    return plan


def _require_erps(configured: Settings, region: str, moving: RegionSettings) -> None:
    for erp in (moving.legacy, moving.cloud):
        if erp not in configured.erps:
            wrong = [f"{each.file}: {each.field}: {each.reason}" for each in configured.problems if each.disables == f"ERP {erp}"]
            told = "; ".join(wrong) or "it is not configured."
            raise CutoverRefusedError(f"region: {erp} of {region} is disabled: {told} Run `hybrid-erp check` when it is mended.")


def _kinds(region: str, asked: tuple[PostingKind, ...] | None, plan: RegionPlan) -> tuple[PostingKind, ...]:
    chosen = plan.kinds if asked is None else frozenset(asked)
    if not chosen:
        raise CutoverRefusedError("kinds: nothing is chosen. Leave the field out to move every kind of the plan.")
    if foreign := sorted(chosen - plan.kinds):
        raise CutoverRefusedError(
            f"kinds: {', '.join(foreign)} is not of the plan of {region}, which moves {', '.join(sorted(plan.kinds))}. Choose among these."
        )
    if (PostingKind.BILLING in chosen) != (PostingKind.LEDGER in chosen) and plan.bridge_account is None:
        raise CutoverRefusedError(
            "kinds: billing and ledger move together, because one ERP holds the books. Choose both, or name a `bridge_account` in the plan."
        )
    return tuple(kind for kind in OWNED_KINDS if kind in chosen)


def _from_period(asked: str | None, moving: RegionSettings, today: date) -> str:
    present = period_of(today)
    period = asked or present
    closed = {code: entity.closed_through for code, entity in moving.legal_entities.items() if entity.closed_through}
    if late := sorted(code for code, through in closed.items() if period <= through):
        raise CutoverRefusedError(
            f"from_period: {period} of {', '.join(late)} is closed (through {closed[late[0]]}): what is closed stays with its owner. "
            f"Choose {next_period(max(closed.values()))} or a later period."
        )
    if period < moving.starts_from_period:
        raise CutoverRefusedError(
            f"from_period: {period} lies before {moving.starts_from_period}, from which on the facade answers. Choose a later period."
        )
    if period > next_period(present):
        raise CutoverRefusedError(
            f"from_period: {period} is too far ahead. Choose {next_period(present)} at the latest, and run it again then."
        )
    return period
