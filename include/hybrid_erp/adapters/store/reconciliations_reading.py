"""Results of reconciliations as they are shown: the rows as they were written. Needs the rights of `hybrid_erp_reader` alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

HEAD: LiteralString = """
    SELECT reconciliation_id, region, legacy, cloud, legal_entities, depth, requested_by, run, configuration, mappings, plan, started_at,
           finished_at, passed, reasons
    FROM reconciliation
"""
#: What is written of each legal entity, in the order in which it is shown.
TABLES: Final[dict[str, LiteralString]] = {
    "trial_balance": """
        SELECT legal_entity, period, account, currency, legacy, cloud, cloud - legacy AS difference, native_legacy, native_cloud
        FROM reconciliation_balance WHERE reconciliation_id = %s ORDER BY legal_entity, period <> 'opening', period, account
    """,
    "differences": """
        SELECT legal_entity, difference_no, class, aspect, gross, document_type, number, posting_id, legacy_id, cloud_id, legacy, cloud,
               why, ignored, arrived
        FROM reconciliation_difference WHERE reconciliation_id = %s ORDER BY legal_entity, class, gross DESC, difference_no
    """,
    "amounts": """
        SELECT a.legal_entity, a.difference_no, d.class, a.period, a.account, a.currency, a.amount
        FROM reconciliation_amount a JOIN reconciliation_difference d USING (reconciliation_id, legal_entity, difference_no)
        WHERE a.reconciliation_id = %s ORDER BY a.legal_entity, a.difference_no, a.period, a.account
    """,
    "projects": """
        SELECT legal_entity, project, figure, unit, legacy, cloud, cloud - legacy AS difference, classes
        FROM reconciliation_project WHERE reconciliation_id = %s ORDER BY legal_entity, project, figure
    """,
    "checks": """
        SELECT legal_entity, erp, name, expected, found, holds, remedy FROM reconciliation_check
        WHERE reconciliation_id = %s ORDER BY legal_entity, holds, place
    """,
    "left_out": """
        SELECT legal_entity, erp, accounts, scope, owner, reason, currency, amount, control_total FROM reconciliation_left_out
        WHERE reconciliation_id = %s ORDER BY legal_entity, place
    """,
    "evidence": """
        SELECT legal_entity, erp, figure, source, query, parameters, row_count, control_total, instant FROM reconciliation_evidence
        WHERE reconciliation_id = %s ORDER BY legal_entity, place
    """,
}
ENTITIES: LiteralString = """
    SELECT legal_entity, currency, instant, settle_position, legacy_cursor, cloud_cursor, looks, passed, reasons, written_at
    FROM reconciliation_entity WHERE reconciliation_id = %s ORDER BY legal_entity
"""
#: The most that a list shows.
LIST_MAX: Final = 200

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PostgresReconciliationReading:
    """Each method is one or a few statements."""

    pool: ConnectionPool[Connection[tuple[Any, ...]]]

    def latest(self, region: str | None = None, limit: int = 50) -> Sequence[Row]:
        """The latest reconciliations, newest first, without what they found."""
        statement = HEAD + "WHERE (%s::text IS NULL OR region = %s) ORDER BY started_at DESC LIMIT %s"
        return self._rows(statement, (region, region, min(limit, LIST_MAX)))

    def result(self, reconciliation_id: UUID) -> Row | None:
        """All that a reconciliation found, of each legal entity that it has come to; None if there is none."""
        heads = self._rows(HEAD + "WHERE reconciliation_id = %s", (reconciliation_id,))
        if not heads:
            return None
        tables = {name: _by_entity(self._rows(statement, (reconciliation_id,))) for name, statement in TABLES.items()}
        entities = self._rows(ENTITIES, (reconciliation_id,))
        found = [entity | {name: rows[entity["legal_entity"]] for name, rows in tables.items()} for entity in entities]
        return heads[0] | {"entities": found}

    def _rows(self, statement: LiteralString, terms: Sequence[Any]) -> list[Row]:
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, terms).fetchall()


def _by_entity(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.pop("legal_entity")].append(row)
    return found
