"""A lock-out that does not hold any more: the kinds that somebody may post are held until it does (PROTOCOL R2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hybrid_erp.model.cutover import DesiredLockOut
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.operations.cutover.lock_out import undone_in_words

BY: Final = "watch_moves"


class Holds(Protocol):
    """The store's side."""

    def hold(self, region: str, kinds: Collection[PostingKind], *, let_go: bool, because: str, by: str) -> Sequence[PostingKind]:
        """Hold these kinds of a region, and with `let_go` hold no other; those that have changed."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """One company that should be locked out, as the ERP tells it now."""

    region: str
    desired: DesiredLockOut
    left: frozenset[PostingRight] | None
    """The rights to post that somebody has who should not; None: the ERP cannot be asked now."""

    @property
    def undone(self) -> str | None:
        """What is wrong, for people."""
        return undone_in_words(self.desired, self.left) if self.left else None


def hold_what_is_undone(regions: Iterable[str], found: Sequence[ReadBack], holds: Holds) -> tuple[str, ...]:
    """Hold in each region the kinds that somebody may post where nobody should, let go of the others, and say what is wrong.

    While a company cannot be asked nothing is let go of: it may be the one for which it is held.
    """
    by_region: dict[str, list[ReadBack]] = defaultdict(list)
    for each in found:
        by_region[each.region].append(each)
    for region in regions:
        mine = by_region[region]
        kinds = {right.kind for each in mine for right in each.left or ()}
        because = "; ".join(each.undone for each in mine if each.undone)
        holds.hold(region, kinds, let_go=all(each.left is not None for each in mine), because=because, by=BY)
    return tuple(each.undone for each in found if each.undone)
