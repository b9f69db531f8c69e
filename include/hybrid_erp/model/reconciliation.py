"""What a reconciliation finds: figures side by side, differences, each in exactly one class, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from hybrid_erp.model.money import ZERO


class DifferenceClass(StrEnum):
    """Why two ERPs disagree. Every difference has exactly one."""

    IN_FLIGHT = "in_flight"
    CANDIDATE_RETRYING = "candidate_retrying"
    DEAD_LETTER = "dead_letter"
    NATIVE_IN_LEGACY = "native_in_legacy"
    NATIVE_IN_CLOUD = "native_in_cloud"
    PERIOD_RUN = "period_run"
    ALTERED_BY_ERP = "altered_by_erp"
    CHANGED_AFTER_POSTING = "changed_after_posting"
    DELETED_AFTER_POSTING = "deleted_after_posting"
    MAPPING_GAP = "mapping_gap"
    FX_RATE = "fx_rate"
    TAX = "tax"
    NUMBERING = "numbering"
    ROUNDING = "rounding"
    TIMING = "timing"
    UNEXPLAINED = "unexplained"

    @property
    def remedy(self) -> str:
        """What a controller does about it."""
        return _REMEDIES[self]


_REMEDIES: Final = {
    DifferenceClass.IN_FLIGHT: "Nothing yet: it is on its way. If it stays, look at the DAG that delivers to the other ERP.",
    DifferenceClass.CANDIDATE_RETRYING: "Nothing yet: it is tried again by itself. If it stays, look at the ERP that it goes to.",
    DifferenceClass.DEAD_LETTER: "Repair what the ERP refused it for, then run replay_dead_letters.",
    DifferenceClass.NATIVE_IN_LEGACY: "Let capture bring it over, or post it in the cloud ERP, or reverse it in the legacy ERP.",
    DifferenceClass.NATIVE_IN_CLOUD: "Let capture bring it over, or post it in the legacy ERP, or reverse it in the cloud ERP.",
    DifferenceClass.PERIOD_RUN: "Bring the run over by the region's policy for it.",
    DifferenceClass.ALTERED_BY_ERP: "Compare what was sent with what is booked; correct the ERP's settings, reverse and send again.",
    DifferenceClass.CHANGED_AFTER_POSTING: "Find out who changed it, and put it right in the ERP where it was changed.",
    DifferenceClass.DELETED_AFTER_POSTING: "Find out who deleted it, and post it there again.",
    DifferenceClass.MAPPING_GAP: "Add the missing rule to config/mappings/, then run replay_dead_letters or the reconciliation again.",
    DifferenceClass.FX_RATE: "Compare the exchange rates of both ERPs for the day; adjust the functional amount in the candidate.",
    DifferenceClass.TAX: "Compare the tax code and its rate in both ERPs; the tax that was booked first counts.",
    DifferenceClass.NUMBERING: "Compare the number series; the number that the owner gave counts.",
    DifferenceClass.ROUNDING: "Nothing within the tolerance; above it, compare how the ERPs round.",
    DifferenceClass.TIMING: "Compare the accounting dates; the owner's date counts.",
    DifferenceClass.UNEXPLAINED: "Stop: nothing that is known explains it. Look at the account's days in both ERPs before anything moves.",
}

#: What must be zero for a flip (ACCOUNTING D23).
ZERO_FOR_A_FLIP = frozenset(
    {
        DifferenceClass.IN_FLIGHT,
        DifferenceClass.CANDIDATE_RETRYING,
        DifferenceClass.DEAD_LETTER,
        DifferenceClass.MAPPING_GAP,
        DifferenceClass.CHANGED_AFTER_POSTING,
        DifferenceClass.DELETED_AFTER_POSTING,
        DifferenceClass.UNEXPLAINED,
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an amount stands: one cell of a trial balance."""

    legal_entity: str
    period: str
    account: str
    """Canonical."""
    currency: str
    """The functional currency of the legal entity."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which two ERPs disagree."""

    difference_class: DifferenceClass
    legal_entity: str
    aspect: str
    """What disagrees, in words: `amount`, `accounting date`, `customer`, `missing in tryton-emea`."""
    amounts: tuple[tuple[Place, Decimal], ...]
    """By how much each cell of the trial balance differs because of it: cloud less legacy. Empty: it moves no money."""
    legacy: str = ""
    """What the legacy ERP says."""
    cloud: str = ""
    posting_id: UUID | None = None
    legacy_id: str | None = None
    """The native id of the document there."""
    cloud_id: str | None = None
    number: str = ""
    document_type: str = ""
    why: str = ""
    """How the class was found, and what to do."""
    moved: Decimal = ZERO
    """What it moves in functional currency where no cell shows it: between customers, projects, tax codes or currencies."""
    ignored: str = ""
    """Whose rule of the region's plan lets it pass, and why. Never of a difference that moves money."""
    arrived: bool = False
    """It was in flight when the ERPs were read; since then it has arrived, and was found equal."""

    @property
    def gross(self) -> Decimal:
        """The money it moves: the larger of its debits and credits, never negative."""
        debits = sum((amount for _, amount in self.amounts if amount > 0), ZERO)
        credits = -sum((amount for _, amount in self.amounts if amount < 0), ZERO)
        return max(debits, credits, self.moved)

    @property
    def aspects(self) -> tuple[str, ...]:
        """Each thing that disagrees."""
        return tuple(self.aspect.split(", "))


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One cell of the trial balance of both ERPs."""

    place: Place
    legacy: Decimal
    cloud: Decimal
    native_legacy: tuple[str, ...] = ()
    """The native accounts that were merged into the canonical one."""
    native_cloud: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal:
        """Cloud less legacy."""
        return self.cloud - self.legacy


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One figure of a project in both ERPs. It cuts what other tiers compare in another way: it is never added to their money."""

    project: str
    figure: str
    """`contract value`, `billed`, `cost`, `unbilled`, `unbilled hours`."""
    unit: str
    """A currency, or `h`."""
    legacy: Decimal | None
    """None: the ERP does not tell it."""
    cloud: Decimal | None
    classes: tuple[tuple[DifferenceClass, Decimal], ...] = ()
    """By how much it differs because of each class: in sum the whole difference, always."""

    @property
    def difference(self) -> Decimal | None:
        """Cloud less legacy; None where only one ERP tells it."""
        return self.cloud - self.legacy if self.cloud is not None and self.legacy is not None else None

    def __post_init__(self) -> None:
        """Hold that the classes are the whole difference."""
        told = sum((amount for _, amount in self.classes), ZERO)
        assert told == (self.difference or ZERO), f"{self.figure} of {self.project}: the classes come to {told}, not {self.difference}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a result covers: nothing later (DESIGN invariant 9)."""

    instant: datetime
    settle_position: int
    """The last posting settled that it has seen."""
    legacy_cursor: dict[str, str] = field(default_factory=dict)
    """Of each legal entity: the high-water mark of native documents."""
    cloud_cursor: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Accounts whose balances are not compared, held by their total instead (ACCOUNTING A6)."""

    legal_entity: str
    erp: str
    accounts: tuple[str, ...]
    """Native numbers of those that moved; none moved: empty."""
    scope: str
    owner: str
    reason: str
    currency: str
    amount: Decimal
    """Their sum, by the ERP's own word."""
    control_total: Decimal | None
    """What the region's plan says that they sum to; None: it does not say."""

    @property
    def held(self) -> bool:
        """Whether the sum is what the plan says."""
        return self.control_total is None or self.amount == self.control_total


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold inside one ERP or between legal entities, whatever the other ERP says."""

    legal_entity: str
    erp: str
    name: str
    """What is checked, in words: `trade receivables 1100 equal their open items`."""
    expected: str
    found: str
    holds: bool
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a figure comes from (ACCOUNTING D28)."""

    legal_entity: str
    erp: str
    figure: str
    source: str
    """The system and credential that was asked."""
    query: str
    parameters: tuple[tuple[str, str], ...]
    row_count: int
    control_total: str
    """The ERP's own total of it, or how it was held otherwise."""
    instant: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two ERPs agree well enough, and why not."""

    passed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntityResult:
    """All that a reconciliation found of one legal entity."""

    legal_entity: str
    currency: str
    coverage: Coverage
    rows: tuple[BalanceRow, ...]
    left_out: tuple[LeftOut, ...]
    differences: tuple[Difference, ...]
    checks: tuple[Check, ...]
    evidence: tuple[Evidence, ...]
    verdict: Verdict
    looks: int = 1
    """How often both ERPs were looked at: more than once where something was in flight."""
    projects: tuple[ProjectRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much of one class a region may bear. It never hides an amount: it only decides pass or fail."""

    difference_class: DifferenceClass
    amount: Decimal
    """The most in sum, in the legal entity's functional currency."""
    owner: str
    reason: str
    expires_on: date
    """The last day on which it counts."""
    without_money: int = 0
    """The most differences of the class that move no money."""
    legal_entities: frozenset[str] | None = None
    """None: each of the region."""


def by_class(differences: Iterable[Difference]) -> dict[DifferenceClass, tuple[int, dict[Place, Decimal]]]:
    """Count and net amounts of each class."""
    found: dict[DifferenceClass, tuple[int, dict[Place, Decimal]]] = {}
    for difference in differences:
        count, sums = found.setdefault(difference.difference_class, (0, {}))
        for place, amount in difference.amounts:
            sums[place] = sums.get(place, ZERO) + amount
        found[difference.difference_class] = (count + 1, sums)
    return found
