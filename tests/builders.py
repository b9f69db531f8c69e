"""Valid things with a handle for what a test is about; the rest has defaults."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from hybrid_erp.settings import Settings, load_settings

CONFIG = Path(__file__).parent.parent / "config"
_numbers = itertools.count(1)


def the_settings() -> Settings:
    return load_settings(CONFIG)


def an_event(document_type: str, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    number = f"{document_type}-{next(_numbers)}"
    event = {
        "specversion": "1.0",
        "id": number,
        "source": "tests",
        "type": f"hybrid-erp.{document_type}.v1",
        "data": {"number": number} | data,
    }
    return event | attributes


def a_journal_entry(legal_entity: str = "DE01", amount: str = "100.10", **changes: Any) -> dict[str, Any]:
    currency = {"DE01": "EUR", "UK01": "GBP", "US01": "USD", "CA01": "CAD", "AU01": "AUD", "SG01": "SGD"}.get(legal_entity, "EUR")
    attributes = {name: changes.pop(name) for name in ("id", "source", "correlationid", "traceparent") if name in changes}
    lines = [{"account": "5200", "debit": amount}, {"account": "1000", "credit": amount}]
    data: dict[str, Any] = {"legal_entity": legal_entity, "accounting_date": "2026-03-05", "currency": currency, "lines": lines}
    return an_event("journal_entry", data | changes, **attributes)


def a_customer(*legal_entities: str, **changes: Any) -> dict[str, Any]:
    data = {"concerns": list(legal_entities or ("DE01",)), "name": "Acme", "currency": "EUR", "payment_term": "NET30", "country": "DE"}
    return an_event("customer", data | changes)


def a_project(customer: str, legal_entity: str = "DE01", **changes: Any) -> dict[str, Any]:
    data = {"legal_entity": legal_entity, "name": "Bridge", "customer": customer, "currency": "EUR"}
    return an_event("project", data | {"billing_method": "time_and_materials", "starts_on": "2026-01-01"} | changes)


def an_invoice(customer: str, legal_entity: str = "DE01", amount: str = "100.00", **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"legal_entity": legal_entity, "customer": customer, "issued_on": "2026-03-05", "accounting_date": "2026-03-05"}
    data |= {
        "due_on": "2026-04-04",
        "currency": "EUR",
        "total": amount,
        "lines": [{"item": "time", "unit_price": amount, "amount": amount}],
    }
    return an_event("invoice", data | changes)
