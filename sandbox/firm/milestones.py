"""Billed by milestone: planned with the project, reached, invoiced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from sandbox.firm.business_days import FIRST_DAY, working_day_from
from sandbox.firm.engagements import Engagement
from sandbox.firm.happening import Happening, money
from sandbox.firm.invoices import Bill, Charge, invoice

#: Name, when it is due, which part of the price it earns.
PLAN: Final = (
    ("Design accepted", date(2026, 2, 27), Decimal("0.2")),
    ("Pilot live", date(2026, 5, 29), Decimal("0.3")),
    ("Data migrated", date(2026, 8, 31), Decimal("0.3")),
    ("Handed over", date(2026, 11, 16), Decimal("0.2")),
)
INVOICED_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One milestone of an engagement."""

    engagement: Engagement
    number: str
    name: str
    due_on: date
    amount: Decimal


def steps(engagement: Engagement) -> list[Step]:
    """The milestones of an engagement."""
    return [
        Step(engagement, f"M-{engagement.project[2:]}-{place + 1}", name, due_on, engagement.price * part)
        for place, (name, due_on, part) in enumerate(PLAN)
    ]


def bill(step: Step) -> Bill:
    """The invoice of a milestone that was reached."""
    charge = Charge("milestone", step.name, Decimal(1), step.amount, milestone=step.number)
    return invoice(step.engagement, step.number.rpartition("-")[2], working_day_from(step.due_on + INVOICED_AFTER), [charge])


def milestone_happenings(step: Step) -> Iterator[Happening]:
    """Its three states."""
    planned_on, invoiced_on = working_day_from(FIRST_DAY), bill(step).issued_on
    days = ((planned_on, "planned"), (step.due_on, "reached"), (working_day_from(invoiced_on + INVOICED_AFTER), "invoiced"))
    for version, (on, state) in enumerate(days, start=1):
        data = {
            "number": step.number,
            "version": version,
            "legal_entity": step.engagement.office.code,
            "project": step.engagement.project,
            "name": step.name,
            "currency": step.engagement.currency,
            "amount": money(step.amount),
            "due_on": step.due_on.isoformat(),
            "state": state,
        }
        yield Happening(on, "milestone", step.engagement.thread, data)
