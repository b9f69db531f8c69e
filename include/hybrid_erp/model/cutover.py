"""A region's move from one owner to the other and back: what is asked for, who approves it, and what each step came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import Phase, PostingKind


class Direction(StrEnum):
    """Which way a region moves. Both go by the same rules, with the roles of the ERPs exchanged (PROTOCOL B1)."""

    CUTOVER = "cutover"
    """From the legacy ERP to the cloud ERP."""
    ROLLBACK = "rollback"
    """Back, while the reverse is open."""

    @property
    def begins_in(self) -> Phase:
        """The phase that a region must be in; after a move that was given up it is there again."""
        return Phase.DUAL_RUN if self is Direction.CUTOVER else Phase.HYPERCARE

    @property
    def ends_in(self) -> Phase:
        """The phase that the new owner's claims are opened in."""
        return Phase.HYPERCARE if self is Direction.CUTOVER else Phase.DUAL_RUN


class Mode(StrEnum):
    """How far a run goes."""

    DRY_RUN = "dry_run"
    """Looks at everything and changes nothing."""
    REHEARSAL = "rehearsal"
    """Everything up to the point before the switch, then it is released."""
    LIVE = "live"


class Step(StrEnum):
    """The steps of a cutover, in their order (PROTOCOL F, W, R)."""

    PREFLIGHT = "preflight"
    APPROVAL = "approval"
    FREEZE = "freeze"
    DRAIN = "drain"
    LOCK_OUT = "lock_out"
    FINAL_DELTA = "final_delta"
    VERIFY = "verify"
    SWITCH = "switch"
    SMOKE_TEST = "smoke_test"
    RELEASE = "release"

    @property
    def words(self) -> str:
        """What it does, for people."""
        return _WORDS[self]


_WORDS = {
    Step.PREFLIGHT: "ask both ERPs, the store and Airflow whether the region can move",
    Step.APPROVAL: "a migration lead and the controller of each legal entity say yes to the same evidence",
    Step.FREEZE: "no new posting is claimed; intake, what was begun, and copies go on",
    Step.DRAIN: "what was begun at the old owner is finished there",
    Step.LOCK_OUT: "people, foreign interfaces and our control credential may not post in the old owner any more; read back when quiet",
    Step.FINAL_DELTA: "what was posted natively up to the lock-out is captured, and every copy arrives",
    Step.VERIFY: "a reconciliation that begins after the lock-out finds nothing that must be zero",
    Step.SWITCH: "the new owner owns the kinds from the period on, in one transaction",
    Step.SMOKE_TEST: "an entry of the smallest amount goes through the API into the new owner, is read back and reversed",
    Step.RELEASE: "claims open: at the new owner after a switch, else at the old one",
}


class ApproverRole(StrEnum):
    """In which role a person approves (ACCOUNTING D24)."""

    MIGRATION_LEAD = "migration_lead"
    CONTROLLER = "controller"
    SECOND_CONTROLLER = "second_controller"
    """Another controller of a legal entity, who overrides its blackout date."""


class Verdict(StrEnum):
    """What a preflight check answers."""

    PASS = "pass"  # noqa: S105  # a verdict
    WARN = "warn"
    """It does not stop the run; the approvers see it."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One preflight check's answer."""

    name: str
    """The check's module, for example `dual_run_long_enough`."""
    verdict: Verdict
    found: str
    """What was seen, in words, with its figures."""
    remedy: str = ""
    """What to do; empty for a pass."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """The figures behind it, ready for JSON: part of what the approvers say yes to."""


@dataclass(frozen=True, slots=True)
class CutoverRequest:
    """What a migration lead asks for."""

    region: str
    direction: Direction
    mode: Mode
    kinds: tuple[PostingKind, ...]
    legal_entities: tuple[str, ...]
    from_period: str
    """The first accounting period that the new owner holds."""
    old_owner: str
    new_owner: str
    run: str
    requested_by: str
    reason: str
    ticket: str
    override_blackout: str = ""
    """Why it may run on a blackout date; empty: it may not."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The times of a cutover, from the region's plan; the database's clock counts."""

    lease_seconds: float
    """A freeze ends by itself when its run has not renewed it for so long."""
    freeze_seconds_max: float
    """A freeze ends by itself after so long, whatever its run does."""
    verification_seconds_max: float
    """How old a verification may be at the switch."""
    read_back_seconds_max: float
    """How old the last reading of the lock-out may be at the switch."""
    approval_minutes_max: float
    """How old an approval may be at the freeze and at the switch."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What a cutover was approved on; a task that finds another stops before it acts (DESIGN 9)."""

    configuration: str
    """SHA-256 of the configuration folder."""
    mappings: dict[str, str]
    """Of each ERP."""
    posting_rules: str
    package: str


