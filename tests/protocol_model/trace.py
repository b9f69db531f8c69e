"""Recorded steps of the real code: one JSON object a line, at the level of the store's transactions.

A trace is of one region and of the kinds that move together. Its first record is `begins`: the facts before anything happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

Action = Literal[
    "begins",
    "claimed",
    "settled",
    "captured",
    "asked",
    "approved",
    "frozen",
    "shut",
    "drained",
    "lock_intended",
    "locked",
    "verified",
    "switched",
    "releasing",
    "opened",
    "lapsed",
]
ACTIONS: Final[frozenset[str]] = frozenset(get_args(Action))
Result = Literal["done", "refused", "posted", "retry", "in_doubt", "dead", "absent", "given_back", "thrown_away"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the store says of the region after a step."""

    phase: str
    epoch: int
    owner: str
    """Of what moves, or of the latest period."""
    cutover: str | None = None
    """The active one."""
    lapsed: bool = False
    """Whether `frozen_until` had passed when the step was judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Facts):
    """One transaction of the store, and the facts after it."""

    action: Action
    result: Result = "done"
    posting: str = ""
    kind: str = ""
    company: str = ""
    erp: str = ""
    role: str = ""
    """Of a delivery: as what. Of `approved`: in which role a person has."""
    period: str = ""
    """By which the posting was routed."""
    token: str = ""
    """Of the claim."""
    marked: bool = True
    """Of a settlement: whether the mark is still there after it."""
    pinned: bool = False
    look_up_only: bool = False
    canary: bool = False
    """An entry of a smoke test."""
    about: str = ""
    """Of a step of the runbook: the cutover that took it, whichever is active."""
    from_period: str = ""
    """Of `frozen`: the first period that moves. Of `begins`: empty, or since when `owner` owns."""
    companies: tuple[str, ...] = ()
    """Of `begins`: all of the region. Of `locked` and `opened`: those whose lock the owner was read back to have, or not to have."""


def read(lines: Iterable[str]) -> Iterator[Record]:
    """The records of a trace.

    Raises:
        ValueError: A line names an action or a field that is not known.
    """
    known = {each.name for each in fields(Record)}
    for line in lines:
        found: dict[str, Any] = json.loads(line)
        if strange := set(found) - known:
            raise ValueError(f"unknown fields {sorted(strange)} in {line!r}")
        if found.get("action") not in ACTIONS:
            raise ValueError(f"unknown action {found.get('action')!r} in {line!r}")
        yield Record(**found | {"companies": tuple(found.get("companies", ()))})


def line_of(record: Record) -> str:
    """A record as a line; what has its default is left out."""
    defaults = {each.name: each.default for each in fields(Record)}
    return json.dumps({name: value for name, value in asdict(record).items() if value != defaults[name]}, sort_keys=True)
