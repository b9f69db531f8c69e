"""Time and materials: each month's hours and expenses are invoiced at its end; what comes after the cut-off is accrued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from hybrid_erp.model.money import ZERO
from sandbox.firm.business_days import MONTHS, last_day, working_day_from, working_day_until
from sandbox.firm.chance import chance
from sandbox.firm.engagements import Engagement
from sandbox.firm.expenses import Spending
from sandbox.firm.invoices import Bill, Charge, credit_memo, invoice
from sandbox.firm.time_sheets import TimeSheet

CUT_OFF_DAY: Final = 25
CONTESTED_OF_INVOICES: Final = 0.12
CANCELLED_OF_INVOICES: Final = 0.02
CONTESTED_HOURS: Final = Decimal(4)
CONTESTED_AFTER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Work:
    """What was done on an engagement in a year, in the order of days."""

    engagement: Engagement
    sheets: Sequence[TimeSheet]
    spendings: Sequence[Spending]

    def unbilled(self, month: date) -> Decimal:
        """What was worked in a month after its cut-off, in the engagement's currency."""
        late = (sheet for sheet in self.sheets if month.replace(day=CUT_OFF_DAY) < sheet.on <= last_day(month))
        return sum((sheet.hours * sheet.hourly_price for sheet in late), ZERO)


def bills(seed: int, work: Work) -> Iterator[Bill]:
    """Each month's invoice, and now and then a credit memo a week later."""
    since = date.min
    for month in MONTHS:
        until = month.replace(day=CUT_OFF_DAY)
        charges = [*_hours(work, since, until), *_expenses(work, since, until)]
        since = until
        if not charges:
            continue
        issued = invoice(work.engagement, f"{month:%y%m}", working_day_until(last_day(month)), charges)
        yield issued
        chances = chance(seed, "credit", issued.number).random()
        contested_on = working_day_from(issued.issued_on + CONTESTED_AFTER)
        if chances < CANCELLED_OF_INVOICES:
            yield credit_memo(issued, contested_on, issued.charges, "Sent to the wrong department; cancelled")
        elif chances < CONTESTED_OF_INVOICES:
            first = issued.charges[0]
            hours = min(CONTESTED_HOURS, first.quantity)
            yield credit_memo(issued, contested_on, [Charge(first.item, first.description, hours, first.unit_price)], "Hours contested")


def _hours(work: Work, since: date, until: date) -> Iterator[Charge]:
    sheets = [sheet for sheet in work.sheets if since < sheet.on <= until]
    by_role = sorted(sheets, key=lambda sheet: (sheet.assignment.worker.role, sheet.assignment.worker.department))
    for (role, department), group in groupby(by_role, key=lambda sheet: (sheet.assignment.worker.role, sheet.assignment.worker.department)):
        of_role = list(group)
        hours = sum((sheet.hours for sheet in of_role), ZERO)
        yield Charge("time", f"{role.capitalize()}, hours until {until:%d %B}", hours, of_role[0].hourly_price, department)


def _expenses(work: Work, since: date, until: date) -> Iterator[Charge]:
    for spending in work.spendings:
        if since < spending.on <= until and spending.billable:
            description = f"{spending.category.capitalize()} of {spending.on:%d %B}"
            yield Charge("expense", description, Decimal(1), spending.net, spending.assignment.worker.department)
