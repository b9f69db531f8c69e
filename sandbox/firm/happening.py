"""What happens in the firm: one state of one document, and the CloudEvent that its source sends about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

#: Which system sends each document, in the order in which one day's documents follow each other.
SOURCES: Final = {
    "customer": "crm",
    "worker": "hcm",
    "rate_card": "clm",
    "contract": "clm",
    "project": "psa",
    "project_task": "psa",
    "resource_assignment": "psa",
    "milestone": "psa",
    "time_entry": "psa",
    "expense": "expenses",
    "invoice": "billing",
    "credit_memo": "billing",
    "payment": "bank",
    "journal_entry": "ledger",
    "revenue_schedule": "ledger",
}
RANK: Final = {document_type: rank for rank, document_type in enumerate(SOURCES)}

OFFICE_OPENS: Final = timedelta(hours=6)
OFFICE_IS_OPEN: Final = timedelta(hours=14)

CloudEvent = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """One state of one document on the day when its source sends it."""

    on: date
    document_type: str
    thread: str
    """What connects it to the rest of its story: the contract, the customer, the month's close."""
    data: dict[str, Any]

    @property
    def order(self) -> tuple[Any, ...]:
        """By day; within one, what others name comes first. No two have the same."""
        data = self.data
        return self.on, RANK[self.document_type], data.get("legal_entity", ""), data["number"], data.get("version", 1)


def as_events(happenings: Iterable[Happening]) -> Iterator[CloudEvent]:
    """The events in order, each day's spread over the hours of that day."""
    for day, of_one_day in groupby(sorted(happenings, key=lambda each: each.order), key=lambda each: each.on):
        events = list(of_one_day)
        opens = datetime.combine(day, datetime.min.time()) + OFFICE_OPENS
        for place, happening in enumerate(events):
            yield _event(happening, opens + OFFICE_IS_OPEN * place / len(events))


def _event(happening: Happening, at: datetime) -> CloudEvent:
    data = happening.data
    identity = (happening.document_type, data.get("legal_entity", "firm"), data["number"], data.get("version", 1))
    return {
        "specversion": "1.0",
        "id": ":".join(map(str, identity)),
        "source": SOURCES[happening.document_type],
        "type": f"hybrid-erp.{happening.document_type}.v1",
        "time": at.isoformat(timespec="seconds") + "Z",
        "correlationid": happening.thread,
        "data": data,
    }


def money(amount: Decimal) -> str:
    """An amount as events state it: a text, so that no reader makes a float of it."""
    return f"{amount:.2f}"


def stated(**fields: Any) -> dict[str, Any]:
    """The fields that say something; an event leaves out what is not known."""
    return {name: value for name, value in fields.items() if value is not None}