@dataclass(frozen=True, slots=True)
class Cutover:
    """One cutover or rollback as the store knows it."""

    cutover_id: UUID
    region: str
    direction: Direction
    mode: Mode
    kinds: tuple[PostingKind, ...]
    legal_entities: tuple[str, ...]
    from_period: str
    old_owner: str
    new_owner: str
    run: str
    requested_by: str
    reason: str
    ticket: str
    configuration: str
    mappings: dict[str, str]
    package: str
    evidence: dict[str, Any] | None
    evidence_hash: str | None
    requested_at: datetime
    frozen_at: datetime | None
    drained_at: datetime | None
    locked_at: datetime | None
    verified_at: datetime | None
    reconciliation_id: UUID | None
    switched_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    phase: Phase
    """Of the region's first kind that moves, now."""
    active: bool
    """Whether it is this cutover that the region is frozen by."""
    lapsed: bool
    """Whether the freeze has ended by itself."""
    generation: int | None
    """Of the lock-out at the old owner that was intended."""
    limits: Limits


@dataclass(frozen=True, slots=True)
class FailedReconciliation:
    """A legal entity whose latest reconciliation did not pass."""

    legal_entity: str
    reconciliation_id: UUID
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What stands in the way of a step: deliveries that may have reached an ERP and are not settled, or copies that lack."""

    legal_entity: str
    erp: str
    role: str
    state: str
    postings: int

    def __str__(self) -> str:
        """For people."""
        what = "copies" if self.role == "candidate" else "postings"
        return f"{self.postings} {what} {self.state} of {self.legal_entity} at {self.erp}"


@dataclass(frozen=True, slots=True)
class DesiredLockOut:
    """How one company of an ERP should be, by the store's word."""

    erp: str
    legal_entity: str
    generation: int
    desired: str
    """`locked` or `open`."""
    kinds: tuple[PostingKind, ...]
    from_period: str
    """The first accounting period that has moved, or moves."""
    taken: frozenset[PostingRight]
    """The rights that were taken, or are to be given back."""
    confirmed: bool
    """Whether the ERP itself has said that it is so."""
    read_back: dict[str, Any]
    """What it said last."""


@dataclass(frozen=True, slots=True)
class LockOutEvent:
    """One change of who may post at one company of an ERP: intended by us, or read in the ERP."""

    changed_at: datetime
    event: str
    """`lock intended`, `locked`, `opening intended`, `opened`, or `not as desired`."""
    erp: str
    legal_entity: str
    generation: int
    kinds: tuple[PostingKind, ...]
    logins: tuple[str, ...]
    """Native ones, whose rights were, or are to be, taken or given back."""
    direction: str
    requested_by: str
    """Of the move that it belongs to, with its reason and ticket."""
    reason: str
    ticket: str

    def __str__(self) -> str:
        """For people."""
        who = ", ".join(self.logins) or "nobody"
        why = f"{self.direction} asked for by {self.requested_by}, {self.reason} ({self.ticket})"
        return f"{self.changed_at:%F %T} UTC {self.legal_entity} at {self.erp} {self.event} ({self.generation}): {who}; {why}"


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's yes."""

    role: ApproverRole
    legal_entity: str
    """Empty for the migration lead."""
    approved_by: str
    answered_at: datetime
