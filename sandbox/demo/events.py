"""The events of the demonstration: a slice of the firm's year, and what goes wrong in every firm."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.firm.firm import Firm

Event = dict[str, Any]
VALID: Final = 280


@dataclass(frozen=True, slots=True)
class Story:
    """What is sent, in order, and what is wrong with some of it."""

    events: tuple[Event, ...]
    mistakes: dict[int, str]
    """Places of the events that are not as they should be, and why."""


def the_story() -> Story:
    """300 events: 280 of the firm's year, and 20 mistakes among them."""
    valid = Firm().story(VALID)
    mistakes = _mistakes(valid)
    events: list[Event] = list(valid)
    named: dict[int, str] = {}
    # Each mistake somewhere in the later part of the story, after what it imitates.
    step = (len(valid) - 100) // len(mistakes)
    for number, (_, event) in enumerate(mistakes):
        events.insert(100 + number * (step + 1), event)
    by_identity = {id(event): why for why, event in mistakes}
    for place, event in enumerate(events):
        if id(event) in by_identity:
            named[place] = by_identity[id(event)]
    return Story(tuple(events), named)


def _mistakes(valid: Sequence[Event]) -> list[tuple[str, Event]]:
    early = valid[:100]
    entries = [event for event in valid if event["type"].startswith("hybrid-erp.journal_entry") and "intercompany" not in event["data"]]
    mistakes = [("duplicate", copy.deepcopy(early[number * 12])) for number in range(7)]
    mistakes += [("key used again for other content", _changed(early[number * 9 + 3], version=7)) for number in range(3)]
    for number in range(3):
        unbalanced = _new(entries[number], f"unbalanced-{number}")
        line = next(line for line in unbalanced["data"]["lines"] if "debit" in line and line["debit"] not in ("0", "0.00"))
        line["debit"] = str(int(float(line["debit"])) + 1)
        mistakes.append(("unbalanced entry", unbalanced))
    for number in range(3):
        closed = _new(entries[number + 3], f"closed-{number}")
        closed["data"] |= {"accounting_date": "2025-11-30", "number": f"LATE-{number}", "reverses": None}
        mistakes.append(("closed period", closed))
    for number in range(4):
        unknown = _new(entries[number + 6], f"unknown-account-{number}")
        unknown["data"] |= {"number": f"UNKNOWN-{number}", "reverses": None}
        unknown["data"]["lines"][0]["account"] = "9999"
        mistakes.append(("unknown account", unknown))
    return mistakes


def _changed(event: Event, **changes: Any) -> Event:
    return {**event, "data": {**event["data"], **changes}}


def _new(event: Event, name: str) -> Event:
    made = copy.deepcopy(event)
    made["id"] = f"{event['id']}-{name}"
    return made
