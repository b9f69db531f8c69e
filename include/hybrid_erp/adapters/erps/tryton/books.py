"""One company of Tryton as load, capture and reconciliation read it: by its own totals first, and by documents in pages.

Tryton answers each request from one state, but has no state that several requests share: figures of one reading may be some seconds apart,
and whoever compares them looks again before anybody is alarmed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.books_balances import BalanceReader
from hybrid_erp.adapters.erps.tryton.books_cursor import EPOCH, Sweeper, Watch, read, written
from hybrid_erp.adapters.erps.tryton.books_documents import DocumentReader
from hybrid_erp.adapters.erps.tryton.books_entries import NOT_CLOSING, EntryReader
from hybrid_erp.adapters.erps.tryton.books_projects import ProjectReader
from hybrid_erp.adapters.erps.tryton.books_receivables import ReceivableReader
from hybrid_erp.adapters.erps.tryton.connector import Connect
from hybrid_erp.adapters.erps.tryton.failures import reading
from hybrid_erp.adapters.erps.tryton.reading import INVOICE, MOVE, Reader
from hybrid_erp.adapters.erps.tryton.session import TrytonSession
from hybrid_erp.adapters.erps.tryton.values import as_date, to_instant
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
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.model.mapping import Mapping as ErpMapping

#: Longer than any request of a well-kept server, where the configuration says nothing else: what began before may still show. What takes
#: longer yet is missed by `changes` and found by the totals, which do not agree then.
REQUEST_SECONDS_MAX: Final = 120.0
#: A request that is cut off at its limit may have committed in that moment.
_MARGIN_SECONDS: Final = 10.0
_QUERIES: Final = (
    "account.journal.period: the periods that were posted in",
    "account.account: debit, credit and line_count of every account, context {periods: [P], posted: true}, once for each period P",
    "account.general_ledger.account.party: debit and credit of every customer on receivable accounts, context {posted: true}",
    "account.move: documents by last_modified_at and id",
)


class TrytonBooks:
    """Reads with one credential, opened at the first question."""

    def __init__(
        self,
        connect: Connect,
        mapping: ErpMapping,
        *,
        legal_entity: str,
        expected: ErpIdentity,
        reads_as: Role = Role.CONTROL,
        period_runs: Mapping[str, str] | None = None,
        request_seconds_max: float | None = None,
    ) -> None:
        """`connect` gives the credential of a role; `reads_as` is the one that asks.

        `period_runs` names the run that posts in a journal, by the journal's code.
        """
        self._connect = connect
        self.reads_as = reads_as
        self._opened: TrytonSession | None = None
        self._expected = expected
        self._mapping = mapping
        self._legal_entity = legal_entity
        self._functional_currency = expected.functional_currency
        self._period_runs = period_runs or {}
        self._overlap = timedelta(seconds=(request_seconds_max or REQUEST_SECONDS_MAX) + _MARGIN_SECONDS)

    @property
    def calls(self) -> int:
        """How many requests were sent."""
        return self._opened.client.calls if self._opened else 0

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """The reading that figures read in the block belong to; Tryton keeps no state for it (see above)."""
        with reading():
            now = self._clock()
            found = Reading(now, self._cursor(now), _QUERIES)
        yield found

    def chart(self) -> Sequence[NativeAccount]:
        """Every account that can bear an amount: one call."""
        with reading():
            return self._balances().chart()

    def movements(self) -> Sequence[AccountMovement]:
        """Trial balance by accounting period: two calls, and one for each period that was posted in."""
        with reading():
            return self._balances().movements()

    def customer_balances(self) -> Sequence[CustomerBalance]:
        """What each customer owes: a call for each thousand customers."""
        with reading():
            return ReceivableReader(self._reader(), self.our_logins).balances()

    def open_receivables(self, customers: Collection[str] | None = None) -> Sequence[OpenReceivable]:
        """Every item that is not wholly settled: a call or two for each thousand."""
        with reading():
            return ReceivableReader(self._reader(), self.our_logins).open(customers)

    def customers(self) -> Sequence[CustomerFigures]:
        """Every customer, whoever entered it."""
        with reading():
            return self._projects().customers()

    def open_on(self, day: date) -> bool:
        """Whether there is an accounting period for the day, and it is open."""
        with reading():
            domain: list[Any] = [["company", "=", self._company], ["type", "=", "standard"], ["state", "=", "open"]]
            domain += [["start_date", "<=", as_date(day)], ["end_date", ">=", as_date(day)]]
            return self._session.client.count("account.period", domain) > 0

    def projects(self) -> Sequence[ProjectFigures]:
        """Every project with its tasks."""
        with reading():
            return self._projects().projects()

    def unbilled_time(self, projects: Collection[str] | None = None) -> Sequence[TimeFigures]:
        """Every time entry that no invoice has taken up: a call for each thousand of those asked for."""
        with reading():
            return self._projects().unbilled_time(projects)

    def series(self) -> Sequence[NumberSeries]:
        """The series of invoices, credit notes and moves: a few calls each, and some more for each gap."""
        with reading():
            return DocumentReader(self._balances(), self._functional_currency).series()

    def document_totals(self) -> Sequence[DocumentTotal]:
        """Count and sum of posted moves by journal, period and currency."""
        with reading():
            return DocumentReader(self._balances(), self._functional_currency).totals()

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        """Documents made or changed after a cursor; a thorough call begins anew and tells every document again.

        Two calls when nothing is new. Otherwise three more for each five hundred documents.

        Raises:
            ValueError: The cursor is none of Tryton's.
        """
        watches = read(after)
        with reading():
            begins = all(watch.at is None for watch in watches.values())
            moves = self._watch(watches, MOVE, thorough=thorough and begins)
            page = self._sweeper(MOVE).page(moves, limit=limit)
            entries = self._entries().moves([row["id"] for row in page.rows])
            watches[MOVE], gone = page.watch, [f"{MOVE},{record}" for record in page.gone]
            if page.more:  # a page is full; invoices without a move come with the last one
                watches.setdefault(INVOICE, Watch())
                return Changes(tuple(entries), written(watches), more=True)
            page = self._sweeper(INVOICE).page(self._watch(watches, INVOICE, thorough=thorough), limit=limit)
            drafts = [row for row in page.rows if not row["move"]]
            entries += self._entries().draft_invoices([row["id"] for row in drafts if row["state"] != "cancelled"])
            cancelled = [row["id"] for row in drafts if row["state"] == "cancelled"]
            watches[INVOICE], gone = page.watch, [*gone, *(f"{INVOICE},{record}" for record in (*page.gone, *cancelled))]
            return Changes(tuple(entries), written(watches), page.more, tuple(gone))

    def cursor(self) -> str:
        """The cursor of now."""
        with reading():
            return self._cursor(self._clock())

    def days(self, account: str, period: str) -> Sequence[DayMovement]:
        """A native account's movement by day: six calls at most, or one a day where there are thousands of lines."""
        with reading():
            return self._balances().days(account, period)

    def entries_on(self, account: str, day: date) -> Sequence[Entry]:
        """The documents, drafts too, that have a line on a native account on one day; on a period's last day, what is dated outside it."""
        with reading():
            natives = [each for each in self._balances().periods() if each.name == f"{day:%Y-%m}"]
            if not natives:
                return []
            on_the_day: list[Any] = ["OR", ["date", "=", as_date(day)]]
            if day == natives[0].ends_on:
                on_the_day += [["date", "<", as_date(natives[0].starts_on)], ["date", ">", as_date(day)]]
            domain = [["period", "in", [each.id for each in natives]], ["lines.account.code", "=", account], on_the_day]
            domain += [["company", "=", self._company], NOT_CLOSING]
            rows = self._session.client.select(MOVE, domain, [])
            return self._entries().moves([row["id"] for row in rows])

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        """These documents; what is gone is left out."""
        with reading():
            return self._entries().of_documents(native_ids)

    def close(self) -> None:
        """End the session."""
        if self._opened:
            self._opened.close()

    @property
    def _session(self) -> TrytonSession:
        if self._opened is None:
            self._opened = TrytonSession(self._connect(self.reads_as), self._expected)
        return self._opened

    @cached_property
    def our_logins(self) -> frozenset[str]:
        """Who makes documents for us: the login of each role."""
        return frozenset(self._connect(role).login for role in Role)

    @property
    def _company(self) -> int:
        return self._session.directory.company

    def _reader(self) -> Reader:
        session = self._session
        return Reader(session.client, self._mapping, self._company, self._legal_entity, self._functional_currency)

    def _balances(self) -> BalanceReader:
        return BalanceReader(self._session.client, self._mapping, self._company, self._legal_entity)

    def _projects(self) -> ProjectReader:
        return ProjectReader(self._session.client, self._mapping, self._company, self._legal_entity)

    def _entries(self) -> EntryReader:
        return EntryReader(self._reader(), self.our_logins, self._period_runs)

    def _sweeper(self, model: str) -> Sweeper:
        domain: list[Any] = [["company", "=", self._company], NOT_CLOSING if model == MOVE else ["move", "=", None]]
        return Sweeper(self._session.client, model, domain, self._overlap, self._clock)

    def _watch(self, watches: Mapping[str, Watch], model: str, *, thorough: bool) -> Watch:
        """The watch to go on with; a thorough pass that is not under way begins anew, and knows of drafts only that they were there."""
        watch = watches.get(model, Watch())
        return Watch(drafts=dict.fromkeys(watch.drafts, EPOCH)) if thorough and watch.at is None else watch

    def _clock(self) -> datetime:
        """The database's own time: what Tryton makes up of a query is as old as the transaction that asks."""
        domain = [["company", "=", self._company]]
        rows = self._session.client.select("account.general_ledger.account", domain, ["create_date"], limit=1)
        return to_instant(rows[0]["create_date"])

    def _cursor(self, now: datetime) -> str:
        return written({model: self._sweeper(model).begun(now) for model in (MOVE, INVOICE)})
