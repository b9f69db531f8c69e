"""Tryton's own totals: chart, trial balance by period, an account's days, documents by journal. No document is read for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.values import Row, as_date, to_amount, to_date
from hybrid_erp.model.books import AccountMovement, DayMovement, NativeAccount
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.money import ZERO

ACCOUNT: Final = "account.account"
PAGE: Final = 1000
#: Up to so many lines of an account and period are read; of more, each day's total is asked for.
LINES_READ_MAX: Final = 4000
#: The journal of moves that close a fiscal year.
CLOSING_JOURNAL: Final = "situation"

Totals = dict[str, tuple[Decimal, Decimal, int]]
"""Account number to debit, credit and lines."""
TotalsByDay = dict[date, tuple[Decimal, Decimal, int]]


@dataclass(frozen=True, slots=True)
class NativePeriod:
    """An accounting period of Tryton's: a month, or the adjustments at the end of a year."""

    id: int
    starts_on: date
    ends_on: date
    is_standard: bool

    @property
    def name(self) -> str:
        """The canonical accounting period that it counts in."""
        return f"{self.ends_on:%Y-%m}"


@dataclass(frozen=True, slots=True)
class BalanceReader:
    """Reads one company's totals. Everything raises as the client's search."""

    client: TrytonClient
    mapping: Mapping
    company: int
    legal_entity: str
    lines_read_max: int = LINES_READ_MAX

    def chart(self) -> list[NativeAccount]:
        """Every account that can bear an amount; closed ones too, which may bear an old one."""
        rows = self._accounts(["name", "type.name"], {})
        return [NativeAccount(_number(row), row["name"], row["type"]["name"], self._canonical(_number(row))) for row in rows]

    def movements(self) -> list[AccountMovement]:
        """One call for each period that was posted in, and one over all of them as a control: unequal, somebody posted meanwhile.

        Then it is asked once more, and at last every period there is, used or not.
        """
        raw = self._by_period(period for period, _ in self.journals())
        for every in (False, True):
            if _sum(raw.values()) == self.control_total():
                break
            raw = self._by_period(self.periods() if every else (period for period, _ in self.journals()))
        for period, journal in self.closings(raw):
            _add(raw[period], self._total({"periods": [period.id], "journal": journal}), -1)
        totals: dict[str, Totals] = defaultdict(dict)
        for period, each in raw.items():
            _add(totals[period.name], each, 1)
        return [
            AccountMovement(period, account, self._canonical(account), *_sides(debit, credit), lines)
            for period, accounts in sorted(totals.items())
            for account, (debit, credit, lines) in sorted(accounts.items())
            if debit or credit or lines
        ]

    def days(self, account: str, period: str) -> list[DayMovement]:
        """An account's movement by day: its lines in one call, or a call a day where there are too many lines."""
        natives = [each for each in self.periods() if each.name == period]
        total = self._of_account(account, natives) if natives else (ZERO, ZERO, 0)
        if not total[2]:
            return []
        found = self._read_days(account, natives) if total[2] <= self.lines_read_max else self._ask_days(account, natives, total)
        return [DayMovement(day, debit - credit, lines) for day, (debit, credit, lines) in sorted(found.items()) if lines]

    def periods(self) -> list[NativePeriod]:
        """All accounting periods: one call."""
        fields, order = ["start_date", "end_date", "type"], [["start_date", "ASC"], ["id", "ASC"]]
        return [_period(row) for row in self.client.select("account.period", [["company", "=", self.company]], fields, order=order)]

    def journals(self) -> list[tuple[NativePeriod, Row]]:
        """The periods and the journals that were used in them. Tryton notes each pair, but not that of a draft moved to another period."""
        fields = ["period.start_date", "period.end_date", "period.type", "journal.code", "journal.type"]
        rows = pages(self.client, "account.journal.period", [["period.company", "=", self.company]], fields)
        return [(_period(row["period"]), row["journal"]) for row in rows]

    def closings(self, periods: Iterable[NativePeriod]) -> list[tuple[NativePeriod, int]]:
        """The journals that close a year, with each of these periods that they could close: balances are those before (ACCOUNTING A6)."""
        ends = [period for period in periods if not period.is_standard]
        domain = [["type", "=", CLOSING_JOURNAL]]
        journals = [row["id"] for row in self.client.select("account.journal", domain, [])] if ends else []
        return [(period, journal) for period in ends for journal in journals]

    def control_total(self) -> Totals:
        """Every account's total of all posted moves, whatever their period: one call."""
        return self._total({"from_date": as_date(date.min)})

    def debit_of(self, period: NativePeriod, journal: int) -> Decimal:
        """The debit side of a journal's posted moves in a period: one call."""
        return debit_side(self._total({"periods": [period.id], "journal": journal}))

    def _by_period(self, periods: Iterable[NativePeriod]) -> dict[NativePeriod, Totals]:
        return {period: self._total({"periods": [period.id]}) for period in dict.fromkeys(periods)}

    def _total(self, context: Row, domain: Sequence[Any] = ()) -> Totals:
        rows = self._accounts(["debit", "credit", "line_count"], context | {"posted": True}, domain)
        totals = {_number(row): (to_amount(row["debit"]), to_amount(row["credit"]), int(row["line_count"] or 0)) for row in rows}
        return {account: total for account, total in totals.items() if any(total)}

    def _accounts(self, fields: Sequence[str], context: Row, domain: Sequence[Any] = ()) -> list[Row]:
        domain = [["company", "=", self.company], ["type", "!=", None], *domain]
        return self.client.select(ACCOUNT, domain, ["code", *fields], context=context | {"active_test": False})

    def _of_account(self, account: str, natives: Sequence[NativePeriod], days: Row | None = None) -> tuple[Decimal, Decimal, int]:
        only: list[Any] = [["code", "=", account]]
        found = self._total({"periods": [each.id for each in natives], **(days or {})}, only)
        for period, journal in self.closings(natives):
            _add(found, self._total({"periods": [period.id], "journal": journal, **(days or {})}, only), -1)
        return found.get(account, (ZERO, ZERO, 0))

    def _read_days(self, account: str, natives: Sequence[NativePeriod]) -> TotalsByDay:
        first, last = natives[0].starts_on, natives[0].ends_on
        domain: list[Any] = [["account.code", "=", account], ["move.period", "in", [each.id for each in natives]]]
        domain += [["move.company", "=", self.company], ["move.state", "=", "posted"]]
        domain += [["OR", ["move.period.type", "=", "standard"], ["move.journal.type", "!=", CLOSING_JOURNAL]]]
        found: TotalsByDay = {}
        for line in self.client.select("account.move.line", domain, ["debit", "credit", "move.date"]):
            day = to_date(line["move"]["date"])
            day = day if first <= day <= last else last
            debit, credit, lines = found.get(day, (ZERO, ZERO, 0))
            found[day] = (debit + to_amount(line["debit"]), credit + to_amount(line["credit"]), lines + 1)
        return found

    def _ask_days(self, account: str, natives: Sequence[NativePeriod], total: tuple[Decimal, Decimal, int]) -> TotalsByDay:
        """The last day has what is left, and with it what is dated outside the period: there it counts."""
        found: TotalsByDay = {}
        debit, credit, lines = total
        day, last = natives[0].starts_on, natives[0].ends_on
        while day < last and lines:
            found[day] = self._of_account(account, natives, {"from_date": as_date(day), "to_date": as_date(day)})
            debit, credit, lines = debit - found[day][0], credit - found[day][1], lines - found[day][2]
            day += timedelta(days=1)
        return found | {last: (debit, credit, lines)}

    def _canonical(self, number: str) -> str | None:
        return self.mapping.canonical_account(number, legal_entity=self.legal_entity)


