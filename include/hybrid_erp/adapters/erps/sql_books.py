"""The books of any ERP that is reached by SQL and described by a SQL pack. Totals are made in the ERP's database, where the rows are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from hybrid_erp.adapters.erps.sql_books_translation import Translation
from hybrid_erp.adapters.erps.sql_pack import Books, SqlPack
from hybrid_erp.adapters.erps.sql_session import Connection, SqlSession
from hybrid_erp.model.books import (
    AccountMovement,
    Changes,
    CustomerBalance,
    CustomerFigures,
    DayMovement,
    DocumentTotal,
    Entry,
    NativeAccount,
    NumberSeries,
    OpenReceivable,
    ProjectFigures,
    Reading,
    TimeFigures,
)
from hybrid_erp.model.delivery import ErpIdentity
from hybrid_erp.model.errors import ConfigurationError, ErpUnavailableError
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.money import ZERO

#: A total over every row of a large ledger takes a minute or two; what takes longer is stuck.
STATEMENT_SECONDS_MAX: Final = 900
#: An open snapshot keeps the ERP's server from tidying up.
IDLE_SECONDS_MAX: Final = 1800

# Nothing that this session says can change the books, whatever a pack's statement does.
LIMITS: Final = """
    SELECT set_config('default_transaction_read_only', 'on', false),
           set_config('statement_timeout', %(statement_milliseconds)s, false),
           set_config('idle_in_transaction_session_timeout', %(idle_milliseconds)s, false)
"""
_FIGURES: Final = ("movements", "open_receivables", "customers", "projects", "unbilled_time", "series", "document_totals", "chart")


class SqlBooksReader:
    """One company of a SQL-reached ERP, read with one session. `calls` counts statements about the books."""

    def __init__(
        self, connect: Callable[[], Connection], pack: SqlPack, mapping: Mapping, *, legal_entity: str, expected: ErpIdentity
    ) -> None:
        """`expected` is who must answer.

        Raises:
            ConfigurationError: The pack does not say how the books are read.
        """
        if pack.books is None:
            raise ConfigurationError(f"The SQL pack {pack.pack} has no section `books`, so {pack.erp} can be posted to, but not read.")
        self.calls = 0
        self._books: Books = pack.books
        self._expected = expected
        self._translation = Translation(pack, mapping, legal_entity)
        self._session = SqlSession(connect, pack.for_reading(), expected)
        self._limited: Connection | None = None
        self._snapshot_is_open = False

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """One repeatable-read transaction: every figure inside is of one state, whatever others commit meanwhile.

        Raises:
            ErpUnavailableError: The session was lost; figures of the block so far belong to no state that can be read again.
        """
        connection = self._connection()
        try:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.transaction():
                self._snapshot_is_open = True
                row = self._row(self._books.cursor)
                queries = tuple(f"{name}: {getattr(self._books, name)}" for name in _FIGURES)
                balances = f"customer_balances: sums by account and customer of {self._books.open_receivables}"
                yield Reading(row["instant"], row["cursor"], (*queries, balances))
        except psycopg.Error as error:
            raise self._unavailable(error) from error
        finally:
            self._snapshot_is_open = False

    def chart(self) -> Sequence[NativeAccount]:
        """Every account, used or not."""
        return [self._translation.native_account(row) for row in self._rows(self._books.chart)]

    def movements(self) -> Sequence[AccountMovement]:
        """The trial balance by period, summed by the ERP's server."""
        return [self._translation.movement(row) for row in self._rows(self._books.movements)]

    def customer_balances(self) -> Sequence[CustomerBalance]:
        """The open items of each customer in sum: one statement."""
        sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        for item in self.open_receivables():
            sums[item.account, item.customer] += item.functional_open_amount
        return [CustomerBalance(account, customer, amount) for (account, customer), amount in sorted(sums.items()) if amount]

    def open_receivables(self, customers: Collection[str] | None = None) -> Sequence[OpenReceivable]:
        """Every item that is not wholly settled: one statement."""
        items = (self._translation.receivable(row) for row in self._rows(self._books.open_receivables))
        return [item for item in items if customers is None or item.customer in customers]

    def customers(self) -> Sequence[CustomerFigures]:
        """Every customer, whoever entered it."""
        return [self._translation.customer(row) for row in self._rows(self._books.customers)]

    def open_on(self, day: date) -> bool:
        """Whether the books take a posting on this day."""
        return bool(self._row(self._books.open_on, day=day)["open"])

    def projects(self) -> Sequence[ProjectFigures]:
        """Every project with its tasks."""
        return [self._translation.project(row) for row in self._rows(self._books.projects)]

    def unbilled_time(self, projects: Collection[str] | None = None) -> Sequence[TimeFigures]:
        """Every time entry that may still be billed: one statement."""
        entries = (self._translation.time(row) for row in self._rows(self._books.unbilled_time))
        return [entry for entry in entries if projects is None or entry.project in projects]

    def series(self) -> Sequence[NumberSeries]:
        """The series of legal numbers, with their gaps."""
        return [self._translation.series(row) for row in self._rows(self._books.series)]

    def document_totals(self) -> Sequence[DocumentTotal]:
        """Count and sum of posted documents."""
        return [self._translation.total(row) for row in self._rows(self._books.document_totals)]

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        """What was written after a cursor, in one statement; `thorough` costs one pass over every row."""
        told = self._row(self._books.changes, after=after, limit=limit, thorough=thorough)["changes"]
        entries = tuple(self._translation.entry(each) for each in told["entries"])
        return Changes(entries, told["cursor"], told["more"], tuple(told["deleted"]))

    def cursor(self) -> str:
        """The cursor of now; inside a snapshot, of the snapshot."""
        return str(self._row(self._books.cursor)["cursor"])

    def days(self, account: str, period: str) -> Sequence[DayMovement]:
        """A native account by day, in one statement."""
        return [self._translation.day(row) for row in self._rows(self._books.days, account=account, period=period)]

    def entries_on(self, account: str, day: date) -> Sequence[Entry]:
        """The documents with a line on a native account on one day, drafts too."""
        return [self._translation.entry(row["entry"]) for row in self._rows(self._books.entries_on, account=account, day=day)]

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        """These documents, in this order."""
        return [self._translation.entry(row["entry"]) for row in self._rows(self._books.entries, ids=list(native_ids))]

    def close(self) -> None:
        """End the session."""
        self._session.close()
        self._limited = None

    def _row(self, statement: str, **terms: object) -> dict[str, Any]:
        (row,) = self._rows(statement, **terms)
        return row

    def _rows(self, statement: str, **terms: object) -> list[dict[str, Any]]:
        connection = self._connection()
        self.calls += 1
        try:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(statement.encode(), terms).fetchall()
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def _connection(self) -> Connection:
        if self._snapshot_is_open and not self._session.alive:
            raise ErpUnavailableError(f"{self._expected.database}: the session ended inside a snapshot; begin the reading again.")
        connection = self._session.connection()
        if connection is not self._limited:
            terms = {"statement_milliseconds": str(STATEMENT_SECONDS_MAX * 1000), "idle_milliseconds": str(IDLE_SECONDS_MAX * 1000)}
            try:
                connection.execute(LIMITS, terms)
            except psycopg.Error as error:
                raise self._unavailable(error) from error
            self._limited = connection
        return connection

    def _unavailable(self, error: psycopg.Error) -> ErpUnavailableError:
        message = error.diag.message_primary or (str(error).splitlines() or ["no answer"])[0]
        return ErpUnavailableError(f"{self._expected.database} cannot be read: {message}")
