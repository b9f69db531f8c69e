"""Two mirrors side by side, compared where they lie: sums first, then digests of slices, then the documents of unequal slices alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from hybrid_erp.adapters.store import observations_reading_sql as sql
from hybrid_erp.model.books import DayMovement, Origin
from hybrid_erp.model.comparison import (
    DocumentPair,
    ObservedDocument,
    ObservedLine,
    ObservedMovement,
    ObservedTotal,
    Page,
    PartyBalance,
    Position,
    ProjectSums,
    UnequalCell,
)
from hybrid_erp.model.documents import DocumentType

CHUNK: Final = 1_000
"""Documents whose lines are fetched at once."""


@dataclass(frozen=True, slots=True)
class PostgresComparison:
    """Compares two ERPs inside PostgreSQL. Needs the rights of `hybrid_erp_reader`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    @contextmanager
    def at_one_instant(self) -> Iterator[None]:
        """Inside the block everything is of one state, so that documents explain cells to the cent."""
        with self.connection.transaction():
            for statement in sql.BEGIN:
                self.connection.execute(statement)
            yield

    def unequal_cells(
        self, legacy: str, cloud: str, legal_entities: Sequence[str], *, baseline: bool = False, from_lines: bool = False
    ) -> Sequence[UnequalCell]:
        """The cells of the trial balance that differ. `from_lines` sums every line again instead of believing the sums that are kept."""
        terms = _terms(legacy, cloud, legal_entities) | {"book": _book(baseline)}
        statement = sql.UNEQUAL_CELLS.format(sums=sql.COUNTED if from_lines else sql.KEPT)
        return [UnequalCell(*row) for row in self.connection.execute(statement, terms)]

    def unequal_documents(
        self, legacy: str, cloud: str, legal_entities: Sequence[str], *, after: Position | None = None, limit: int = 10_000
    ) -> Page:
        """Documents whose content differs, in the order of their keys; only slices whose digests differ are looked into."""
        terms = _terms(legacy, cloud, legal_entities)
        slices = self.connection.execute(sql.UNEQUAL_SLICES, terms).fetchall()
        entities, periods, buckets = ([list(column) for column in zip(*slices, strict=True)]) if slices else ([], [], [])
        terms |= {"of_entities": entities, "periods": periods, "buckets": buckets, "limit": limit}
        terms |= {"after_entity": after.legal_entity if after else None, "after_key": after.match_key if after else None}
        keys = self.connection.execute(sql.UNEQUAL_KEYS, terms).fetchall()
        pairs = [pair for start in range(0, len(keys), CHUNK) for pair in self._pairs(terms, keys[start : start + CHUNK])]
        return Page(pairs, Position(*keys[-1]) if len(keys) == limit else None)

    def movements(self, erp: str, legal_entity: str, *, baseline: bool = False, from_lines: bool = False) -> Sequence[ObservedMovement]:
        """The trial balance of one company: to be compared with the ERP's own."""
        terms = {"erp": erp, "legal_entity": legal_entity, "book": _book(baseline)}
        statement = sql.MOVEMENTS.format(sums=sql.COUNTED if from_lines else sql.KEPT)
        return [ObservedMovement(*row) for row in self.connection.execute(statement, terms)]

    def days(self, erp: str, legal_entity: str, account: str, period: str, *, baseline: bool = False) -> Sequence[DayMovement]:
        """A canonical account's movement by day: where the ERP's own days differ, something was missed."""
        terms = {"erp": erp, "legal_entity": legal_entity, "account": account, "period": period, "book": _book(baseline)}
        return [DayMovement(*row) for row in self.connection.execute(sql.DAYS, terms)]

    def native_ids_on(self, erp: str, legal_entity: str, account: str, day: date, *, baseline: bool = False) -> Sequence[str]:
        """The documents that book on a canonical account on one day."""
        terms = {
            "erp": erp,
            "legal_entity": legal_entity,
            "account": account,
            "period": f"{day:%Y-%m}",
            "day": day,
            "book": _book(baseline),
        }
        return [row[0] for row in self.connection.execute(sql.NATIVE_IDS_ON, terms)]

    def document_totals(
        self, legacy: str, cloud: str, legal_entities: Sequence[str], *, periods: Sequence[str] | None = None
    ) -> Sequence[ObservedTotal]:
        """Count and sum of posted documents by type, in both ERPs; of these periods alone, where they are given."""
        terms = _terms(legacy, cloud, legal_entities) | {"of_periods": None if periods is None else list(periods)}
        rows = self.connection.execute(sql.TOTALS, terms)
        return [ObservedTotal(row[0], row[1], DocumentType(row[2]) if row[2] else None, *row[3:]) for row in rows]

    def unequal_parties(self, legacy: str, cloud: str, legal_entities: Sequence[str], accounts: Sequence[str]) -> Sequence[PartyBalance]:
        """The parties whose balance on these control accounts differs."""
        terms = _terms(legacy, cloud, legal_entities) | {"accounts": list(accounts)}
        return [PartyBalance(*row) for row in self.connection.execute(sql.PARTIES, terms)]

    def projects(self, legacy: str, cloud: str, legal_entity: str, expenses: Sequence[str]) -> Sequence[ProjectSums]:
        """What the documents of both ERPs come to on each project; `expenses` are the canonical accounts of cost."""
        terms = _terms(legacy, cloud, [legal_entity]) | {"expenses": list(expenses)}
        return [ProjectSums(*row) for row in self.connection.execute(sql.PROJECTS, terms)]

    def drift(self, erp: str, legal_entity: str) -> int:
        """How many of the sums and digests that are kept are not those of the rows: always none."""
        row = self.connection.execute(sql.DRIFT, {"erp": erp, "legal_entity": legal_entity}).fetchone()
        return int(row[0]) if row else 0

    def _pairs(self, terms: dict[str, Any], keys: Sequence[tuple[str, UUID]]) -> Iterator[DocumentPair]:
        entities, match_keys = zip(*keys, strict=True)
        with self.connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(sql.DOCUMENTS, terms | {"of_entities": list(entities), "keys": list(match_keys)}).fetchall()
        lines = self._lines([row["document_id"] for row in rows])
        sides: dict[tuple[str, UUID, bool], list[ObservedDocument]] = defaultdict(list)
        for row in rows:
            sides[row["legal_entity"], row["match_key"], row["is_legacy"]].append(_document(row, lines[row["document_id"]]))
        for entity, key in keys:
            yield DocumentPair(entity, key, tuple(sides[entity, key, True]), tuple(sides[entity, key, False]))

    def _lines(self, document_ids: Iterable[int]) -> dict[int, list[ObservedLine]]:
        lines: dict[int, list[ObservedLine]] = defaultdict(list)
        for document_id, account, dimensions, party, tax_code, *amounts in self.connection.execute(sql.LINES, {"ids": list(document_ids)}):
            lines[document_id].append(ObservedLine(account, _named(dimensions), party or None, tax_code or None, *amounts))
        return lines


_COLUMNS: Final = tuple(name for name in ObservedDocument.__slots__ if name not in {"origin", "document_type", "lines"})


def _document(row: dict[str, Any], lines: Sequence[ObservedLine]) -> ObservedDocument:
    return ObservedDocument(
        origin=Origin(row["origin"]),
        document_type=DocumentType(row["document_type"]) if row["document_type"] else None,
        lines=tuple(lines),
        **{name: row[name] for name in _COLUMNS},
    )


@lru_cache(maxsize=10_000)
def _named(dimensions: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in json.loads(dimensions))


def _terms(legacy: str, cloud: str, legal_entities: Sequence[str]) -> dict[str, Any]:
    return {"legacy": legacy, "cloud": cloud, "legal_entities": list(legal_entities)}


def _book(baseline: bool) -> str:
    return "baseline" if baseline else "current"
