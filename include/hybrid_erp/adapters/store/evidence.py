"""All that the store knows of one cutover, read in one snapshot. Needs the rights of `hybrid_erp_reader` alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.adapters.store.evidence_sql import (
    APPROVALS,
    AUDIT_LINES,
    AUDIT_RANGE,
    CUTOVER,
    DOCUMENTS,
    LATEST_RECONCILIATION,
    LEGAL_NUMBERS,
    LOCK_OUTS,
    MAPPINGS_IN_FORCE,
    OWNERSHIP,
    OWNERSHIP_HISTORY,
    RECONCILIATION_OF_REGION,
    RIGHTS_TAKEN,
    SEALS,
    STEPS,
    TOLD_SERIES,
)
from hybrid_erp.adapters.store.reconciliations_reading import ENTITIES, HEAD, TABLES
from hybrid_erp.model.number_series import series_of

SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
#: Under these names a check's evidence tells which reconciliation it looked at.
NAMES_OF_A_RECONCILIATION: Final = ("reconciliation", "reconciliation_id")

Row = dict[str, Any]
Facts = dict[str, Row | list[Row] | list[str]]
"""Each under the name of the part that it becomes: one thing, or the rows of a table, or such rows as lines of JSON."""


@dataclass(frozen=True, slots=True)
class PostgresEvidence:
    """The connection is in autocommit. The same store tells the same facts in the same order."""

    connection: Connection[tuple[Any, ...]]

    def facts(self, cutover_id: UUID) -> Facts | None:
        """All of a cutover or rollback; None if there is none. One that has not ended is told as it is now."""
        with self.connection.transaction():
            self.connection.execute(SNAPSHOT)
            found = self._rows(CUTOVER, {"cutover_id": cutover_id})
            return self._of(found[0]) if found else None

    def _of(self, cutover: Row) -> Facts:
        shown, how = self._shown(cutover)
        preflight = {"evidence": cutover.pop("evidence"), "evidence_hash": cutover["evidence_hash"]}
        verified = cutover["reconciliation_id"]
        facts: Facts = {
            "request": cutover,
            "preflight": preflight,
            "approvals": self._rows(APPROVALS, cutover),
            "steps": self._rows(STEPS, cutover),
            "lock_outs": self._rows(LOCK_OUTS, cutover),
            "rights_taken": self._rows(RIGHTS_TAKEN, cutover),
            "ownership": self._rows(OWNERSHIP, cutover),
            "ownership_history": self._rows(OWNERSHIP_HISTORY, cutover),
            "documents": self._rows(DOCUMENTS, cutover),
            "number_series": list(self._series(cutover)),
            "mappings_in_force": self._rows(MAPPINGS_IN_FORCE, cutover),
            "reconciliations": {"verification": verified, "seen_by_approvers": shown, "seen_by_approvers_because": how},
        }
        for name, reconciliation_id in (("verification", verified), ("seen_by_approvers", shown)):
            if reconciliation_id is not None:
                facts |= self._reconciliation(name, reconciliation_id)
        return facts | self._audit(cutover)

    def _shown(self, cutover: Row) -> tuple[UUID | None, str]:
        """The reconciliation that the approvers saw, and how that is known."""
        for each in _named(cutover["evidence"]):
            if self._rows(RECONCILIATION_OF_REGION, {"reconciliation_id": each, "region": cutover["region"]}):
                return each, "the evidence that they answered on names it"
        latest = self._rows(LATEST_RECONCILIATION, cutover)
        if latest:
            return latest[0]["reconciliation_id"], "the evidence names none; it is the last that was finished before the last answer"
        return None, "the evidence names none, and none was finished before the last answer"

    def _reconciliation(self, name: str, reconciliation_id: UUID) -> Facts:
        (head,) = self._rows(HEAD + "WHERE reconciliation_id = %s", (reconciliation_id,))
        found: Facts = {f"reconciliation/{name}/head": head, f"reconciliation/{name}/entities": self._rows(ENTITIES, (reconciliation_id,))}
        return found | {f"reconciliation/{name}/{table}": self._rows(sql, (reconciliation_id,)) for table, sql in TABLES.items()}

    def _series(self, cutover: Row) -> Iterator[Row]:
        """As the ERPs told them at the verification, and as the documents that the store knows bear them."""
        for row in self._rows(TOLD_SERIES, cutover):
            yield {"told_by": "the ERP", **row}
        company = itemgetter("erp", "legal_entity")
        for (erp, legal_entity), rows in groupby(self._rows(LEGAL_NUMBERS, cutover), company):
            for each in series_of((row["legal_number"], row["cancelled"]) for row in rows):
                yield {"told_by": "the store", "erp": erp, "legal_entity": legal_entity, **asdict(each)}

    def _audit(self, cutover: Row) -> Facts:
        """The region's audit rows from the request to the end, and the seals over them with every row that they cover."""
        (between,) = self._rows(AUDIT_RANGE, cutover)
        first, last = between["first_xid"], between["last_xid"]
        if first is None:
            return {"audit/coverage": {**between, "rows": 0, "rows_not_sealed": 0}, "audit/rows": [], "audit/seals": []}
        seals = self._rows(SEALS, {**cutover, **between})
        from_xid = min([first, *(seal["from_xid"] for seal in seals)])
        sealed_to = max([0, *(seal["to_xid"] for seal in seals)])
        rows = self.connection.execute(AUDIT_LINES, (cutover["region"], from_xid, max(last + 1, sealed_to))).fetchall()
        coverage = {**between, "rows": len(rows), "rows_not_sealed": sum(xid >= sealed_to for _, xid in rows)}
        return {"audit/coverage": coverage, "audit/rows": [line for line, _ in rows], "audit/seals": seals}

    def _rows(self, statement: LiteralString, terms: Mapping[str, Any] | Sequence[Any]) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, terms).fetchall()


def _named(evidence: Any) -> Iterator[UUID]:
    """Every reconciliation that the evidence names, in its order."""
    if isinstance(evidence, dict):
        for name, value in evidence.items():
            if name in NAMES_OF_A_RECONCILIATION and isinstance(value, str):
                try:
                    yield UUID(value)
                except ValueError:
                    continue
            else:
                yield from _named(value)
    elif isinstance(evidence, list):
        for each in evidence:
            yield from _named(each)
