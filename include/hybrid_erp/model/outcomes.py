"""What a source is told of its postings: one CloudEvent for each thing that became of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from hybrid_erp.model.delivery import FailureClass

#: The `source` of every outcome, in the words of CloudEvents.
TOLD_BY: Final = "hybrid-erp/outcomes"


class OutcomeType(StrEnum):
    """What became of a posting, or of who owns what."""

    POSTED = "posted"
    REFUSED = "refused"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    OWNER_CHANGED = "owner_changed"

    @property
    def event_type(self) -> str:
        """As CloudEvents call it."""
        return f"hybrid-erp.outcome.{self}.v1"


#: Beside what ERPs refuse: a version was waited for, and has not come.
VERSION_GAP: Final = "version_gap"
#: What the source of a refused document does about it, in its own terms.
REMEDIES: Final[Mapping[str, str]] = {
    FailureClass.VALIDATION: "A person looks at the ERP's reason. If the document is wrong, send a higher version of it.",
    FailureClass.MAPPING_GAP: "Nothing to send: the platform team adds a mapping rule and replays it.",
    FailureClass.PERIOD_CLOSED: "Ask the controller to open the period, or send a new document with another accounting date.",
    FailureClass.CONFLICT: "Do not send it again: the ERP holds it otherwise, and a person compares.",
    FailureClass.DUPLICATE: "Do not send it again: the ERP holds this number from somewhere else, and a person finds out whose it is.",
    VERSION_GAP: "Send the version before it: both then go their way. If there is none, tell the desk.",
}
OTHER_REMEDY: Final = "Do not send it again: a person decides; what comes of that is told here."


class Position(NamedTuple):
    """A place in the order of outcomes: the transaction that wrote it, and its number."""

    xid: int
    outcome_no: int


BEGINNING: Final = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Original:
    """The event that the outcome is about, as its source sent it."""

    source: str
    event_id: str
    event_type: str
    document_type: str
    number: str
    version: int
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Told:
    """One outcome."""

    position: Position
    outcome_id: UUID
    type: OutcomeType
    recorded_at: datetime
    region: str
    posting_id: UUID | None
    legal_entity: str | None
    erp: str | None
    facts: Mapping[str, Any]
    original: Original | None
    """None: it is about no posting."""

    def event(self) -> dict[str, Any]:
        """The CloudEvent 1.0: the same outcome, the same words, always."""
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(self.outcome_id),
            "source": TOLD_BY,
            "type": self.type.event_type,
            "time": self.recorded_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
        }
        if self.original is not None:
            event |= {"subject": str(self.posting_id), "correlationid": self.original.correlation_id}
        return event | {"data": self._data()}

    def _data(self) -> dict[str, Any]:
        facts = dict(self.facts)
        if self.original is None:
            return {"region": self.region, **facts}
        original = {name: getattr(self.original, name) for name in Original.__slots__ if name != "correlation_id"}
        data = {"posting_id": str(self.posting_id), "original": original, "region": self.region, "legal_entity": self.legal_entity}
        if "accounting_on" in facts:
            facts["accounting_date"] = facts.pop("accounting_on")
        if self.type is OutcomeType.REFUSED:
            facts["remedy"] = REMEDIES.get(facts["failure"], OTHER_REMEDY)
        return {**data, "erp": self.erp, **facts}


@dataclass(frozen=True, slots=True)
class Page:
    """Some outcomes of a source, in order."""

    outcomes: tuple[Told, ...]
    cursor: str
    """Comes after the last of them."""
    more: bool
    """More were there when it was read."""
