"""The firm's calendar: the year 2026 up to today, working days, months and quarters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

FIRST_DAY: Final = date(2026, 1, 1)
TODAY: Final = date(2026, 11, 20)
MONTHS: Final = tuple(date(2026, month, 1) for month in range(1, 12))
QUARTERS: Final = tuple(date(2026, month, 1) for month in (1, 4, 7, 10))

SATURDAY = 5
HOLIDAYS = frozenset({date(2026, 1, 1), date(2026, 5, 1), date(2026, 12, 25)})


def next_month(day: date) -> date:
    """The first day of the month after the day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def last_day(day: date) -> date:
    """The last day of the day's month."""
    return next_month(day) - timedelta(days=1)


def is_working_day(day: date) -> bool:
    return day.weekday() < SATURDAY and day not in HOLIDAYS


def working_day_from(day: date) -> date:
    """The day itself, or the next working day."""
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def working_day_until(day: date) -> date:
    """The day itself, or the working day before it."""
    while not is_working_day(day):
        day -= timedelta(days=1)
    return day


def working_days(first: date, last: date) -> Iterator[date]:
    """The working days from first to last, both included."""
    day = first
    while day <= last:
        if is_working_day(day):
            yield day
        day += timedelta(days=1)


def quarter_end(quarter: date) -> date:
    """The last day of the quarter that begins on the day."""
    return last_day(next_month(next_month(quarter)))


def quarter_name(quarter: date) -> str:
    """Like `Q2`."""
    return f"Q{(quarter.month + 2) // 3}"
