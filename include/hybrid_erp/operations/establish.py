"""The first ownership of each region, written once; a region that has one is left alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hybrid_erp.model.ownership import PostingKind


class OwnershipMoves(Protocol):
    """The cutover duty's side of the store."""

    def establish(self, *, region: str, kind: str, phase: str, from_period: str, owner: str, by: str, reason: str) -> bool:
        """Write the first ownership of a region's kind; False if there is one."""


class StartingRegion(Protocol):
    """What a region's configuration says of its beginning."""

    @property
    def region(self) -> str:
        """Its name."""

    @property
    def starts_in(self) -> str:
        """Its first phase."""

    @property
    def starts_from_period(self) -> str:
        """The first accounting period that is owned."""

    @property
    def first_owner(self) -> str:
        """The ERP that owns it at first."""


def establish_ownership(regions: Iterable[StartingRegion], moves: OwnershipMoves, *, by: str) -> int:
    """Write what is missing; how many were written."""
    written = 0
    for region in regions:
        for kind in PostingKind:
            written += moves.establish(
                region=region.region,
                kind=kind.value,
                phase=str(region.starts_in),
                from_period=region.starts_from_period,
                owner=region.first_owner,
                by=by,
                reason="first start",
            )
    return written
