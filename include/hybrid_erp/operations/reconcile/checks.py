"""What must hold inside one ERP or between legal entities, whatever the other ERP says.

Control accounts equal their subledgers; clearing and bridge accounts are zero; no number of a gapless series is missing unexplained; both
halves of an intercompany pair are there and equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.model.books import NumberSeries
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Check
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.operations.reconcile.figures import ErpFigures
from hybrid_erp.operations.reconcile.trial_balance import cells_of

#: So many missing numbers are named.
SHOWN: Final = 5


def checks_of(
    figures: Iterable[ErpFigures], plan: RegionPlan, receivables: Sequence[str], currency: str, pairs: Sequence[Mapping[str, Any]]
) -> tuple[Check, ...]:
    """Every check of one legal entity. `receivables`: the canonical control accounts whose subledger the ERPs keep as open items."""
    found: list[Check] = []
    for each in figures:
        found += [_control_account(each, account, currency) for account in receivables]
        found += [_zero(each, plan.clearing_account, "migration clearing", currency)]
        if plan.bridge_account is not None:
            found.append(_zero(each, plan.bridge_account, "bridge between books of record", currency))
        explained = plan.explained_numbers(each.legal_entity)
        found += [_series(each, series, explained) for series in each.series if series.gapless]
    found += [_pair(pair) for pair in pairs]
    return tuple(found)


def _balances(figures: ErpFigures) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for (_, account), amount in cells_of(figures.movements, figures.erp).items():
        sums[account] += amount
    return sums


def _control_account(figures: ErpFigures, account: str, currency: str) -> Check:
    balance, items = _balances(figures)[account], figures.by_control_account().get(account, ZERO)
    return Check(
        figures.legal_entity,
        figures.erp,
        f"control account {account} equals its open items",
        f"{items:,.2f} {currency} in open items",
        f"{balance:,.2f} {currency} on the account",
        balance == items,
        "Find the entry on the control account that no open item stands for, or the item that was settled beside it.",
    )


def _zero(figures: ErpFigures, account: str, what: str, currency: str) -> Check:
    by_period: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for (period, canonical), amount in cells_of(figures.movements, figures.erp).items():
        if canonical == account:
            by_period[period] += amount
    unequal = {period: amount for period, amount in sorted(by_period.items()) if amount}
    told = ", ".join(f"{amount:+,.2f} {currency} in {period}" for period, amount in unequal.items())
    remedy = "Whatever stands there has only one of its halves: find the entry whose other half is missing."
    name = f"account {account} ({what}) is zero in every period"
    return Check(figures.legal_entity, figures.erp, name, "0", told or "0", not unequal, remedy)


def _series(figures: ErpFigures, series: NumberSeries, explained: Container[str]) -> Check:
    """A cancelled document explains its number; what else is missing, somebody answers for in the region's plan."""
    missing = [number for number in series.missing if number not in explained]
    known = len(series.missing) - len(missing)
    told = [
        f"{len(missing)} missing ({', '.join(missing[:SHOWN])}{', ...' if len(missing) > SHOWN else ''})" if missing else "none missing"
    ]
    told += [f"{len(series.cancelled)} cancelled"] if series.cancelled else []
    told += [f"{known} explained by the plan"] if known else []
    return Check(
        figures.legal_entity,
        figures.erp,
        f"number series {series.series or '(no prefix)'} has no gap that nothing explains",
        f"every number from {series.first} to {series.last}",
        ", ".join(told),
        not missing,
        "Find out whose document bore the number, and where it went. If nobody's, the controller says so in the plan's explained_gaps.",
    )


def _pair(pair: Mapping[str, Any]) -> Check:
    return Check(
        pair["legal_entity"],
        "both",
        f"intercompany pair {pair['pair_id']} with {pair['partner']} is whole",
        str(pair["expected"]),
        str(pair["found"]),
        False,
        "Have the source send the missing half, or repair its dead letter; half a pair blocks a cutover of both sides.",
    )
