"""Fixed fees: invoiced in halves, deferred, and earned month by month; a change request raises the price and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from hybrid_erp.model.money import ZERO, round_money
from hybrid_erp.model.ownership import period_of
from sandbox.firm.business_days import last_day, next_month, working_day_from, working_day_until
from sandbox.firm.engagements import CHANGE_REQUESTED_ON, Engagement
from sandbox.firm.exchange_rates import exchange_rate
from sandbox.firm.happening import Happening, money, stated
from sandbox.firm.invoices import Bill, Charge, invoice
from sandbox.firm.journal import Entry, credit, debit

SECOND_HALF_AFTER: Final = timedelta(days=100)
CHANGE_INVOICED_AFTER: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Recognition:
    """What is earned in one month, and the plan that remains."""

    month: date
    amount: Decimal
    to_date: Decimal
    remaining: tuple[tuple[str, Decimal], ...]


def bills(engagement: Engagement) -> Iterator[Bill]:
    """Both halves, and the change."""
    half = Charge("fixed_fee", f"{engagement.name}, first half", Decimal(1), engagement.price / 2)
    yield invoice(engagement, "1", working_day_from(engagement.starts_on), [half])
    second_on = working_day_from(engagement.starts_on + SECOND_HALF_AFTER)
    yield invoice(engagement, "2", second_on, [Charge("fixed_fee", f"{engagement.name}, second half", Decimal(1), engagement.price / 2)])
    change = Charge("fixed_fee", f"{engagement.name}, change request 1", Decimal(1), engagement.change)
    yield invoice(engagement, "CR1", working_day_from(CHANGE_REQUESTED_ON + CHANGE_INVOICED_AFTER), [change])


def deferral(bill: Bill) -> Entry:
    """What was invoiced is not yet earned."""
    return Entry(
        office=bill.engagement.office,
        number=f"DEFER-{bill.number[4:]}",
        on=bill.issued_on,
        description=f"Deferred: {bill.charges[0].description}",
        lines=(debit("4100", bill.net), credit("2200", bill.net)),
        journal_type="recognition",
        currency=bill.engagement.currency,
        project=bill.engagement.project,
        thread=bill.engagement.thread,
    )


def recognitions(engagement: Engagement) -> Iterator[Recognition]:
    """Equal parts of what is left, month by month; the last takes what rounding leaves."""
    assert engagement.ends_on is not None  # a fixed fee is for an agreed time
    to_date, month = ZERO, engagement.starts_on.replace(day=1)
    while month <= engagement.ends_on:
        changed = last_day(month) >= CHANGE_REQUESTED_ON
        left = engagement.price + (engagement.change if changed else ZERO) - to_date
        parts = _equal_parts(left, month, engagement)
        to_date += parts[0][1]
        yield Recognition(month, parts[0][1], to_date, tuple(parts[1:]))
        month = next_month(month)


def _equal_parts(left: Decimal, first: date, engagement: Engagement) -> list[tuple[str, Decimal]]:
    assert engagement.ends_on is not None
    months = [first]
    while next_month(months[-1]) <= engagement.ends_on:
        months.append(next_month(months[-1]))
    each = round_money(left / len(months), engagement.currency)
    parts = [(period_of(month), each) for month in months]
    parts[-1] = (parts[-1][0], left - each * (len(months) - 1))
    return parts


def recognition_happenings(engagement: Engagement, recognition: Recognition) -> Iterator[Happening]:
    """The revenue schedule, on the last working day of the month."""
    on = working_day_until(last_day(recognition.month))
    rate = exchange_rate(engagement.currency, engagement.office.currency, on)
    data = stated(
        number=f"RS-{engagement.project}-{recognition.month:%y%m}",
        legal_entity=engagement.office.code,
        accounting_date=on.isoformat(),
        currency=engagement.currency,
        exchange_rate=None if rate is None else str(rate),
        contract=engagement.contract,
        contract_line="1",
        project=engagement.project,
        recognised=money(recognition.amount),
        recognised_to_date=money(recognition.to_date),
        remaining=[{"period": when, "amount": money(amount)} for when, amount in recognition.remaining],
    )
    yield Happening(on, "revenue_schedule", engagement.thread, data)
