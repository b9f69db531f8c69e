"""What the firm's systems say about an engagement: the contract, the project and its tasks, and how they change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sandbox.firm.business_days import FIRST_DAY, TODAY, working_day_from
from sandbox.firm.engagements import CHANGE_REQUESTED_ON, Billing, Engagement
from sandbox.firm.happening import Happening, money, stated
from sandbox.firm.people import rate_card_number

#: The billing method that contract and project state.
METHODS: Final = {
    Billing.BY_THE_HOUR: "time_and_materials",
    Billing.BY_MILESTONE: "milestone",
    Billing.RETAINER: "retainer",
    Billing.PREPAID: "retainer",
    Billing.FIXED_FEE: "fixed_fee",
}
TASKS: Final = ("Analysis", "Delivery")
HOURS_OF_TASK: Final = 800

SIGNED_BEFORE: Final = timedelta(days=14)
OPENED_AFTER: Final = timedelta(days=2)
#: The last invoice goes out in the month after the last hour.
CLOSED_AFTER: Final = timedelta(days=33)


def engagement_happenings(engagement: Engagement) -> Iterator[Happening]:
    """Contract, project and tasks, and how they change."""
    signed_on = working_day_from(max(FIRST_DAY, engagement.starts_on - SIGNED_BEFORE))
    yield Happening(signed_on, "contract", engagement.thread, _contract(engagement, version=1))
    if not engagement.known:
        opened_on = working_day_from(signed_on + OPENED_AFTER)
        yield Happening(opened_on, "project", engagement.thread, _project(engagement, version=1, status="active"))
        if engagement.ends_on and engagement.ends_on < TODAY:
            closed_on = working_day_from(engagement.ends_on + CLOSED_AFTER)
            yield Happening(closed_on, "project", engagement.thread, _project(engagement, version=2, status="closed"))
        signed_on = opened_on
    for place, name in enumerate(TASKS):
        task = {"number": engagement.task(place), "legal_entity": engagement.office.code, "project": engagement.project, "name": name}
        yield Happening(signed_on, "project_task", engagement.thread, {**task, "planned_hours": str(HOURS_OF_TASK)})
    if engagement.billing is Billing.FIXED_FEE:
        yield Happening(CHANGE_REQUESTED_ON, "contract", engagement.thread, _contract(engagement, version=2))


def _contract(engagement: Engagement, *, version: int) -> dict[str, object]:
    office = engagement.office
    by_the_hour = engagement.billing is Billing.BY_THE_HOUR
    agreed = engagement.price + (engagement.change if version > 1 else 0)
    line = stated(
        number="1",
        legal_entity=office.code,
        billing_method=METHODS[engagement.billing],
        amount=None if by_the_hour else money(agreed),
        rate_card=rate_card_number(office, engagement.currency) if by_the_hour else None,
        description=engagement.name if version == 1 else f"{engagement.name}, with change request 1",
    )
    return {**_agreed(engagement, engagement.contract, version), "lines": [line]}


def _project(engagement: Engagement, *, version: int, status: str) -> dict[str, object]:
    data = {"legal_entity": engagement.office.code, "name": engagement.name, "contract": engagement.contract, "status": status}
    return {**_agreed(engagement, engagement.project, version), **data, "billing_method": METHODS[engagement.billing]}


def _agreed(engagement: Engagement, number: str, version: int) -> dict[str, object]:
    return stated(
        number=number,
        version=version,
        customer=engagement.customer.number,
        currency=engagement.currency,
        starts_on=engagement.starts_on.isoformat(),
        ends_on=engagement.ends_on.isoformat() if engagement.ends_on else None,
    )
