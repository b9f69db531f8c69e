"""What is known of a region since its switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class HypercareFacts:
    """What the store knows of a region since its switch."""

    switched_at: datetime | None
    """None: the region is not in hypercare."""
    now: datetime
    reconciliations_passed: int
    """The latest ones, in a row, since the switch."""
    dead_letters: int
    answered: int
    """Postings of what has moved that the new owner was sent since the switch and has posted, refused for good, or left in doubt."""
    failed: int
    """Of these, those that were a dead letter or in doubt at any time since the switch, repaired or not."""
    on_their_way_back: int
    """Copies for the ERP that is left behind which are not posted."""
    open_periods: Mapping[str, str]
    """Legal entities whose periods before the switch are not closed, with the last closed one, or `none`."""

    @property
    def error_share(self) -> float | None:
        """The share of the answered postings that failed; None: nothing was answered yet, and so nothing is proven."""
        return self.failed / self.answered if self.answered else None
