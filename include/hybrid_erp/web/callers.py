"""Who calls: a person with Airflow's rights, or one source's machine, which may do little and for itself alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hybrid_erp.model.errors import ForbiddenEventError

#: All that a machine may ever open, as the routes are written; a route that is added is closed to machines until it is named here.
OPEN_TO_MACHINES: Final = frozenset(
    {
        ("POST", "/v1/events"),
        ("GET", "/v1/outcomes"),
        ("GET", "/v1/documents/{document_type}/{number:path}"),
        ("GET", "/v1/postings/{posting_id}"),
        ("GET", "/v1/trace/{correlation_id:path}"),
        ("GET", "/v1/schemas"),
        ("GET", "/v1/schemas/{event_type}"),
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what for. None is no limit: a person may whatever Airflow lets them."""

    name: str
    """What the audit trail carries."""
    source: str | None = None
    """The one source that it speaks for and asks about."""
    event_types: frozenset[str] | None = None
    legal_entities: frozenset[str] | None = None

    def require(self, source: str, event_type: str, legal_entities: Sequence[str]) -> None:
        """That this caller may send for a source, of a type, for legal entities.

        Raises:
            ForbiddenEventError: It may not.
        """
        if self.source is not None and source != self.source:
            raise ForbiddenEventError(f"This credential is of the source {self.source}, and the event of another.", field="source")
        if self.event_types is not None and event_type not in self.event_types:
            raise ForbiddenEventError(f"{source} does not send {event_type}.", field="type")
        if self.legal_entities is not None and (others := sorted(set(legal_entities) - self.legal_entities)):
            raise ForbiddenEventError(f"{source} does not speak for {others[0]}.", field="data.legal_entity")

    def may_see(self, source: str) -> bool:
        """Whether what a source sent may be shown."""
        return self.source is None or self.source == source
