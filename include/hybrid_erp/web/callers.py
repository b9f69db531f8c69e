"""Who calls: a person with Airflow's rights, or one source's machine, which may do little and for itself alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: All that a machine may ever open, as the routes are written; a route that is added is closed to machines until it is named here.
OPEN_TO_MACHINES: Final = frozenset(
    {
        ("POST", "/v1/events"),
        ("GET", "/v1/outcomes"),
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
