"""Legal numbers as series: first, last, missing and cancelled ones (ACCOUNTING D28)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from hybrid_erp.model.books import NumberSeries

#: So many gaps of a series are named.
MISSING_MAX: Final = 100
_RUNNING_NUMBER: Final = re.compile(r"(?P<prefix>.*?)(?P<number>[0-9]{1,18})(?P<suffix>[^0-9]*)", re.DOTALL)


def series_of(numbers: Iterable[tuple[str, bool]]) -> list[NumberSeries]:
    """The series of legal numbers, each with whether its document is cancelled or deleted, sorted by name.

    The last digits of a number run; what stands around them names the series. A number without digits is a series of its own.
    """
    found: dict[str, dict[int, tuple[str, bool]]] = defaultdict(dict)
    for text, cancelled in sorted(set(numbers)):
        match = _RUNNING_NUMBER.fullmatch(text)
        name, number = (f"{match['prefix']}#{match['suffix']}", int(match["number"])) if match else (text, 0)
        _, before = found[name].get(number, ("", True))
        found[name][number] = (text, cancelled and before)  # a number that a standing document bears is in use
    return [_series(name, members) for name, members in sorted(found.items())]


def _series(name: str, members: dict[int, tuple[str, bool]]) -> NumberSeries:
    order = sorted(members)
    missing: list[str] = []
    for number, following in pairwise(order):
        text = members[number][0]
        gap = range(number + 1, min(following, number + 1 + MISSING_MAX - len(missing)))
        missing += [_like(text, number, each) for each in gap]
    cancelled = tuple(text for text, gone in (members[number] for number in order) if gone)
    return NumberSeries(name, members[order[0]][0], members[order[-1]][0], len(order), tuple(missing), cancelled)


def _like(text: str, number: int, other: int) -> str:
    """Another number of the same series, written as this one."""
    match = _RUNNING_NUMBER.fullmatch(text)
    assert match is not None, f"{text} does not run"
    return f"{match['prefix']}{other:0{len(match['number'])}d}{match['suffix']}"
