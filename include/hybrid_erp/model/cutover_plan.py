"""How a region's cutover goes: who approves it, which days it may not take, how long each part may last, and when hypercare ends."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hybrid_erp.model.cutover import Limits
from hybrid_erp.model.ownership import LegalEntity

Login = Annotated[str, Field(min_length=1, max_length=100)]
"""A person's login in Airflow."""
People = Annotated[tuple[Login, ...], Field(min_length=1)]
"""A person and substitutes; any of them may answer."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Approvers(_Part):
    """Who says yes, by role (ACCOUNTING D24). Whoever asks for the run is left out, whatever stands here."""

    migration_lead: People
    controllers: Annotated[dict[LegalEntity, People], Field(min_length=1)]

    @model_validator(mode="after")
    def the_lead_is_no_controller(self) -> Self:
        """Two roles are two people."""
        both = sorted(set(self.migration_lead) & {person for people in self.controllers.values() for person in people})
        if both:
            raise ValueError(f"{', '.join(both)} cannot be migration lead and controller")
        return self


class Blackout(_Part):
    """Days on which nothing moves live, the first and the last included, unless a second controller agrees (ACCOUNTING D24)."""

    legal_entities: frozenset[LegalEntity] | None = None
    first_on: date
    last_on: date
    reason: Annotated[str, Field(min_length=3, max_length=200)]

    @model_validator(mode="after")
    def it_ends_after_it_begins(self) -> Self:
        """A blackout has a day."""
        if self.last_on < self.first_on:
            raise ValueError(f"ends on {self.last_on}, before it begins on {self.first_on}")
        return self


class Canary(_Part):
    """The smoke test's accounts, canonical, named by the controller: an entry of the smallest amount, reversed at once (ACCOUNTING D25)."""

    debit_account: str
    credit_account: str


class Closers(_Part):
    """Native logins of people who may post on in an ERP that is locked out, to close earlier periods (ACCOUNTING A2)."""

    legacy: frozenset[str] = frozenset()
    cloud: frozenset[str] = frozenset()


class Hypercare(_Part):
    """What must be so before a person may close the way back."""

    days_min: Annotated[float, Field(ge=0, le=400)] = 30
    reconciliations_passed_min: Annotated[int, Field(ge=1, le=1000)] = 5
    """The latest ones, in a row."""
    dead_letters_max: Annotated[int, Field(ge=0)] = 0
    error_share_max: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Of the postings that the new owner has answered since the switch, how many it may have refused for good or left in doubt, even if
    they were repaired afterwards."""


class CutoverPlan(_Part):
    """The cutover of one region."""

    approvers: Approvers
    canary: Canary
    blackouts: tuple[Blackout, ...] = ()
    closers: dict[LegalEntity, Closers] = Field(default_factory=dict)
    hypercare: Hypercare = Hypercare()
    dual_run_days_min: Annotated[float, Field(ge=0, le=400)] = 14
    reconciliation_minutes_max: Annotated[int, Field(ge=1, le=10_080)] = 1440
    """How old the reconciliation may be that the approvers see."""
    reconciliation_every_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """How often the region is reconciled again while a move of it waits for people."""
    rehearsal_days_max: Annotated[float, Field(gt=0, le=400)] = 30
    """How old the last successful rehearsal may be."""
    lag_seconds_max: Annotated[float, Field(gt=0, le=86_400)] = 300
    """How long the oldest posting or copy may have waited."""
    copies_per_hour_min: Annotated[int, Field(ge=0)] = 0
    """What the candidate must have taken in its best hour: the peak of a month end."""
    lease_seconds: Annotated[float, Field(ge=5, le=600)] = 60
    freeze_seconds_max: Annotated[float, Field(ge=30, le=14_400)] = 900
    copies_at_freeze_max: Annotated[int, Field(ge=0)] = 25
    """The region is frozen when so few copies wait for the new owner: each one that waits makes the freeze longer."""
    catch_up_seconds_max: Annotated[float, Field(ge=0, le=14_400)] = 120
    """How long the freeze waits for that; then it begins all the same."""
    drain_seconds_max: Annotated[float, Field(ge=5, le=14_400)] = 300
    lock_out_seconds_max: Annotated[float, Field(ge=5, le=3600)] = 120
    delta_seconds_max: Annotated[float, Field(ge=5, le=14_400)] = 300
    verification_seconds_max: Annotated[float, Field(ge=10, le=3600)] = 120
    read_back_seconds_max: Annotated[float, Field(ge=2, le=300)] = 15
    approval_minutes_max: Annotated[int, Field(ge=1, le=10_080)] = 240
    """How long people have to answer, and how long an answer counts."""

    @property
    def limits(self) -> Limits:
        """What the store itself holds a cutover to."""
        return Limits(
            lease_seconds=self.lease_seconds,
            freeze_seconds_max=self.freeze_seconds_max,
            verification_seconds_max=self.verification_seconds_max,
            read_back_seconds_max=self.read_back_seconds_max,
            approval_minutes_max=self.approval_minutes_max,
        )

    @property
    def run_seconds_max(self) -> float:
        """What a whole run may take: the answers of people, the copies before the freeze, the longest freeze, the smoke test."""
        return self.approval_minutes_max * 60 + self.catch_up_seconds_max + self.freeze_seconds_max + self.drain_seconds_max

    @property
    def calendars(self) -> frozenset[str]:
        """The legal entities with a controller for which a day is kept free."""
        known = frozenset(self.approvers.controllers)
        kept_free = (known if each.legal_entities is None else each.legal_entities & known for each in self.blackouts)
        return frozenset[str]().union(*kept_free)

    @property
    def accounts(self) -> frozenset[str]:
        """The canonical accounts that it names."""
        return frozenset({self.canary.debit_account, self.canary.credit_account})
