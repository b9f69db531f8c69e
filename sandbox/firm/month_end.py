"""What the ledger books every month: rent, salaries, equipment, costs of projects, accruals and their reversals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from hybrid_erp.model.money import ZERO, round_money
from hybrid_erp.model.ownership import period_of
from sandbox.firm.business_days import last_day, next_month, working_day_from, working_day_until
from sandbox.firm.chance import chance
from sandbox.firm.engagements import Engagement
from sandbox.firm.exchange_rates import at_level
from sandbox.firm.expenses import Spending
from sandbox.firm.journal import Entry, Line, credit, debit
from sandbox.firm.offices import Office
from sandbox.firm.people import ADMINISTRATION, DELIVERY, PRICES, Worker, cost
from sandbox.firm.time_sheets import TimeSheet

#: US dollars a month.
RENT: Final = Decimal(9000)
EQUIPMENT: Final = Decimal(1350)
HOURS_PAID: Final = 165
PAY_DAY: Final = 25


def standing_entries(office: Office, workers: Sequence[Worker], month: date) -> Iterator[Entry]:
    """Rent, salaries by department, use of leased equipment."""
    rent = at_level(RENT, office.currency, 50)
    yield _entry(
        office, month, "RENT", working_day_from(month), "Rent", debit("6100", rent, cost_centre=ADMINISTRATION), credit("1000", rent)
    )
    salaries = [
        debit("6000", _salaries(office, workers, department), department=department, cost_centre=DELIVERY)
        for department in sorted({worker.department for worker in workers})
    ]
    paid = sum((line.amount for line in salaries), ZERO)
    paid_on = working_day_until(month.replace(day=PAY_DAY))
    yield _entry(office, month, "SALARIES", paid_on, "Salaries", *salaries, credit("1000", paid))
    # The lessor settles once a year, so it is owed until then.
    used = at_level(EQUIPMENT, office.currency, 10)
    lines = debit("6200", used, cost_centre=ADMINISTRATION), credit("2300", used)
    yield _entry(office, month, "EQUIPMENT", last_day(month), "Depreciation of leased equipment", *lines)


def _salaries(office: Office, workers: Sequence[Worker], department: str) -> Decimal:
    paid = sum((cost(worker.role, office.currency) * HOURS_PAID for worker in workers if worker.department == department), ZERO)
    return round_money(paid, office.currency)


def repayment(office: Office, spendings: Sequence[Spending], month: date) -> Entry | None:
    """What workers laid out last month, in the office's own currency, is paid back on the tenth."""
    last = last_day(month - timedelta(days=1))
    owed = sum((each.amount for each in spendings if each.currency == office.currency and period_of(each.on) == period_of(last)), ZERO)
    if not owed:
        return None
    on = working_day_from(month.replace(day=10))
    return _entry(office, month, "REPAID", on, "Expenses paid back", debit("2300", owed), credit("1000", owed))


def cost_of_project(engagement: Engagement, sheets: Sequence[TimeSheet], month: date) -> Entry | None:
    """The salaries of a month's own hours become cost of the project that they were worked for."""
    by_department: dict[str, Decimal] = {}
    office = engagement.office
    for sheet in sheets:
        if period_of(sheet.on) == period_of(month) and not sheet.assignment.lent:
            worker = sheet.assignment.worker
            by_department[worker.department] = by_department.get(worker.department, ZERO) + sheet.hours * cost(worker.role, office.currency)
    lines = [debit("5000", round_money(amount, office.currency), department=name) for name, amount in sorted(by_department.items())]
    if not lines:
        return None
    taken = credit("6000", sum((line.amount for line in lines), ZERO))
    return Entry(
        office=office,
        number=f"COST-{engagement.project}-{month:%y%m}",
        on=last_day(month),
        description=f"Cost of {engagement.project} in {month:%B}",
        lines=(*lines, taken),
        project=engagement.project,
        thread=engagement.thread,
    )


def accruals(seed: int, office: Office, unbilled: Mapping[Engagement, Decimal], month: date) -> Iterator[Entry]:
    """Hours worked and not yet invoiced, subcontractors not yet billed to us; each taken back on the first of the next month."""
    for engagement, amount in unbilled.items():
        if not amount:
            continue
        yield from _and_reversal(
            Entry(
                office=office,
                number=f"UNBILLED-{engagement.project}-{month:%y%m}",
                on=last_day(month),
                description=f"Hours of {engagement.project} not yet invoiced in {month:%B}",
                lines=(debit("1150", amount), credit("4000", amount)),
                journal_type="accrual",
                currency=engagement.currency,
                project=engagement.project,
                thread=engagement.thread,
            )
        )
    days = chance(seed, "subcontractors", office.code, month).randint(2, 30)
    amount = days * at_level(PRICES["analyst"] * 8, office.currency, 5)
    lines = debit("5100", amount, cost_centre=DELIVERY), credit("2300", amount)
    yield from _and_reversal(
        _entry(office, month, "SUBCONTRACTORS", last_day(month), "Subcontractors accrued", *lines, journal_type="accrual")
    )


def _and_reversal(entry: Entry) -> Iterator[Entry]:
    yield entry
    yield entry.reversed_on(next_month(entry.on))


def _entry(office: Office, month: date, name: str, on: date, description: str, *lines: Line, journal_type: str = "general") -> Entry:
    return Entry(
        office=office,
        number=f"{name}-{month:%y%m}",
        on=on,
        description=f"{description}, {month:%B}",
        lines=lines,
        journal_type=journal_type,
        thread=f"close/{office.code}/{period_of(month)}",
    )
