"""Work of one legal entity on another's project: a pair of entries each month, one in each ledger, equal in amount and period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from hybrid_erp.model.money import ZERO, round_money
from sandbox.firm.business_days import last_day
from sandbox.firm.journal import Entry, Line
from sandbox.firm.offices import common_currency
from sandbox.firm.people import TRANSFER_OF_PRICE, price
from sandbox.firm.staffing import Assignment
from sandbox.firm.time_sheets import TimeSheet, pair_of


def pair_entries(assignment: Assignment, sheets: Sequence[TimeSheet], month: date) -> Iterator[Entry]:
    """The lender's revenue and the borrower's cost for a month's hours; numbered <pair>/<legal entity>, so that each can name the other."""
    lender, borrower = assignment.worker.office, assignment.engagement.office
    hours = sum((sheet.hours for sheet in sheets if sheet.on.month == month.month), ZERO)
    currency = common_currency(lender, borrower)
    if not hours or currency is None:
        return
    amount = round_money(hours * price(assignment.worker.role, currency) * TRANSFER_OF_PRICE, currency)
    pair = pair_of(assignment, month)
    sides = (
        (lender, borrower, Line("1300", amount, partner=borrower.code), Line("4300", -amount, partner=borrower.code)),
        (borrower, lender, Line("5300", amount, partner=lender.code), Line("2400", -amount, partner=lender.code)),
    )
    for office, partner, *lines in sides:
        yield Entry(
            office=office,
            number=f"{pair}/{office.code}",
            on=last_day(month),
            description=f"Work of {lender.code} for {borrower.code} in {month:%B}",
            lines=tuple(lines),
            journal_type="intercompany",
            currency=currency,
            pair=pair,
            partner=partner.code,
            thread=f"intercompany/{pair}",
        )
