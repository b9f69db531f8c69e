"""A year of time entries: each working day of each worker, now and then put right afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from sandbox.firm.business_days import TODAY, working_day_from, working_days
from sandbox.firm.chance import chance
from sandbox.firm.engagements import Billing
from sandbox.firm.happening import Happening, money, stated
from sandbox.firm.people import price
from sandbox.firm.staffing import Assignment

HOURS: Final = tuple(map(Decimal, ("6", "7", "7.5", "8", "8", "8", "8.25", "9.5")))
ABSENT_OF_DAYS: Final = 0.08
WRONG_OF_ENTRIES: Final = 0.01
WRONG_BY: Final = Decimal("0.5")
PUT_RIGHT_AFTER: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class TimeSheet:
    """One worker's hours on one day."""

    assignment: Assignment
    on: date
    hours: Decimal
    wrong_at_first: bool
    """An entry with other hours was sent before, and corrected."""

    @property
    def hourly_price(self) -> Decimal:
        """What the customer pays for an hour, where it pays by the hour."""
        return price(self.assignment.worker.role, self.assignment.engagement.currency)


def time_sheets(seed: int, assignment: Assignment) -> Iterator[TimeSheet]:
    """The days of a quarter on which the worker was there."""
    random = chance(seed, "time", assignment.worker.number, assignment.quarter)
    for day in working_days(assignment.quarter, min(assignment.last_day, TODAY)):
        hours, absent, wrong = random.choice(HOURS), random.random() < ABSENT_OF_DAYS, random.random() < WRONG_OF_ENTRIES
        if not absent:
            yield TimeSheet(assignment, day, hours, wrong)


def pair_of(assignment: Assignment, day: date) -> str:
    """The id of the intercompany pair that charges a month's work of one legal entity for another."""
    return f"IC-{day:%y%m}-{assignment.worker.office.code}-{assignment.engagement.office.code}"


def time_happenings(sheet: TimeSheet) -> Iterator[Happening]:
    """The entry of the day; where it was wrong, the entry that replaces it some days later."""
    thread = sheet.assignment.engagement.thread
    number = f"T-{sheet.assignment.worker.number}-{sheet.on:%y%m%d}"
    if not sheet.wrong_at_first:
        yield Happening(sheet.on, "time_entry", thread, _entry(sheet, number, sheet.hours))
        return
    yield Happening(sheet.on, "time_entry", thread, _entry(sheet, number, sheet.hours + WRONG_BY))
    corrected_on = working_day_from(sheet.on + PUT_RIGHT_AFTER)
    yield Happening(corrected_on, "time_entry", thread, _entry(sheet, f"{number}-C", sheet.hours) | {"corrects": number})


def _entry(sheet: TimeSheet, number: str, hours: Decimal) -> dict[str, object]:
    assignment, engagement = sheet.assignment, sheet.assignment.engagement
    by_the_hour = engagement.billing is Billing.BY_THE_HOUR
    pair = {"pair": pair_of(assignment, sheet.on), "partner": assignment.worker.office.code} if assignment.lent else None
    return stated(
        number=number,
        legal_entity=engagement.office.code,
        project=engagement.project,
        task=assignment.task,
        worker=assignment.worker.number,
        worked_on=sheet.on.isoformat(),
        hours=str(hours),
        billable=by_the_hour,
        currency=engagement.currency if by_the_hour else None,
        rate=money(sheet.hourly_price) if by_the_hour else None,
        intercompany=pair,
    )
