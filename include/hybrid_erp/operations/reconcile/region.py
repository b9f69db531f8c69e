"""A region's reconciliation: refused early where it cannot be right, one legal entity after the other, one verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from hybrid_erp.model.errors import ConfigurationError, NotReconcilableError
from hybrid_erp.model.reconciliation import Verdict
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.operations.reconcile.trial_balance import Charts, charts_of
from hybrid_erp.ports import BooksReader


def require_rules_in_force(region: str, plan: RegionPlan, on: date) -> None:
    """Refuse a plan with a rule that has ended: whoever answers for it prolongs it or takes it out.

    Raises:
        ConfigurationError: A tolerance or an ignored aspect has ended.
    """
    if ended := plan.expired(on):
        raise ConfigurationError(f"config/regions/{region}.yaml: plan.{'; plan.'.join(ended)}.")


def require_legal_entities(region: str, asked: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """The legal entities that are asked for, or all of the region.

    Raises:
        NotReconcilableError: One is not of this region.
    """
    if unknown := sorted(set(asked) - set(known)):
        raise NotReconcilableError(f"{unknown[0]} is no legal entity of region {region}; it has {', '.join(sorted(known))}.")
    return tuple(sorted(asked or known))


def prepared(plan: RegionPlan, legal_entity: str, legacy: tuple[str, BooksReader], cloud: tuple[str, BooksReader], today: date) -> Charts:
    """The charts of both ERPs, each ERP with its name; refused before anything is compared.

    Raises:
        ConfigurationError: An account of one of the charts has no scope, or several.
        NotReconcilableError: The cloud ERP has no open accounting period for today.
        ErpUnavailableError, WrongSystemError: As the readers.
    """
    charts = charts_of(plan, legal_entity, (legacy[0], legacy[1].chart()), (cloud[0], cloud[1].chart()))
    if not cloud[1].open_on(today):
        raise NotReconcilableError(
            f"{cloud[0]} has no open accounting period for {legal_entity} on {today}: nothing can be posted to both."
        )
    return charts


def verdict_of_region(asked: Collection[str], found: Mapping[str, Verdict]) -> Verdict:
    """Pass only if every legal entity was reconciled and passed."""
    reasons = [f"{legal_entity}: {reason}" for legal_entity, verdict in sorted(found.items()) for reason in verdict.reasons]
    reasons += [f"{legal_entity}: not reconciled to the end" for legal_entity in sorted(set(asked) - set(found))]
    return Verdict(not reasons, tuple(reasons))
