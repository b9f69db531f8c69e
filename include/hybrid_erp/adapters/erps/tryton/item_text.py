"""What an open item brings that Tryton has no field for: when it was issued, and over how much."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final

_ITEM: Final = re.compile(r"^issued (?P<day>\d{4}-\d\d-\d\d) over (?P<amount>\d+(?:\.\d+)?)(?: \{[^{}]*\})?$")


def item_text(issued_on: date, original_amount: Decimal) -> str:
    """The text of the item's line."""
    return f"issued {issued_on} over {original_amount:f}"


def read_item(text: str | None) -> tuple[date, Decimal] | None:
    """Day of issue and original amount that a line's text states; None: it states none."""
    found = _ITEM.match(text or "")
    try:
        return (date.fromisoformat(found["day"]), Decimal(found["amount"])) if found else None
    except ValueError:
        return None
