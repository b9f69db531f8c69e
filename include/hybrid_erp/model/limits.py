"""How much of us an ERP bears at once: turns to write to its companies, and the pause that a company gets when it does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from hybrid_erp.model.delivery import Role


def slots_role(role: Role) -> Role:
    """Whose slots a role uses: copies have their own, pinned entities share those of what the ERP owns."""
    return Role.CANDIDATE if role is Role.CANDIDATE else Role.CONTROL


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to write to one company of one ERP, until its lease in the store ends."""

    erp: str
    role: Role
    legal_entity: str
    slot: int
    token: UUID


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a company's turn, and until when by the store's clock."""

    legal_entity: str
    held_by: str
    until: datetime

    def __str__(self) -> str:
        """For people."""
        return f"{self.legal_entity} by {self.held_by} until {told(self.until)}"


@dataclass(frozen=True, slots=True)
class NoTurn:
    """Somebody else writes to the company, or every slot of the ERP is taken. Nothing is wrong; the work waits in the store."""

    holders: tuple[Holder, ...]
    company_is_held: bool

    def __str__(self) -> str:
        """Who is in the way, for people."""
        held = ", ".join(map(str, self.holders))
        return f"its turn is held: {held}" if self.company_is_held else f"every slot of the ERP is taken: {held}"


@dataclass(frozen=True, slots=True)
class Outage:
    """A company that was found unavailable and has posted nothing since: its circuit breaker.

    Open while `closed_seconds` are left: nobody asks the ERP. Half open after that: whoever gets the company's turn asks it once who it
    is. Closed when there is no outage.
    """

    erp: str
    role: Role
    legal_entity: str
    began_at: datetime
    seconds: float
    """Since it began."""
    closed_until: datetime
    closed_seconds: float
    """Left by the store's clock; 0 when it may be asked again."""
    rests: bool
    """Whether it is closed, or was a moment ago: a task that waits to ask it again comes before any other."""
    failures: int
    reason: str

    def __str__(self) -> str:
        """For people."""
        again = f"asked again after {told(self.closed_until)}" if self.closed_seconds else "asked again by the next delivery"
        return f"{self.legal_entity} at {self.erp} ({self.role}) is unavailable since {told(self.began_at)}, {again}: {self.reason}"


def told(at: datetime) -> str:
    """An instant as logs tell it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
