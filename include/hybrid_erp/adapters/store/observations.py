"""The mirror: what each ERP's books hold, kept in the store so that nothing that did not change is read from an ERP again.

Two ERPs are compared in here: see `observations_reading.py`. Sums of cells and digests of slices are kept with every change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection

from hybrid_erp.adapters.store import observations_sql as sql
from hybrid_erp.model.books import Entry
from hybrid_erp.model.comparison import Observed
from hybrid_erp.model.errors import WrongSystemError

BATCH: Final = 5_000
"""Documents in one transaction."""


@dataclass(frozen=True, slots=True)
class PostgresObservations:
    """Needs the rights of `hybrid_erp_delivery`; the connection is in autocommit. One transaction a batch, one writer a company."""

    connection: Connection[tuple[Any, ...]]

    def observe(
        self,
        erp: str,
        legal_entity: str,
        entries: Iterable[Entry],
        *,
        cursor: str | None = None,
        deleted: Sequence[str] = (),
        baseline: bool = False,
    ) -> Observed:
        """Write down what was read in an ERP: the same again changes nothing, and what is another than before is kept as a change.

        `cursor` and `deleted` are those of the reader's answer; the cursor is kept in the transaction of the last batch, so that a killed
        run reads again what it may not have written. `baseline` marks documents of the time before the boundary of the load, and the loaded
        figures themselves: they are summed apart and not compared one by one. A mark once set stays.

        Raises:
            WrongSystemError: The company's functional currency is another than before, or not the same in all of them.
        """
        observed = Observed()
        for batch in _batches(entries):
            observed += self._write(erp, legal_entity, batch, read=True, baseline=baseline)
        if deleted:
            observed += Observed(deleted=self.forget(erp, legal_entity, deleted))
        if cursor is not None:
            with self.connection.transaction():
                self.connection.execute(sql.KEEP_CURSOR, {"company": self._company(erp, legal_entity), "cursor": cursor})
        return observed

    def observe_posted(self, erp: str, legal_entity: str, entries: Iterable[Entry]) -> Observed:
        """Write down what our own receipts say that an ERP has booked, so that it need not be read; what was read there stays as it is."""
        observed = Observed()
        for batch in _batches(entries):
            observed += self._write(erp, legal_entity, batch, read=False, baseline=False)
        return observed

    def forget(self, erp: str, legal_entity: str, native_ids: Sequence[str]) -> int:
        """Write down that documents are gone from the ERP; how many were there until now."""
        return self._alter(erp, legal_entity, native_ids, (sql.NOTE_DELETIONS, sql.FORGET))

    def mark_baseline(self, erp: str, legal_entity: str, native_ids: Sequence[str]) -> int:
        """Put documents to the time before the boundary of the load; how many were not there before."""
        return self._alter(erp, legal_entity, native_ids, (sql.MARK_BASELINE,))

    def tie(self, erp: str, legal_entity: str, native_id: str, posting_id: UUID) -> bool:
        """Compare a document that bears no key of ours, and what was derived from it, as this posting; False if that changes nothing."""
        return self._alter(erp, legal_entity, [native_id], (sql.TIE, sql.FOLLOW), posting_id=posting_id, native_id=native_id) > 0

    def cursor(self, erp: str, legal_entity: str) -> str | None:
        """Up to where the ERP has been read; None: not at all."""
        row = self.connection.execute(sql.CURSOR, {"erp": erp, "legal_entity": legal_entity}).fetchone()
        return row[0] if row else None

    def _company(self, erp: str, legal_entity: str) -> int:
        terms = {"erp": erp, "legal_entity": legal_entity}
        row = self.connection.execute(sql.COMPANY_ID, terms).fetchone()
        if row is None:
            self.connection.execute(sql.COMPANY, terms)
            row = self.connection.execute(sql.COMPANY_ID, terms).fetchone()
        assert row is not None
        return int(row[0])

    def _functional_currency(self, erp: str, legal_entity: str, told: set[str]) -> str:
        row = self.connection.execute(sql.COMPANY_CURRENCY, {"erp": erp, "legal_entity": legal_entity}).fetchone()
        told |= {row[0]} if row and row[0] else set()
        if len(told) != 1:
            raise WrongSystemError(f"{erp} tells documents of {legal_entity} in several functional currencies: {', '.join(sorted(told))}.")
        return told.pop()

    def _write(self, erp: str, legal_entity: str, entries: Sequence[Entry], *, read: bool, baseline: bool) -> Observed:
        with self.connection.transaction():
            terms = {"company": self._company(erp, legal_entity), "read": read, "baseline": baseline}
            self._stage(entries)
            currency = self._functional_currency(erp, legal_entity, {entry.booking.functional_currency for entry in entries})
            self._run(terms, sql.LOCK, sql.SUM_LINES, sql.HASH, *sql.RECOGNISE, sql.JUDGE)
            counts: dict[str, int] = dict(self.connection.execute(sql.COUNTS).fetchall())
            if counts.keys() - {"unchanged"}:
                self._run(terms | {"currency": currency}, sql.FUNCTIONAL_CURRENCY, sql.REFRESH, sql.TOUCH)
                self._sum(terms, -1)
                self._run(terms, sql.NOTE_CHANGES, sql.FORGET_LINES, sql.RENEW, sql.ADD, sql.TOUCH_NEW, sql.FOLLOW)
                self._run(terms, sql.ADD_DETAILS, sql.ADD_CELLS, sql.ADD_LINES)
                self._sum(terms, 1)
                self._run(terms, sql.FIND_TWINS)
            elif counts:
                self._run(terms, sql.REFRESH)
        counts["confirmed"] = counts.get("confirmed", 0) + counts.pop("seen", 0)
        return Observed(**counts)

    def _alter(self, erp: str, legal_entity: str, native_ids: Sequence[str], changes: Sequence[LiteralString], **more: Any) -> int:
        """Change documents in place: out of the sums, changed, into them again. How many the first statement changed."""
        with self.connection.transaction():
            terms = {"company": self._company(erp, legal_entity), "native_ids": list(native_ids), "with_derived": bool(more)} | more
            self._make_stages()
            self._run(terms, sql.LOCK, sql.TOUCH_NATIVE)
            self._sum(terms, -1)
            counts = [self.connection.execute(statement, terms).rowcount for statement in changes]
            self._run(terms, sql.MOVE_CELLS, sql.MOVE_LINES)
            self._sum(terms, 1)
            self._run(terms, sql.FIND_TWINS)
        return counts[0]

    def _sum(self, terms: dict[str, Any], sign: int) -> None:
        self._run(terms | {"sign": sign}, sql.SUM_CELLS, sql.SUM_SLICES)

    def _run(self, terms: dict[str, Any], *statements: LiteralString) -> None:
        for statement in statements:
            self.connection.execute(statement, terms)

    def _make_stages(self) -> None:
        # Made anew where a pooler gives each transaction another session.
        for statement in sql.STAGES:
            self.connection.execute(statement)

    def _stage(self, entries: Sequence[Entry]) -> None:
        self._make_stages()
        with self.connection.cursor() as cursor:
            with cursor.copy(sql.COPY_DOCUMENTS) as copy:
                for ordinal, entry in enumerate(entries):
                    copy.write_row(_document_row(ordinal, entry))
            with cursor.copy(sql.COPY_LINES) as copy:
                for ordinal, entry in enumerate(entries):
                    for line in entry.booking.lines:
                        details = (json.dumps(sorted(line.dimensions)), line.party or "", line.tax_code or "")
                        copy.write_row((ordinal, line.account, *details, line.amount, line.functional_amount, line.tax_base))


def _document_row(ordinal: int, entry: Entry) -> tuple[Any, ...]:
    booking = entry.booking
    return (
        ordinal,
        entry.native_id,
        entry.posting_id,
        entry.origin.value,
        entry.document_type.value if entry.document_type else None,
        entry.number,
        entry.legal_number,
        entry.party,
        entry.from_native_id,
        entry.period_run,
        entry.posted,
        booking.accounting_on,
        booking.currency,
        booking.functional_currency,
        entry.issued_on,
        entry.due_on,
        len(booking.lines),
        entry.changed_at,
    )


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """At most `BATCH` at a time; of a document that is told twice in one, the later state."""
    rest = iter(entries)
    while batch := list(islice(rest, BATCH)):
        yield list({entry.native_id: entry for entry in batch}.values())
