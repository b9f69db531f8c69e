"""What a trace has shown so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.protocol_model.guards import ALL
from tests.protocol_model.phases import claims_open
from tests.protocol_model.replaying.deliveries import Held
from tests.protocol_model.trace import Facts, Record

Why = str | None
"""Why a step is not allowed; None: it is."""


@dataclass(slots=True)
class Known:
    """What a trace has shown so far."""

    facts: Facts
    companies: frozenset[str]
    periods: list[tuple[str, str]]
    """From which period on which ERP owns what moves; ascending."""
    from_period: str = ""
    """The first period that the cutover under way moves."""
    intended: set[str] = field(default_factory=set)
    """The companies of the old owner for which the cutover under way has written its lock intent: no other one can have been told."""
    used: set[str] = field(default_factory=set)
    """The cutover ids that were ever active."""
    approved: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """By cutover id: in which role, and for which company, somebody has said yes to its present evidence."""
    deliveries: dict[tuple[str, str, str], Held] = field(default_factory=dict)
    """By posting, company and ERP."""

    def owner_of(self, period: str) -> str:
        """The ERP that owns a period."""
        return [erp for since, erp in self.periods if since <= period or not since][-1]

    def stays(self, period: str) -> bool:
        """Whether a period keeps its owner in the cutover under way."""
        return bool(self.from_period) and period < self.from_period

    def open(self) -> bool:
        """Whether new control claims are allowed."""
        return claims_open(ALL, self.facts.phase, lapsed=self.facts.lapsed, intent=bool(self.intended))


def unchanged(known: Known, record: Record) -> Why:
    """Deliveries, and steps that were refused, leave the region's facts alone."""
    before = known.facts
    same = (record.phase, record.epoch, record.owner, record.cutover) == (before.phase, before.epoch, before.owner, before.cutover)
    return None if same else f"{record.action} changed phase, epoch, owner or cutover"
