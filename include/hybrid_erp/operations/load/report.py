"""A load in lines for people: what would be brought, and what is not, with class and remedy."""

from __future__ import annotations

from collections.abc import Iterator

from hybrid_erp.model.load import LoadPlan
from hybrid_erp.model.money import ZERO


def told(plan: LoadPlan) -> Iterator[str]:
    """What the load of a legal entity brings on which day, of which state of the legacy ERP."""
    at = f"{plan.reading.instant:%Y-%m-%d %H:%M:%S} UTC"
    yield f"{plan.legal_entity}: {plan.legacy} as it was at {at}, to be loaded into {plan.cloud} on {plan.accounting_on}"
    for total in plan.totals:
        booked = ""
        if total.currency and total.currency != plan.functional_currency:
            booked = f", booked at {total.functional_amount:,.2f} {plan.functional_currency}"
        yield f"{plan.legal_entity}: {total}{booked}"
    figures = [amount for amount in plan.loaded.values() if amount]
    debits = sum((amount for amount in figures if amount > 0), ZERO)
    yield f"{plan.legal_entity}: opening figures of {len(figures)} accounts, {debits:,.2f} {plan.functional_currency} on each side"
    for gap in sorted(plan.gaps, key=lambda gap: not gap.blocks):
        yield f"{plan.legal_entity}: {'MUST BE MENDED FIRST' if gap.blocks else 'to know'}: {gap}"
