"""Everything that is explored, in one place, and the table that the documentation shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from tests.protocol_model.delivery.removals import DELIVERY_REMOVALS
from tests.protocol_model.guards import Guards, meanings
from tests.protocol_model.removals import REDUNDANT, Removal, of
from tests.protocol_model.runbook.removals import RUNBOOK_REMOVALS

REMOVALS: Final[tuple[Removal, ...]] = (*DELIVERY_REMOVALS, *RUNBOOK_REMOVALS)
HEAD: Final = "| Guard | Rule | Without it |\n|---|---|---|"


def table() -> str:
    """Guard by guard: its rule, and what breaks without it."""
    return "\n".join([HEAD, *(f"| `{name}` | {meanings()[name]} | {_breaks(name)} |" for name in _names())])


def _names() -> Iterator[str]:
    yield from (each.name for each in fields(Guards))


def _breaks(guard: str) -> str:
    """In the words of the promises that break."""
    needed = [each for each in of(guard, REMOVALS) if each.breaks != REDUNDANT]
    alone = [each for each in needed if each.guards == (guard,)]
    if alone:
        return f"breaks *{alone[0].breaks}* ({alone[0].steps})"
    beside = [_beside(guard, each) for each in needed]
    if not beside:
        return "nothing that was found: a second line"
    return "nothing alone" + "".join(f"; {each}" for each in beside)


def _beside(guard: str, removal: Removal) -> str:
    others = " and ".join(f"`{each}`" for each in removal.guards if each != guard)
    return f"without {others} too: *{removal.breaks}* ({removal.steps})"
