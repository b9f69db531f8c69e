"""What customers pay, each by its habit: in full, in part, late, two invoices at once, with a discount, too much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

from hybrid_erp.model.money import ZERO, round_money
from sandbox.firm.business_days import working_day_from
from sandbox.firm.customers import Customer, Habit
from sandbox.firm.exchange_rates import exchange_rate
from sandbox.firm.happening import Happening, money, stated
from sandbox.firm.invoices import Bill
from sandbox.firm.offices import Office

LATE_BY: Final = timedelta(days=20)
REST_AFTER: Final = timedelta(days=30)
PART_AT_FIRST: Final = Decimal("0.6")
DISCOUNT: Final = Decimal("0.02")
#: Later than a credit memo, so that what is paid is what is left.
EARLY_AFTER: Final = timedelta(days=11)
ROUNDED_TO: Final = Decimal(100)
BANK_CHARGE: Final = Decimal("15.00")


@dataclass(frozen=True, slots=True)
class OpenBill:
    """An invoice less what was credited."""

    bill: Bill
    open_amount: Decimal


@dataclass(frozen=True, slots=True)
class Settling:
    """What of a payment settles one invoice."""

    bill: Bill
    amount: Decimal
    discount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Payment:
    """Money received."""

    office: Office
    customer: Customer
    number: str
    on: date
    settles: tuple[Settling, ...]
    unapplied: Decimal = ZERO
    bank_charge: Decimal = ZERO

    @property
    def amount(self) -> Decimal:
        return sum((each.amount for each in self.settles), self.unapplied)


def payments(office: Office, customer: Customer, bills: Sequence[OpenBill]) -> Iterator[Payment]:
    """What a customer pays an office for its invoices, which come in order of issue."""
    waiting: list[OpenBill] = []
    for each in (each for each in bills if each.open_amount > ZERO):
        bill, due_on, everything = each.bill, working_day_from(each.bill.due_on), Settling(each.bill, each.open_amount)
        number = f"PAY-{bill.number[4:]}"
        currency = bill.engagement.currency
        match customer.habit:
            case Habit.PROMPT:
                yield Payment(office, customer, number, due_on, (everything,))
            case Habit.LATE:
                charge = BANK_CHARGE if customer.country != office.country else ZERO
                yield Payment(office, customer, number, working_day_from(due_on + LATE_BY), (everything,), bank_charge=charge)
            case Habit.PARTIAL:
                part = round_money(each.open_amount * PART_AT_FIRST, currency)
                yield Payment(office, customer, f"{number}-1", due_on, (Settling(bill, part),))
                rest = (Settling(bill, each.open_amount - part),)
                yield Payment(office, customer, f"{number}-2", working_day_from(due_on + REST_AFTER), rest)
            case Habit.BUNDLES:
                waiting.append(each)
                if len(waiting) == 2:
                    yield Payment(office, customer, number, due_on, tuple(Settling(one.bill, one.open_amount) for one in waiting))
                    waiting.clear()
            case Habit.DISCOUNT:
                discount = round_money(each.open_amount * DISCOUNT, currency)
                settled = (Settling(bill, each.open_amount - discount, discount),)
                yield Payment(office, customer, number, working_day_from(bill.issued_on + EARLY_AFTER), settled)
            case Habit.ROUNDS_UP:
                paid = (each.open_amount / ROUNDED_TO).to_integral_value(ROUND_CEILING) * ROUNDED_TO
                yield Payment(office, customer, number, due_on, (everything,), unapplied=paid - each.open_amount)


def payment_happenings(payment: Payment) -> Iterator[Happening]:
    """The receipt, as the bank's statement shows it."""
    engagement = payment.settles[0].bill.engagement
    projects = {each.bill.engagement.project for each in payment.settles}
    rate = exchange_rate(engagement.currency, payment.office.currency, payment.on)
    data = stated(
        number=payment.number,
        legal_entity=payment.office.code,
        customer=payment.customer.number,
        bank_account=f"{payment.office.code}-{engagement.currency}",
        accounting_date=payment.on.isoformat(),
        currency=engagement.currency,
        exchange_rate=None if rate is None else str(rate),
        amount=money(payment.amount),
        applications=[_application(each) for each in payment.settles],
        bank_charge=money(payment.bank_charge) if payment.bank_charge else None,
        # A payment of several projects' invoices belongs to the customer.
        project=engagement.project if len(projects) == 1 else None,
    )
    yield Happening(payment.on, "payment", engagement.thread, data)


def _application(settling: Settling) -> dict[str, object]:
    discount = money(settling.discount) if settling.discount else None
    return stated(invoice=settling.bill.number, amount=money(settling.amount), discount=discount)
