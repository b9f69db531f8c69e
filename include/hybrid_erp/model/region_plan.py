"""How one region moves: what it moves, what is captured, what every account is to the move, and which differences it may bear.

A rule that lets something pass names its owner, its reason and its last day; none can hide an amount (ACCOUNTING A6, D23).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hybrid_erp.model.cutover_plan import CutoverPlan
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.money import Amount, UnsignedAmount
from hybrid_erp.model.ownership import OWNED_KINDS, LegalEntity, PostingKind
from hybrid_erp.model.reconciliation import DifferenceClass, Tolerance

Words = Annotated[str, Field(min_length=3, max_length=200)]
"""Something said to people."""


class CapturePolicy(StrEnum):
    """What becomes of a document that people posted natively (ACCOUNTING C20)."""

    CAPTURE = "capture"
    """It becomes a canonical posting and is delivered to the other ERP."""
    FLAG = "flag"
    """It is shown as a difference until a person has dealt with it."""


class PeriodRunPolicy(StrEnum):
    """Where a periodic run happens while two ERPs are kept (ACCOUNTING C20)."""

    MIRROR = "mirror"
    """In the book of record alone; its entries are brought to the other ERP."""
    BOTH = "both"
    """In each ERP by itself; the two must book the same."""
    AT_CUTOVER = "at_cutover"
    """In the book of record alone; what it booked is brought once, at the cutover."""


class AccountScope(StrEnum):
    """What an account is to the move: exactly one of these (ACCOUNTING A6)."""

    FACADE = "facade"
    CAPTURED = "captured"
    PERIOD_RUN = "period_run"
    LOADED_AT_CUTOVER = "loaded_at_cutover"
    OUT_OF_SCOPE = "out_of_scope"

    @property
    def compared(self) -> bool:
        """Whether its balances must agree while both ERPs run."""
        return self not in (AccountScope.LOADED_AT_CUTOVER, AccountScope.OUT_OF_SCOPE)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScopeRule(_Part):
    """The scope of some accounts of one ERP's chart. A number said in full beats a pattern."""

    accounts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] = Field(
        description="Native numbers, or patterns like `57*`; a pattern selects only what the mapping does not know."
    )
    scope: AccountScope
    owner: Words
    reason: Words
    legal_entities: frozenset[LegalEntity] | None = None
    control_total: Amount | None = Field(
        default=None, description="What these accounts must sum to in functional currency, by the ERP's own word; left out: any sum."
    )

    @model_validator(mode="after")
    def what_is_left_out_has_a_control_total_or_is_compared(self) -> Self:
        """What nobody compares is held by its total."""
        if self.scope is AccountScope.OUT_OF_SCOPE and self.control_total is None:
            raise ValueError("an account out of scope needs a control_total: nothing else would notice that an amount stands on it")
        return self

    def concerns(self, legal_entity: str) -> bool:
        """Whether it speaks of this legal entity's chart."""
        return self.legal_entities is None or legal_entity in self.legal_entities


class Scopes(_Part):
    """The scope rules of both charts."""

    legacy: tuple[ScopeRule, ...] = ()
    cloud: tuple[ScopeRule, ...] = ()


class CapturePolicies(_Part):
    """What becomes of native documents of each ERP."""

    legacy: CapturePolicy = CapturePolicy.CAPTURE
    cloud: CapturePolicy = CapturePolicy.CAPTURE


class ToleranceRule(_Part):
    """How much of one class of difference each legal entity may bear. It decides pass or fail; it hides nothing."""

    difference: DifferenceClass
    amount: UnsignedAmount = Field(description="The most in sum, in the legal entity's functional currency.")
    without_money: Annotated[int, Field(ge=0)] = Field(default=0, description="The most differences of the class that move no money.")
    owner: Words
    reason: Words
    expires_on: date = Field(description="The last day on which it counts.")
    legal_entities: frozenset[LegalEntity] | None = None

    @model_validator(mode="after")
    def something_explains_it(self) -> Self:
        """What nothing explains is never tolerated."""
        if self.difference is DifferenceClass.UNEXPLAINED:
            raise ValueError("unexplained differences are never tolerated")
        return self

    @property
    def tolerance(self) -> Tolerance:
        """As the verdict takes it."""
        return Tolerance(self.difference, self.amount, self.owner, self.reason, self.expires_on, self.without_money, self.legal_entities)


class IgnoreRule(_Part):
    """An aspect on which the ERPs may disagree. Only aspects that move no money, between accounts or between people, can be named."""

    aspect: Literal["legal number", "issue date", "due date"]
    owner: Words
    reason: Words
    expires_on: date


class ExplainedGap(_Part):
    """Numbers of a gapless series that are not there, and that somebody answers for. A gap never closes, so this never ends."""

    numbers: Annotated[frozenset[Annotated[str, Field(min_length=1)]], Field(min_length=1)] = Field(
        description="Each number in full, as the ERP writes it."
    )
    owner: Words
    reason: Words
    legal_entities: frozenset[LegalEntity] | None = None


