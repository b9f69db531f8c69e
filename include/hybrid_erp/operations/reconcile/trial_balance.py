"""Tier 1: the trial balance of both ERPs by their own totals, in canonical accounts, and the accounts that are not compared.

Figures of the time before the boundary of the load stand apart, as one period named `opening`: there the legacy ERP's balances of that time
are compared with what was loaded. So the figures of a period are what was posted in it after the boundary, in both ERPs alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from hybrid_erp.model.books import AccountMovement, NativeAccount
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import BalanceRow, LeftOut, Place
from hybrid_erp.model.region_plan import LoadPolicy, RegionPlan, ScopeRule
from hybrid_erp.operations.reconcile.cells import unmapped_name

Side = Literal["legacy", "cloud"]
#: The period of what lies before the boundary of the load.
OPENING: Final = "opening"

Cells = Mapping[tuple[str, str], Decimal]
"""Amounts in functional currency by period and canonical account, debit positive."""


@dataclass(frozen=True, slots=True)
class ChartScope:
    """What each account of one ERP's chart is to the move."""

    erp: str
    legal_entity: str
    names: Mapping[str, str]
    """Of each native number: what a cell calls it."""
    rules: Mapping[str, ScopeRule | None]
    """By native number; None: an account that the facade posts to."""

    def compared(self, number: str) -> bool:
        """Whether a native account's balance must agree."""
        rule = self.rules[number]
        return rule is None or rule.scope.compared

    @property
    def left_out(self) -> frozenset[str]:
        """The accounts whose balances are not compared, as cells name them."""
        return frozenset(self.names[number] for number in self.rules if not self.compared(number))


def scope_of_chart(plan: RegionPlan, side: Side, erp: str, legal_entity: str, chart: Iterable[NativeAccount]) -> ChartScope:
    """The scope of each account of a chart (ACCOUNTING A6).

    Raises:
        ConfigurationError: An account that the mapping does not know is in no scope, or in several.
    """
    rules, names = {}, {}
    for account in chart:
        names[account.number] = account.canonical or unmapped_name(account.number, erp)
        rules[account.number] = plan.scope_rule(side, account.number, legal_entity=legal_entity, mapped=account.canonical is not None)
    return ChartScope(erp, legal_entity, names, rules)


def cells_of(movements: Iterable[AccountMovement], erp: str) -> dict[tuple[str, str], Decimal]:
    """An ERP's own totals by period and account as cells name them."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for movement in movements:
        sums[(movement.period, movement.canonical or unmapped_name(movement.account, erp))] += movement.amount
    return dict(sums)


def apart(cells: Cells, before: Cells, opening: Mapping[str, Decimal]) -> dict[tuple[str, str], Decimal]:
    """Figures with those before the boundary taken out of their periods, and what they come to told as the opening instead."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO, cells)
    for cell, amount in before.items():
        sums[cell] -= amount
    for account, amount in opening.items():
        sums[(OPENING, account)] += amount
    return dict(sums)


def balances(cells: Cells) -> dict[str, Decimal]:
    """What stands on each account over all periods."""
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for (_, account), amount in cells.items():
        sums[account] += amount
    return dict(sums)


def carried_forward(cells: Cells, result_accounts: Container[str], policy: LoadPolicy, on: date) -> dict[str, Decimal]:
    """What stands on each account on a day: profit and loss of earlier fiscal years is in retained earnings (ACCOUNTING C17)."""
    year_begins = f"{on.year if on.month >= policy.fiscal_year_starts_in else on.year - 1:04d}-{policy.fiscal_year_starts_in:02d}"
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for (period, account), amount in cells.items():
        earlier = account in result_accounts and period < year_begins
        sums[policy.retained_earnings_account if earlier else account] += amount
    return dict(sums)


def merged_accounts(chart: Iterable[NativeAccount]) -> dict[str, tuple[str, ...]]:
    """The native accounts that stand for each canonical one."""
    found: dict[str, list[str]] = defaultdict(list)
    for account in chart:
        if account.canonical is not None:
            found[account.canonical].append(account.number)
    return {canonical: tuple(sorted(numbers)) for canonical, numbers in found.items()}


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts of both ERPs of one legal entity, each account with its scope."""

    legacy: tuple[NativeAccount, ...]
    cloud: tuple[NativeAccount, ...]
    legacy_scope: ChartScope
    cloud_scope: ChartScope

    @property
    def left_out(self) -> frozenset[str]:
        """The accounts that are not compared, as cells name them."""
        return self.legacy_scope.left_out | self.cloud_scope.left_out


def charts_of(
    plan: RegionPlan, legal_entity: str, legacy: tuple[str, Iterable[NativeAccount]], cloud: tuple[str, Iterable[NativeAccount]]
) -> Charts:
    """Both charts, each ERP with its name; refused before anything is compared where an account has not exactly one scope.

    Raises:
        ConfigurationError: As `scope_of_chart`; or a canonical account is left out by one of its native accounts and not by another.
    """
    charts = tuple(legacy[1]), tuple(cloud[1])
    scopes = (
        scope_of_chart(plan, "legacy", legacy[0], legal_entity, charts[0]),
        scope_of_chart(plan, "cloud", cloud[0], legal_entity, charts[1]),
    )
    outside = scopes[0].left_out | scopes[1].left_out
    for scope in scopes:
        for number, name in scope.names.items():
            if name in outside and scope.compared(number):
                raise ConfigurationError(
                    f"Account {number} of {legal_entity} at {scope.erp} stands for {name}, which the plan leaves out by another account: "
                    "all native accounts of one canonical account have one scope."
                )
    return Charts(*charts, *scopes)


def balance_rows(legal_entity: str, currency: str, legacy: Cells, cloud: Cells, charts: Charts) -> tuple[BalanceRow, ...]:
    """Every cell that has a figure in one of the ERPs, in order; accounts that are not compared are left to `left_out`."""
    outside, native = charts.left_out, (merged_accounts(charts.legacy), merged_accounts(charts.cloud))
    rows = []
    for period, account in sorted({*legacy, *cloud}, key=lambda cell: (cell[0] != OPENING, cell)):
        figures = legacy.get((period, account), ZERO), cloud.get((period, account), ZERO)
        if account not in outside and any(figures):
            place = Place(legal_entity, period, account, currency)
            rows.append(BalanceRow(place, *figures, native[0].get(account, ()), native[1].get(account, ())))
    return tuple(rows)


def left_out(currency: str, scope: ChartScope, movements: Sequence[AccountMovement]) -> tuple[LeftOut, ...]:
    """The accounts that are not compared, rule by rule, with their sum by the ERP's own word."""
    totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for movement in movements:
        totals[movement.account] += movement.amount
    by_rule: dict[int, tuple[ScopeRule, list[str]]] = {}
    for number, rule in scope.rules.items():
        if rule is not None and not rule.scope.compared:
            by_rule.setdefault(id(rule), (rule, []))[1].append(number)
    found = []
    for rule, numbers in by_rule.values():
        moved = tuple(sorted(number for number in numbers if number in totals))
        amount = sum((totals[number] for number in moved), ZERO)
        terms = (rule.scope.value, rule.owner, rule.reason, currency, amount, rule.control_total)
        found.append(LeftOut(scope.legal_entity, scope.erp, moved, *terms))
    return tuple(found)
