"""Hypercare: whether a region may close its way back. The criteria are the plan's; the act is a named person's (PROTOCOL B2)."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_erp.model.cutover_plan import Hypercare
from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.model.hypercare import HypercareFacts


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that must be so."""

    wanted: str
    found: str
    holds: bool

    def __str__(self) -> str:
        """For people."""
        return f"{'holds' if self.holds else 'OPEN '}  {self.wanted}: {self.found}"


def criteria(plan: Hypercare, facts: HypercareFacts) -> tuple[Criterion, ...]:
    """Every criterion with what was found; all must hold before the way back is closed."""
    if facts.switched_at is None:
        return (Criterion("the region is in hypercare", "it is not", holds=False),)
    days = (facts.now - facts.switched_at).total_seconds() / 86_400
    passed, still_open = facts.reconciliations_passed, facts.open_periods
    share = facts.error_share
    of = f"{facts.failed:,} of {facts.answered:,}"
    told = ", ".join(f"{entity} is closed through {period}" for entity, period in sorted(still_open.items())) or "all are"
    return (
        Criterion(f"{plan.days_min:g} days of hypercare", f"{days:.1f}", days >= plan.days_min),
        Criterion(
            f"{plan.reconciliations_passed_min} reconciliations passed in a row", str(passed), passed >= plan.reconciliations_passed_min
        ),
        Criterion(f"at most {plan.dead_letters_max} dead letters", str(facts.dead_letters), facts.dead_letters <= plan.dead_letters_max),
        Criterion(
            f"at most {plan.error_share_max:.2%} of what the new owner was sent since the switch refused for good or in doubt",
            of if share is None else f"{of}, {share:.2%}",
            share is not None and share <= plan.error_share_max,
        ),
        Criterion("no copy on its way to the ERP that is left", str(facts.on_their_way_back), not facts.on_their_way_back),
        Criterion("the periods before the switch are closed", told, not still_open),
    )


def require_criteria(region: str, found: tuple[Criterion, ...]) -> None:
    """Refuse to close the way back while one of them is open.

    Raises:
        OwnershipConflictError: The message names each.
    """
    if lacking := [f"{each.wanted} (found: {each.found})" for each in found if not each.holds]:
        raise OwnershipConflictError(f"The way back of {region} stays open: {'; '.join(lacking)}.")
