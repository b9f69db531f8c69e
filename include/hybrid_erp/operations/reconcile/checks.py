"""What must hold inside one ERP or between legal entities, whatever the other ERP says.

Control accounts equal their subledgers; clearing and bridge accounts are zero; both halves of an intercompany pair are there and equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hybrid_erp.model.money import ZERO
from hybrid_erp.model.reconciliation import Check
from hybrid_erp.model.region_plan import RegionPlan
from hybrid_erp.operations.reconcile.figures import ErpFigures
from hybrid_erp.operations.reconcile.trial_balance import cells_of


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
