"""The crosswalk: what a canonical document is called in each ERP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import Held

ADOPT: Final = """
    INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id)
    SELECT %s, %s, %s, number, native_id FROM unnest(%s::text[], %s::text[]) AS held (number, native_id)
    ON CONFLICT (erp, legal_entity, document_type, number) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class PostgresCrosswalk:
    """Needs the rights of `hybrid_erp_delivery`."""

    connection: Connection[tuple[Any, ...]]

    def adopt(self, erp: str, legal_entity: str, document_type: DocumentType, held: Sequence[Held]) -> int:
        """Add what is not known yet; how many were added."""
        numbers, native_ids = [each.number for each in held], [each.native_id for each in held]
        return self.connection.execute(ADOPT, (erp, legal_entity, document_type.value, numbers, native_ids)).rowcount
