"""Payloads whose time has passed: counted under any role that reads, erased under `hybrid_erp_retention` alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from psycopg import Connection, errors

from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.model.retention import Terms

DAYS: Final = """
    SELECT DISTINCT accepted_on FROM posting
    WHERE erased_at IS NULL AND document_type = ANY(%s) AND accepted_on <= (clock_timestamp() AT TIME ZONE 'UTC')::date - %s
    ORDER BY accepted_on
"""
DUE: Final = "SELECT document_type, kept_because, count(*) FROM payloads_due(%s, %s) GROUP BY 1, 2"
ERASE: Final = "SELECT document_type, payloads FROM erase_payloads(%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class PostgresPayloads:
    """The connection is in autocommit: each batch is one transaction."""

    connection: Connection[tuple[Any, ...]]

    def days(self, terms: Terms) -> Sequence[date]:
        """On which days something was accepted whose time may have passed."""
        if not terms.rules:
            return []
        document_types = sorted({rule.document_type for rule in terms.rules})
        found = self.connection.execute(DAYS, (document_types, min(rule.days for rule in terms.rules)))
        return [day for (day,) in found]

    def due(self, terms: Terms, accepted_on: date) -> Mapping[tuple[str, str | None], int]:
        """How many payloads of a day have had their time, by document type and by what still needs them (None: nothing)."""
        found = self.connection.execute(DUE, (json.dumps(asdict(terms)), accepted_on))
        return {(document_type, kept_because): count for document_type, kept_because, count in found}

    def erase(self, terms: Terms, accepted_on: date, *, limit: int, by: str) -> Mapping[str, int]:
        """Erase up to so many of a day that nothing needs; how many were, by document type.

        Raises:
            OwnershipConflictError: The store is not believed, or is being recovered. Nothing of the batch was erased.
        """
        try:
            return dict(self.connection.execute(ERASE, (json.dumps(asdict(terms)), accepted_on, limit, by)).fetchall())
        except errors.ObjectNotInPrerequisiteState as error:
            raise OwnershipConflictError(f"Nothing more was erased: {error.diag.message_primary}.") from error
