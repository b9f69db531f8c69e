"""What a preflight is about: a request, the plan that it goes by, and the moment of asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from hybrid_erp.model.cutover import CutoverRequest, Direction, Mode, Versions
from hybrid_erp.model.cutover_plan import Closers, CutoverPlan
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.lock_out import closers_in_time
from hybrid_erp.model.mapping import Mapping as AccountMapping
from hybrid_erp.model.ownership import next_period, period_of
from hybrid_erp.model.region_plan import RegionPlan


@dataclass(frozen=True, slots=True)
class Subject:
    """Plain values alone: two subjects that are equal get the same answers from equal facts."""

    request: CutoverRequest
    plan: RegionPlan
    versions: Versions
    now: datetime
    """In UTC."""
    mappings: Mapping[str, AccountMapping]
    """Of the old and the new owner."""
    firm_entities: tuple[str, ...]
    """Every legal entity of the firm, of this region and of others."""
    quieted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of each ERP: what could make a copy loud there and is configured not to, with the native means."""
    closed_through: Mapping[str, str | None] = field(default_factory=dict)
    """The last closed period of each legal entity that has one."""

    @property
    def cutover(self) -> CutoverPlan:
        """How the region is cut over.

        Raises:
            ConfigurationError: The region's plan does not say.
        """
        if self.plan.cutover is None:
            raise ConfigurationError(f"The plan of region {self.request.region} has no section `cutover`.")
        return self.plan.cutover

    @property
    def is_live(self) -> bool:
        """Whether ownership is to move."""
        return self.request.mode is Mode.LIVE

    @property
    def owners(self) -> tuple[str, str]:
        """The old and the new one."""
        return self.request.old_owner, self.request.new_owner

    def closers(self, erp: str, legal_entity: str) -> frozenset[str]:
        """Logins there of people who post on while a lock-out stands, to close earlier periods."""
        named = self.cutover.closers.get(legal_entity, Closers())
        here = named.legacy if (erp == self.request.old_owner) == (self.request.direction is Direction.CUTOVER) else named.cloud
        return closers_in_time(here, closed_through=self.closed_through.get(legal_entity), from_period=self.request.from_period)

    @property
    def today(self) -> date:
        """By UTC."""
        return self.now.date()

    @property
    def periods(self) -> tuple[str, ...]:
        """The accounting periods from the first that moves to the present one, at least the first."""
        found = [self.request.from_period]
        while found[-1] < period_of(self.today):
            found.append(next_period(found[-1]))
        return tuple(found)

    @property
    def year_before(self) -> str:
        """The accounting period a year before the present one."""
        return f"{self.today.year - 1:04d}-{self.today.month:02d}"

    def before(self, **age: float) -> datetime:
        """The instant that lies so long before now."""
        return self.now - timedelta(**age)
