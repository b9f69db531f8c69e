"""A smoke test's entries in the store: taken in under keys of the cutover, so that they are the same ones whoever runs it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

STATES: Final = """
    SELECT o.legal_entity, o.posting_id, o.state, d.native_id FROM outbox o
    LEFT JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
                         AND d.erp = %(erp)s
    WHERE o.posting_id = ANY(%(posting_ids)s) AND o.role = 'control' ORDER BY o.legal_entity, o.seq
"""


@dataclass(frozen=True, slots=True)
class PostgresCanaries:
    """Reads alone; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def states(self, posting_ids: Sequence[UUID], erp: str) -> Sequence[dict[str, Any]]:
        """How far each is at an ERP: legal entity, posting, state, native id."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(STATES, {"posting_ids": list(posting_ids), "erp": erp}).fetchall()
