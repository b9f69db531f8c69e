"""Dates and amounts as Tryton writes them in JSON, and its headers' and queries' encodings."""

from __future__ import annotations

import base64
import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
"""One record, as JSON: what Tryton sends and takes has no fixed shape."""


def as_date(day: date) -> Row:
    """A date for Tryton."""
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def as_amount(amount: Decimal) -> Row:
    """An exact amount for Tryton."""
    return {"__class__": "Decimal", "decimal": str(amount)}


def to_date(value: Any) -> date:
    """A date from Tryton."""
    return date(value["year"], value["month"], value["day"])


def to_amount(value: Any) -> Decimal:
    """An amount from Tryton; nothing is zero."""
    return Decimal(value["decimal"]) if value else Decimal(0)


def encoded(value: Any) -> str:
    """JSON in URL-safe base64: a domain in a query, a context in a header."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def begins_with(text: str) -> str:
    """A search pattern for what begins with the text."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"
