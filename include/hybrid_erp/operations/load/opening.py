"""Opening balances from a trial balance: each account's figure; a subledger's control account against the clearing account (C17)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from hybrid_erp.model.books import AccountMovement, OpenReceivable
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.load import Gap, GapClass, LoadItem
from hybrid_erp.model.money import ZERO, has_too_many_digits, round_money
from hybrid_erp.model.ownership import period_of
from hybrid_erp.operations.load.terms import LoadTerms

#: What the numbers of documents begin with that have none of their own.
PREFIX: Final = "LOAD"


def closing_figures(movements: Iterable[AccountMovement], terms: LoadTerms, accounting_on: date) -> dict[str, Decimal]:
    """What stands on each canonical account, debit positive. Profit and loss of earlier fiscal years is in retained earnings."""
    year_begins = terms.first_period_of_the_year(period_of(accounting_on))
    figures: dict[str, Decimal] = defaultdict(Decimal)
    for movement in movements:
        if movement.canonical is not None:
            earlier = movement.canonical in terms.result_accounts and movement.period < year_begins
            figures[terms.retained_earnings_account if earlier else movement.canonical] += movement.amount
    exact = {account: round_money(amount, terms.functional_currency) for account, amount in figures.items()}
    return {account: exact[account] if exact[account] == amount else amount for account, amount in sorted(figures.items()) if amount}


def opening_balance(figures: Mapping[str, Decimal], terms: LoadTerms, ordinal: int, accounting_on: date) -> LoadItem | None:
    """The document that brings the figures; None where nothing stands anywhere. Raises RefusedEventError as any event."""
    lines: dict[str, Decimal] = defaultdict(Decimal)
    for account, amount in figures.items():
        lines[terms.clearing_account if account in terms.subledger_of else account] += amount
    stated = [{"account": account, "amount": str(amount)} for account, amount in sorted(lines.items()) if amount]
    if not stated:
        return None
    data = {
        "number": f"{PREFIX}/{terms.functional_currency}",
        "version": ordinal,
        "legal_entity": terms.legal_entity,
        "accounting_date": accounting_on.isoformat(),
        "currency": terms.functional_currency,
        "lines": stated,
    }
    return terms.item(ordinal, DocumentType.OPENING_BALANCE, terms.functional_currency, data)


def gaps_of_accounts(
    movements: Iterable[AccountMovement], receivables: Iterable[OpenReceivable], terms: LoadTerms, accounting_on: date
) -> Iterator[Gap]:
    """What of the trial balance cannot be brought as it stands. Each of these blocks: the rest would not be level."""
    movements, total = list(movements), ZERO
    unknown: dict[str, Decimal] = defaultdict(Decimal)
    for movement in movements:
        total += movement.amount
        if movement.canonical is None:
            unknown[movement.account] += movement.amount
    for account, amount in sorted(unknown.items()):
        if amount:
            reason = f"{amount:,} {terms.functional_currency} stands on it and the mapping of {terms.legacy} does not know it."
            yield Gap(GapClass.UNMAPPED_ACCOUNT, f"account {account}", reason, True, amount)
    if total:
        reason = f"The debits of {terms.legacy} exceed its credits by {total:,} {terms.functional_currency}."
        yield Gap(GapClass.OUT_OF_BALANCE, "trial balance", reason, True, total)
    figures = closing_figures(movements, terms, accounting_on)
    for account, amount in figures.items():
        if has_too_many_digits(amount, terms.functional_currency):
            reason = f"{amount:,} stands on it, which {terms.functional_currency} cannot express: an entry was not rounded."
            yield Gap(GapClass.REFUSED, f"canonical account {account}", reason, True, amount)
        if account not in terms.subledger_of and not terms.is_in_cloud_chart(account, DocumentType.OPENING_BALANCE, accounting_on):
            reason = f"{amount:,} {terms.functional_currency} stands on it and the mapping of {terms.cloud} does not know it."
            yield Gap(GapClass.UNMAPPED_ACCOUNT, f"canonical account {account}", reason, True, amount)
    if amount := figures.get(terms.clearing_account, ZERO):
        reason = f"The migration clearing account holds {amount:,} {terms.functional_currency} in {terms.legacy}; it must be zero."
        yield Gap(GapClass.CONTROL_ACCOUNT, f"canonical account {terms.clearing_account}", reason, True, amount)
    yield from _gaps_of_control_accounts(figures, receivables, terms)


def _gaps_of_control_accounts(figures: Mapping[str, Decimal], receivables: Iterable[OpenReceivable], terms: LoadTerms) -> Iterator[Gap]:
    items: dict[str, Decimal] = defaultdict(Decimal)
    for item in receivables:
        items[item.account] += item.functional_open_amount
    for account in sorted({*terms.subledger_of, *items}):
        balance, open_items = figures.get(account, ZERO), items.get(account, ZERO)
        if balance == open_items:
            continue
        currency = terms.functional_currency
        if terms.subledger_of.get(account) == "receivables":
            reason = f"It holds {balance:,} {currency}, its open items sum to {open_items:,}."
        else:
            reason = f"{balance - open_items:,} {currency} stands on it, and no canonical document brings open items of it."
        yield Gap(GapClass.CONTROL_ACCOUNT, f"canonical account {account}", reason, True, balance - open_items)
