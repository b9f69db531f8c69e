"""Whether the cloud ERP holds what was loaded, by its own word alone: trial balance, open items, master data (ACCOUNTING C17)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from hybrid_erp.model.books import AccountMovement, OpenReceivable, ProjectFigures
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.load import Check, LoadItem, LoadVerdict, StoredLoad, words
from hybrid_erp.model.money import ZERO
from hybrid_erp.operations.load.ageing import ageing
from hybrid_erp.ports import BooksReader

#: How many cells that differ are named one by one.
NAMED_MAX: Final = 20

Balances = Mapping[tuple[str, str], Decimal]
"""By accounting period and canonical account, in functional currency."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the cloud ERP must show."""

    items: Sequence[LoadItem]
    loaded: Balances
    before: Balances
    """What it showed before anything was sent."""
    clearing_account: str
    control_accounts: frozenset[str]


def verify_load(load: StoredLoad, cloud: BooksReader, expected: Expected) -> LoadVerdict:
    """Ask the cloud ERP for its figures and hold them against what was loaded. Raises as the reader."""
    with cloud.snapshot():
        movements, open_items = tuple(cloud.movements()), tuple(cloud.open_receivables())
        customers, projects = {each.number for each in cloud.customers()}, tuple(cloud.projects())
        time = {entry.posting_id for entry in cloud.unbilled_time()}
    found = _by_cell(movements)
    checks = [
        *_trial_balance(load, found, expected),
        *_clearing(load, found, expected),
        *_control_accounts(load, found, open_items, expected),
        *_open_items(load, open_items, expected.items),
        *_ageing(load, open_items, expected.items),
        *_master_data(load, expected.items, {str(number) for number in customers}, projects, time),
    ]
    return LoadVerdict(load.legal_entity, checks)


def _by_cell(movements: Iterable[AccountMovement]) -> dict[tuple[str, str], Decimal]:
    cells: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for movement in movements:
        cells[movement.period, movement.canonical or f"{movement.account} of the ERP"] += movement.amount
    return dict(cells)


def _trial_balance(load: StoredLoad, found: Balances, expected: Expected) -> Iterator[Check]:
    """Cell by cell: what stands there now, less what stood there before, is what was loaded."""
    cells = sorted({*found, *expected.before, *expected.loaded})
    wrong = []
    for cell in cells:
        loaded, moved = expected.loaded.get(cell, ZERO), found.get(cell, ZERO) - expected.before.get(cell, ZERO)
        if loaded != moved:
            name = f"account {cell[1]} in {cell[0]}, {load.functional_currency}"
            wrong.append(Check(name, f"{loaded:,}", f"{moved:,}", f"trial balance of {load.cloud}"))
    yield Check("cells of the trial balance", f"{len(cells)}", f"{len(cells) - len(wrong)}", f"trial balance of {load.cloud}")
    yield from wrong[:NAMED_MAX]


def _clearing(load: StoredLoad, found: Balances, expected: Expected) -> Iterator[Check]:
    periods = sorted({period for period, account in (*found, *expected.loaded) if account == expected.clearing_account})
    for period in periods:
        amount = found.get((period, expected.clearing_account), ZERO)
        name = f"clearing account {expected.clearing_account} in {period}, {load.functional_currency}"
        yield Check(name, "0.00", f"{amount:,.2f}" if amount == round(amount, 2) else f"{amount:,}", f"trial balance of {load.cloud}")


def _control_accounts(load: StoredLoad, found: Balances, items: Iterable[OpenReceivable], expected: Expected) -> Iterator[Check]:
    subledger: dict[str, Decimal] = defaultdict(Decimal)
    for item in items:
        subledger[item.account] += item.functional_open_amount
    for account in sorted(expected.control_accounts):
        balance = sum((amount for (_, each), amount in found.items() if each == account), ZERO)
        name = f"subledger of control account {account}, {load.functional_currency}"
        yield Check(name, f"{balance:,.2f}", f"{subledger[account]:,.2f}", f"open items and trial balance of {load.cloud}")


def _open_items(load: StoredLoad, found: Iterable[OpenReceivable], items: Iterable[LoadItem]) -> Iterator[Check]:
    """Count and sum by currency, of the documents that bear the load's keys."""
    expected = {item.posting_id: item for item in items if item.document_type is DocumentType.OPEN_ITEM}
    held = [item for item in found if item.posting_id in expected]
    for currency in sorted({str(item.currency) for item in expected.values()} | {item.currency for item in held}):
        wanted = [(item.amount, item.functional_amount) for item in expected.values() if item.currency == currency]
        shown = [(item.open_amount, item.functional_open_amount) for item in held if item.currency == currency]
        name, source = f"open items in {currency}", f"open items of {load.cloud}"
        yield Check(name, _counted(wanted, currency, load), _counted(shown, currency, load), source)


def _counted(amounts: Sequence[tuple[Decimal, Decimal]], currency: str, load: StoredLoad) -> str:
    sums = sum((amount for amount, _ in amounts), ZERO), sum((functional for _, functional in amounts), ZERO)
    booked = "" if currency == load.functional_currency else f" booked at {sums[1]:,.2f} {load.functional_currency}"
    return f"{len(amounts):,} of {sums[0]:,.2f} {currency}{booked}"


def _ageing(load: StoredLoad, found: Iterable[OpenReceivable], items: Iterable[LoadItem]) -> Iterator[Check]:
    keys = {item.posting_id for item in items}
    wanted = ageing(((item.party, item.due_on, item.functional_amount) for item in items if item.party and item.due_on), load.accounting_on)
    held = [item for item in found if item.posting_id in keys]
    shown = ageing(((item.customer, item.due_on, item.functional_open_amount) for item in held), load.accounting_on)
    wrong = [cell for cell in sorted({*wanted, *shown}) if wanted.get(cell) != shown.get(cell)]
    cells, source = len({*wanted, *shown}), f"open items of {load.cloud}"
    yield Check("ageing by customer and bucket", f"{cells} cells", f"{cells - len(wrong)} cells", source)
    for cell in wrong[:NAMED_MAX]:
        yield Check(f"{cell[0]} {cell[1]}, {load.functional_currency}", f"{wanted.get(cell, ZERO):,}", f"{shown.get(cell, ZERO):,}", source)


def _master_data(
    load: StoredLoad, items: Iterable[LoadItem], customers: set[str], projects: Sequence[ProjectFigures], time: set[UUID | None]
) -> Iterator[Check]:
    numbers = {
        DocumentType.CUSTOMER: customers,
        DocumentType.PROJECT: {project.number for project in projects},
        DocumentType.PROJECT_TASK: {task.number for project in projects for task in project.tasks},
    }
    items = list(items)
    for document_type, held in numbers.items():
        wanted = {item.number for item in items if item.document_type is document_type}
        if wanted:
            yield Check(words(document_type), f"{len(wanted):,}", f"{len(wanted & held):,}", f"{words(document_type)} of {load.cloud}")
    entries = [item for item in items if item.document_type is DocumentType.TIME_ENTRY]
    if entries:
        held_hours = [item.amount for item in entries if item.posting_id in time]
        hours = sum((item.amount for item in entries), ZERO)
        wanted_text = f"{len(entries):,} of {hours:,} hours"
        yield Check("time entries", wanted_text, f"{len(held_hours):,} of {sum(held_hours, ZERO):,} hours", f"time of {load.cloud}")
