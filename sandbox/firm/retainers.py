"""Retainers: a fixed amount each month, or three months paid ahead and earned month by month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from sandbox.firm.business_days import MONTHS, QUARTERS, last_day, quarter_name, working_day_from, working_day_until
from sandbox.firm.engagements import Billing, Engagement
from sandbox.firm.invoices import Bill, Charge, invoice
from sandbox.firm.journal import Entry, credit, debit

MONTHS_AHEAD = 3


def bills(engagement: Engagement) -> Iterator[Bill]:
    """The invoices of the year."""
    if engagement.billing is Billing.PREPAID:
        for quarter in (quarter for quarter in QUARTERS if engagement.starts_on <= quarter):
            charge = Charge("prepayment", f"Retainer of {quarter_name(quarter)}, ahead", Decimal(MONTHS_AHEAD), engagement.price)
            yield invoice(engagement, quarter_name(quarter), working_day_from(quarter), [charge])
        return
    for month in MONTHS:
        charge = Charge("retainer", f"Retainer of {month:%B}", Decimal(1), engagement.price)
        yield invoice(engagement, f"{month:%y%m}", working_day_from(month), [charge])


def earned(engagement: Engagement, month: date) -> Entry | None:
    """At a month's end, what was paid ahead for it is earned."""
    if engagement.billing is not Billing.PREPAID or engagement.starts_on > month:
        return None
    return Entry(
        office=engagement.office,
        number=f"EARNED-{engagement.project}-{month:%y%m}",
        on=working_day_until(last_day(month)),
        description=f"Retainer of {month:%B} earned, {engagement.project}",
        lines=(debit("2250", engagement.price), credit("4000", engagement.price)),
        journal_type="recognition",
        currency=engagement.currency,
        project=engagement.project,
        thread=engagement.thread,
    )
