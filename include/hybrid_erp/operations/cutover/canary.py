"""The entries of a smoke test as events: the smallest amount on the accounts that the controller has named, and its reversal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from hybrid_erp.model.cutover import Cutover
from hybrid_erp.model.cutover_plan import Canary
from hybrid_erp.model.money import smallest_unit
from hybrid_erp.model.ownership import first_day
from hybrid_erp.model.posting import posting_id_of

SOURCE: Final = "hybrid-erp/canary"
TYPE: Final = "hybrid-erp.journal_entry.v1"


def canary_ids(cutover: Cutover) -> tuple[UUID, ...]:
    """The postings of a cutover's smoke test, entry and reversal of each legal entity; the same ones every time."""
    return tuple(posting_id_of(SOURCE, event_id) for entity in cutover.legal_entities for event_id in _event_ids(cutover, entity))


def canary_events(cutover: Cutover, legal_entity: str, currency: str, accounts: Canary) -> Iterator[dict[str, Any]]:
    """The events of one legal entity. They bear the day of the switch, or the first day of what moves if that is still to come."""
    assert cutover.switched_at is not None
    on = max(cutover.switched_at.date(), first_day(cutover.from_period)).isoformat()
    amount = str(smallest_unit(currency))
    entry, reversal = _event_ids(cutover, legal_entity)
    for event_id, debit, credit, reverses in (
        (entry, accounts.debit_account, accounts.credit_account, None),
        (reversal, accounts.credit_account, accounts.debit_account, _number(entry)),
    ):
        data: dict[str, Any] = {
            "number": _number(event_id),
            "legal_entity": legal_entity,
            "accounting_date": on,
            "currency": currency,
            "journal_type": "canary",
            "description": f"Smoke test of the {cutover.direction} of {cutover.region}",
            "lines": [{"account": debit, "debit": amount}, {"account": credit, "credit": amount}],
        }
        if reverses:
            data["reverses"] = reverses
        yield {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            "type": TYPE,
            "time": f"{on}T00:00:00Z",
            "correlationid": f"cutover-{cutover.cutover_id}",
            "data": data,
        }


def _event_ids(cutover: Cutover, legal_entity: str) -> tuple[str, str]:
    return f"{cutover.cutover_id}/{legal_entity}/entry", f"{cutover.cutover_id}/{legal_entity}/reversal"


def _number(event_id: str) -> str:
    cutover_id, legal_entity, part = event_id.split("/")
    return f"CANARY-{cutover_id[:8]}-{legal_entity}-{part.upper()}"
