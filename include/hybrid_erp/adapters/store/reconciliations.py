"""Results of reconciliations in the store: begun once a run, written legal entity by legal entity, closed by the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.model.reconciliation import Difference, EntityResult, ProjectRow, Verdict

BEGIN: Final = """
    INSERT INTO reconciliation (reconciliation_id, region, legacy, cloud, legal_entities, depth, requested_by, run, configuration, mappings,
                                plan)
    VALUES (%(reconciliation_id)s, %(region)s, %(legacy)s, %(cloud)s, %(legal_entities)s, %(depth)s, %(requested_by)s, %(run)s,
            %(configuration)s, %(mappings)s, %(plan)s)
    ON CONFLICT (region, run) DO NOTHING
"""
OF_RUN: Final = "SELECT reconciliation_id, depth FROM reconciliation WHERE region = %s AND run = %s"
TERMS: LiteralString = """
    SELECT reconciliation_id, region, legacy, cloud, legal_entities, depth FROM reconciliation WHERE reconciliation_id = %s
"""
FINISHED: Final = "SELECT legal_entity, passed, reasons FROM reconciliation_entity WHERE reconciliation_id = %s ORDER BY legal_entity"
ENTITY: Final = """
    INSERT INTO reconciliation_entity (reconciliation_id, legal_entity, currency, instant, settle_position, legacy_cursor, cloud_cursor,
                                       looks, passed, reasons)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
COPY: Final[dict[str, LiteralString]] = {
    "balance": """
        COPY reconciliation_balance (reconciliation_id, legal_entity, period, account, currency, legacy, cloud, native_legacy, native_cloud)
        FROM STDIN
    """,
    "difference": """
        COPY reconciliation_difference (reconciliation_id, legal_entity, difference_no, class, aspect, gross, moved, legacy, cloud,
                                        posting_id, legacy_id, cloud_id, number, document_type, why, ignored, arrived) FROM STDIN
    """,
    "amount": """
        COPY reconciliation_amount (reconciliation_id, legal_entity, difference_no, period, account, currency, amount) FROM STDIN
    """,
    "project": """
        COPY reconciliation_project (reconciliation_id, legal_entity, project, figure, unit, legacy, cloud, classes) FROM STDIN
    """,
    "left_out": """
        COPY reconciliation_left_out (reconciliation_id, legal_entity, place, erp, accounts, scope, owner, reason, currency, amount,
                                      control_total) FROM STDIN
    """,
    "check": """
        COPY reconciliation_check (reconciliation_id, legal_entity, place, erp, name, expected, found, holds, remedy) FROM STDIN
    """,
    "evidence": """
        COPY reconciliation_evidence (reconciliation_id, legal_entity, place, erp, figure, source, query, parameters, row_count,
                                      control_total, instant) FROM STDIN
    """,
}
FINISH: Final = """
    UPDATE reconciliation SET finished_at = clock_timestamp(), passed = %s, reasons = %s
    WHERE reconciliation_id = %s AND finished_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class PostgresReconciliations:
    """Needs the rights of `hybrid_erp_delivery`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def begin(self, terms: Mapping[str, Any]) -> UUID:
        """The reconciliation of a run: begun, or the one that the run began before it was tried again."""
        written = dict(terms) | {name: json.dumps(terms[name], default=str) for name in ("mappings", "plan")}
        self.connection.execute(BEGIN, written | {"reconciliation_id": uuid4()})
        found = self.of_run(terms["region"], terms["run"])
        assert found is not None
        return found[0]

    def of_run(self, region: str, run: str) -> tuple[UUID, str] | None:
        """The reconciliation that a run began, and its depth."""
        row = self.connection.execute(OF_RUN, (region, run)).fetchone()
        return (row[0], row[1]) if row else None

    def terms(self, reconciliation_id: UUID) -> Mapping[str, Any] | None:
        """What it is about; None if there is none."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(TERMS, (reconciliation_id,)).fetchone()

    def finished(self, reconciliation_id: UUID) -> Mapping[str, Verdict]:
        """The legal entities whose result is written, with their verdicts."""
        rows = self.connection.execute(FINISHED, (reconciliation_id,)).fetchall()
        return {legal_entity: Verdict(passed, tuple(reasons)) for legal_entity, passed, reasons in rows}

    def write(self, reconciliation_id: UUID, result: EntityResult) -> None:
        """Write one legal entity's result in one transaction, once; a second one changes nothing."""
        coverage, key = result.coverage, (reconciliation_id, result.legal_entity)
        with self.connection.transaction():
            cursors = coverage.legacy_cursor.get(result.legal_entity, ""), coverage.cloud_cursor.get(result.legal_entity, "")
            verdict = result.looks, result.verdict.passed, list(result.verdict.reasons)
            head = (*key, result.currency, coverage.instant, coverage.settle_position, *cursors, *verdict)
            if not self.connection.execute(ENTITY, head).rowcount:
                return
            self._copy("balance", (_balance(key, row) for row in result.rows))
            self._copy("difference", (_difference(key, number, each) for number, each in enumerate(result.differences, 1)))
            self._copy("amount", (row for number, each in enumerate(result.differences, 1) for row in _amounts(key, number, each)))
            self._copy("project", (_project(key, row) for row in result.projects))
            self._copy("left_out", ((*key, place, *_left_out(each)) for place, each in enumerate(result.left_out, 1)))
            names = ("erp", "name", "expected", "found", "holds", "remedy")
            self._copy("check", ((*key, place, *(getattr(each, name) for name in names)) for place, each in enumerate(result.checks, 1)))
            self._copy("evidence", ((*key, place, *_evidence(each)) for place, each in enumerate(result.evidence, 1)))

    def finish(self, reconciliation_id: UUID, verdict: Verdict) -> None:
        """Write the verdict, once."""
        self.connection.execute(FINISH, (verdict.passed, list(verdict.reasons), reconciliation_id))

    def _copy(self, what: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.connection.cursor().copy(COPY[what]) as copy:
            for row in rows:
                copy.write_row(row)


def _balance(key: tuple[UUID, str], row: Any) -> Sequence[Any]:
    place = row.place
    return (*key, place.period, place.account, place.currency, row.legacy, row.cloud, list(row.native_legacy), list(row.native_cloud))


def _project(key: tuple[UUID, str], row: ProjectRow) -> Sequence[Any]:
    classes = json.dumps({difference_class.value: f"{amount:f}" for difference_class, amount in row.classes})
    return (*key, row.project, row.figure, row.unit, row.legacy, row.cloud, classes)


def _difference(key: tuple[UUID, str], number: int, each: Difference) -> Sequence[Any]:
    told = (each.legacy, each.cloud, each.posting_id, each.legacy_id, each.cloud_id, each.number, each.document_type, each.why)
    head = (each.difference_class.value, each.aspect, each.gross, each.moved)
    return (*key, number, *head, *told, each.ignored, each.arrived)


def _amounts(key: tuple[UUID, str], number: int, each: Difference) -> Iterable[Sequence[Any]]:
    return ((*key, number, place.period, place.account, place.currency, amount) for place, amount in each.amounts)


def _left_out(each: Any) -> Sequence[Any]:
    return (each.erp, list(each.accounts), each.scope, each.owner, each.reason, each.currency, each.amount, each.control_total)


def _evidence(each: Any) -> Sequence[Any]:
    parameters = json.dumps(dict(each.parameters))
    return (each.erp, each.figure, each.source, each.query, parameters, each.row_count, each.control_total, each.instant)