class LoadPolicy(_Part):
    """How opening figures are made of the legacy ERP's movements (ACCOUNTING C17)."""

    fiscal_year_starts_in: Annotated[int, Field(ge=1, le=12)] = Field(default=1, description="The month.")
    retained_earnings_account: str = Field(default="3100", description="Canonical; takes the profit or loss of earlier fiscal years.")


class RegionPlan(_Part):
    """How one region moves from its legacy ERP to its cloud ERP."""

    kinds: frozenset[PostingKind] = frozenset(OWNED_KINDS)
    clearing_account: str = "2950"
    bridge_account: str | None = Field(default=None, description="Between books of record, where billing and ledger do not move together.")
    intercompany_accounts: frozenset[str] = Field(default=frozenset(), description="Canonical; pairs of legal entities cancel on them.")
    load: LoadPolicy = LoadPolicy()
    capture: CapturePolicies = CapturePolicies()
    cutover: CutoverPlan | None = Field(default=None, description="How it is cut over; a region without it is kept on two ERPs.")
    period_runs: dict[str, PeriodRunPolicy] = Field(default_factory=dict, description="By the run's name in the ERPs' packs.")
    scope: Scopes = Scopes()
    tolerances: tuple[ToleranceRule, ...] = ()
    ignored: tuple[IgnoreRule, ...] = ()
    explained_gaps: tuple[ExplainedGap, ...] = ()
    reconciliation_max_age_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    confirmation_seconds_max: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=120, description="How long a reconciliation waits for what is in flight before it says so."
    )

    @model_validator(mode="after")
    def billing_and_ledger_move_together_or_over_a_bridge(self) -> Self:
        """One book of record (ACCOUNTING A1)."""
        if PostingKind.REFERENCE in self.kinds or not self.kinds:
            raise ValueError("kinds are project, billing and ledger; reference documents belong to their source")
        if (PostingKind.BILLING in self.kinds) != (PostingKind.LEDGER in self.kinds) and self.bridge_account is None:
            raise ValueError("billing and ledger move together unless bridge_account names the account between their books of record")
        return self

    @model_validator(mode="after")
    def one_tolerance_for_each_class(self) -> Self:
        """Two tolerances for one class of one legal entity would leave open which counts."""
        for number, one in enumerate(self.tolerances):
            for other in self.tolerances[number + 1 :]:
                both = one.legal_entities is None or other.legal_entities is None or one.legal_entities & other.legal_entities
                if one.difference is other.difference and both:
                    raise ValueError(f"two tolerances for {one.difference} of the same legal entity")
        return self

    @property
    def accounts(self) -> frozenset[str]:
        """The canonical accounts that it names."""
        named = {self.clearing_account, self.load.retained_earnings_account, *self.intercompany_accounts}
        of_cutover = self.cutover.accounts if self.cutover else frozenset()
        return frozenset(named | of_cutover | ({self.bridge_account} if self.bridge_account else set()))

    def expired(self, on: date) -> tuple[str, ...]:
        """The rules whose last day is past, in words."""
        rules = [(f"tolerances.{number}", rule.difference.value, rule) for number, rule in enumerate(self.tolerances)]
        found = [f"{where} ({what}) of {rule.owner} ended on {rule.expires_on}" for where, what, rule in rules if rule.expires_on < on]
        return tuple(
            found
            + [
                f"ignored.{number} ({rule.aspect}) of {rule.owner} ended on {rule.expires_on}"
                for number, rule in enumerate(self.ignored)
                if rule.expires_on < on
            ]
        )

    def explained_numbers(self, legal_entity: str) -> frozenset[str]:
        """The numbers that may be missing from a series of a legal entity."""
        gaps = (gap for gap in self.explained_gaps if gap.legal_entities is None or legal_entity in gap.legal_entities)
        return frozenset(number for gap in gaps for number in gap.numbers)

    def scope_rule(self, side: Literal["legacy", "cloud"], account: str, *, legal_entity: str, mapped: bool) -> ScopeRule | None:
        """The rule of one native account; None for a mapped account without one, which the facade posts to.

        Raises:
            ConfigurationError: An account that the mapping does not know has no rule, or several patterns select it.
        """
        rules = [rule for rule in getattr(self.scope, side) if rule.concerns(legal_entity)]
        exact = [rule for rule in rules if account in rule.accounts]
        patterns = [rule for rule in rules if any(fnmatchcase(account, pattern) for pattern in rule.accounts)]
        chosen = exact or ([] if mapped else patterns)
        if len(chosen) == 1 or (mapped and not chosen):
            return chosen[0] if chosen else None
        what = "has no scope" if not chosen else f"has {len(chosen)} scopes"
        raise ConfigurationError(
            f"Account {account} of {legal_entity} in the {side} ERP {what}: plan.scope.{side} of the region's file must put it in one."
        )
