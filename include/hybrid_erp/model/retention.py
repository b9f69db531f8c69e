"""How long payloads are kept, as the configuration says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptFor:
    """How long the payloads of one document type are kept in one region, and who says so."""

    region: str
    document_type: str
    days: int
    """Since the posting was settled."""
    owner: str
    reason: str
    is_moving: bool
    """The region is to move, moves, or may be rolled back: nothing of it is erased."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration says."""

    rules: Sequence[KeptFor]
    closed_through: Mapping[str, str]
    """Of each legal entity, the last accounting period that is closed for every posting."""
    booked: Sequence[str]
    """Document types that book something: a reconciliation has compared them before they are erased."""