def pages(client: TrytonClient, model: str, domain: Sequence[Any], fields: Sequence[str], context: Row | None = None) -> Iterator[Row]:
    """All records by id, a thousand a call. Raises as the client's search."""
    last = 0
    while True:
        rows = client.select(model, [*domain, ["id", ">", last]], fields, limit=PAGE, order=[["id", "ASC"]], context=context)
        yield from rows
        if len(rows) < PAGE:
            return
        last = int(rows[-1]["id"])


def _sides(debit: Decimal, credit: Decimal) -> tuple[Decimal, Decimal]:
    """Debit and credit above zero: a cancellation may state them below, and then they belong to the other side."""
    return max(debit, ZERO) + max(-credit, ZERO), max(credit, ZERO) + max(-debit, ZERO)


def debit_side(totals: Totals) -> Decimal:
    """The sum of the debits."""
    return sum((debit for debit, _, _ in totals.values()), ZERO)


def _period(row: Row) -> NativePeriod:
    return NativePeriod(int(row["id"]), to_date(row["start_date"]), to_date(row["end_date"]), row["type"] == "standard")


def _number(row: Row) -> str:
    return str(row["code"] or f"account {row['id']}")


def _add(totals: Totals, more: Totals, sign: int) -> None:
    for account, (debit, credit, lines) in more.items():
        before = totals.get(account, (ZERO, ZERO, 0))
        totals[account] = (before[0] + sign * debit, before[1] + sign * credit, before[2] + sign * lines)


def _sum(parts: Iterable[Totals]) -> Totals:
    total: Totals = {}
    for each in parts:
        _add(total, each, 1)
    return total
