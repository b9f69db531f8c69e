"""What an open item brings that Tryton has no field for: its legal number, when it was issued, and over how much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import quote, unquote

_ITEM: Final = re.compile(r"^(?P<legal>\S+) issued (?P<day>\d{4}-\d\d-\d\d) over (?P<amount>\d+(?:\.\d+)?)(?: \{[^{}]*\})?$")


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """What the item was before it was loaded."""

    legal_number: str
    issued_on: date
    original_amount: Decimal
    """In the item's currency, without sign."""


def item_text(terms: ItemTerms) -> str:
    """The text of the item's line."""
    return f"{quote(terms.legal_number, safe='/:@+,')} issued {terms.issued_on} over {terms.original_amount:f}"


def read_item(text: str | None) -> ItemTerms | None:
    """What a line's text states of an item; None: nothing."""
    found = _ITEM.match(text or "")
    try:
        return ItemTerms(unquote(found["legal"]), date.fromisoformat(found["day"]), Decimal(found["amount"])) if found else None
    except ValueError:
        return None
