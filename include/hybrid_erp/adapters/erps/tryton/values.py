"""Dates and amounts as Tryton writes them in JSON, and its headers' and queries' encodings."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
"""One record, as JSON: what Tryton sends and takes has no fixed shape."""


def as_date(day: date) -> Row:
    """A date for Tryton."""
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def as_instant(instant: datetime) -> Row:
    """An instant for Tryton, which keeps UTC without saying so."""
    utc = instant.astimezone(UTC)
    clock = {"hour": utc.hour, "minute": utc.minute, "second": utc.second, "microsecond": utc.microsecond}
    return {"__class__": "datetime", "year": utc.year, "month": utc.month, "day": utc.day, **clock}


def as_amount(amount: Decimal) -> Row:
    """An exact amount for Tryton."""
    return {"__class__": "Decimal", "decimal": str(amount)}


def to_date(value: Any) -> date:
    """A date from Tryton."""
    return date(value["year"], value["month"], value["day"])


def to_instant(value: Any) -> datetime:
    """An instant from Tryton."""
    clock = (value["hour"], value["minute"], value["second"], value["microsecond"])
    return datetime(value["year"], value["month"], value["day"], *clock, tzinfo=UTC)


def to_hours(value: Any) -> Decimal:
    """A duration from Tryton, in hours; nothing is zero."""
    return Decimal(str(value["seconds"])) / 3600 if value else Decimal(0)


def to_amount(value: Any) -> Decimal:
    """An amount from Tryton; nothing is zero."""
    return Decimal(value["decimal"]) if value else Decimal(0)


def encoded(value: Any) -> str:
    """JSON in URL-safe base64: a domain in a query, a context in a header."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def begins_with(text: str) -> str:
    """A search pattern for what begins with the text."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"
