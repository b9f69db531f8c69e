"""Counts and sums of Tryton's documents by journal, and the number series that they were drawn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from hybrid_erp.adapters.erps.tryton.books_balances import BalanceReader, NativePeriod, debit_side, pages
from hybrid_erp.adapters.erps.tryton.reading import INVOICE, MOVE
from hybrid_erp.adapters.erps.tryton.values import Row, begins_with, to_amount
from hybrid_erp.model.books import DocumentTotal, NumberSeries
from hybrid_erp.model.money import ZERO

_INVOICE_SEQUENCES: Final = ("out_invoice_sequence", "out_credit_note_sequence")
_SEQUENCE: Final = ("name", "prefix", "suffix", "padding", "number_next", "number_increment")
#: So many gaps of a series are named; more mean that something is wrong with the series itself.
MISSING_MAX: Final = 100

Foreign = dict[str, tuple[set[int], Decimal, Decimal]]
"""By currency: the moves, their debit side in that currency, and their debit side in functional currency."""


@dataclass(frozen=True, slots=True)
class DocumentReader:
    """Reads one company's counts. Everything raises as the client's search."""

    balances: BalanceReader
    functional_currency: str

    def totals(self) -> list[DocumentTotal]:
        """Two calls for each journal and period that was posted in. What is in a foreign currency has no total: it is read in pages."""
        balances = self.balances
        debits = {(period, row["id"], row["code"]): balances.debit_of(period, row["id"]) for period, row in balances.journals()}
        if sum(debits.values(), ZERO) != debit_side(balances.control_total()):
            journals = balances.client.select("account.journal", [], ["code"])
            pairs = [(period, row["id"], row["code"]) for period in balances.periods() for row in journals]
            debits = {pair: balances.debit_of(pair[0], pair[1]) for pair in pairs}
        closings = balances.closings(dict.fromkeys(period for period, _, _ in debits))
        foreign, turned = self._foreign(), self._turned()
        found: list[DocumentTotal] = []
        for (period, journal, code), debit in debits.items():
            place = (period.id, journal)
            if (debit or place in turned) and (period, journal) not in closings:
                found += self._totals(period, journal, f"{MOVE} {code}", debit + turned.get(place, ZERO), foreign.get(place, {}))
        return found

    def _totals(self, period: NativePeriod, journal: int, name: str, debit: Decimal, foreign: Foreign) -> Iterator[DocumentTotal]:
        domain: list[Any] = [["period", "=", period.id], ["journal", "=", journal], ["state", "=", "posted"]]
        count = self.balances.client.count(MOVE, domain)
        for currency, (moves, amount, functional) in sorted(foreign.items()):
            count, debit = count - len(moves), debit - functional
            yield DocumentTotal(name, None, period.name, currency, len(moves), amount)
        if count:
            yield DocumentTotal(name, None, period.name, self.functional_currency, count, debit)

    def _turned(self) -> dict[tuple[int, int], Decimal]:
        """By period and journal: what the debit side lacks because a cancellation states debits and credits below zero."""
        domain: list[Any] = [["move.company", "=", self.balances.company], ["move.state", "=", "posted"]]
        domain += [["OR", ["debit", "<", 0], ["credit", "<", 0]]]
        found: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        for line in pages(self.balances.client, "account.move.line", domain, ["debit", "credit", "move.period", "move.journal"]):
            place = (line["move"]["period"], line["move"]["journal"])
            found[place] += _debited(line) - to_amount(line["debit"])
        return dict(found)

    def _foreign(self) -> dict[tuple[int, int], Foreign]:
        """What is in a foreign currency, by period and journal."""
        domain: list[Any] = [["move.company", "=", self.balances.company], ["move.state", "=", "posted"]]
        domain += [["move.lines.second_currency", "!=", None], ["OR", ["debit", ">", 0], ["credit", "<", 0]]]
        fields = ["debit", "credit", "amount_second_currency", "second_currency.code", "move.period", "move.journal"]
        by_move: dict[int, list[Row]] = defaultdict(list)
        for line in pages(self.balances.client, "account.move.line", domain, fields):
            by_move[line["move"]["id"]].append(line)
        found: dict[tuple[int, int], Foreign] = defaultdict(dict)
        for move, lines in by_move.items():
            place = found[lines[0]["move"]["period"], lines[0]["move"]["journal"]]
            currency = next((line["second_currency"]["code"] for line in lines if line["second_currency"]), self.functional_currency)
            moves, amount, functional = place.get(currency, (set(), ZERO, ZERO))
            amount += sum((to_amount(line["amount_second_currency"]) for line in lines), ZERO)
            place[currency] = (moves | {move}, amount, functional + sum(map(_debited, lines), ZERO))
        return dict(found)

    def series(self) -> list[NumberSeries]:
        """The series of invoices, credit notes and moves: counted by Tryton, searched only where the count is short.

        Tryton draws a move's number when it is posted, without a gap: a number that is missing is a move that is gone.
        """
        fields = [f"move_sequence.{name}" for name in _SEQUENCE]
        fields += [f"invoice_sequences.{sequence}.{name}" for sequence in _INVOICE_SEQUENCES for name in _SEQUENCE]
        domain = [["company", "=", self.balances.company]]
        years = self.balances.client.select("account.fiscalyear", domain, fields, order=[["start_date", "ASC"]])
        sequences: dict[tuple[int, str], Row] = {}
        for year in years:
            for sequence in (each.get(name) for each in year["invoice_sequences"] or () for name in _INVOICE_SEQUENCES):
                if sequence:
                    sequences[sequence["id"], INVOICE] = sequence
            if year["move_sequence"]:
                sequences[year["move_sequence"]["id"], MOVE] = year["move_sequence"]
        return [found for (_, model), sequence in sequences.items() if (found := self._of_sequence(sequence, model))]

    def _of_sequence(self, sequence: Row, model: str) -> NumberSeries | None:
        """None while nothing has been drawn."""
        if int(sequence["number_next"] or 1) <= 1:
            return None
        counter = _Counter(self.balances, model, sequence)
        count, last = counter.count_all(), int(sequence["number_next"]) - int(sequence["number_increment"] or 1)
        first = counter.first()
        if first is None:
            return None
        missing: Sequence[int] = () if count == last - first + 1 else tuple(counter.missing(first, last))[:MISSING_MAX]
        cancelled = counter.cancelled() if model == INVOICE else ()
        ends, absent = (counter.text(first), counter.text(last)), tuple(map(counter.text, missing))
        return NumberSeries(sequence["name"], *ends, count, absent, tuple(cancelled), gapless=True)


def _debited(line: Row) -> Decimal:
    """What a line puts on the debit side, whichever way it is written."""
    return max(to_amount(line["debit"]) - to_amount(line["credit"]), ZERO)


@dataclass(frozen=True, slots=True)
class _Counter:
    """Counts the numbers of one sequence. Numbers of equal length have one order as texts and as numbers, so each length is asked alone."""

    balances: BalanceReader
    model: str
    sequence: Row

    def text(self, number: int) -> str:
        return f"{self.sequence['prefix'] or ''}{number:0{self.sequence['padding'] or 0}d}{self.sequence['suffix'] or ''}"

    def count_all(self) -> int:
        return self._count([])

    def first(self) -> int | None:
        """The smallest number that is there."""
        prefix, suffix = len(self.sequence["prefix"] or ""), len(self.sequence["suffix"] or "")
        longest = len(str(self.sequence["number_next"]))
        for length in range(max(1, self.sequence["padding"] or 1), max(longest, self.sequence["padding"] or 1) + 1):
            pattern = begins_with(self.sequence["prefix"] or "")[:-1] + "_" * length + begins_with(self.sequence["suffix"] or "")[:-1]
            domain = [["company", "=", self.balances.company], ["number", "like", pattern]]
            if rows := self.balances.client.select(self.model, domain, ["number"], limit=1, order=[["number", "ASC"]]):
                number = str(rows[0]["number"])
                return int(number[prefix : len(number) - suffix])
        return None

    def missing(self, first: int, last: int) -> Iterator[int]:
        """The numbers that nothing bears, by halves."""
        if len(str(first)) != len(str(last)) and max(len(str(first)), len(str(last))) > (self.sequence["padding"] or 0):
            border = 10 ** len(str(first))
            yield from self.missing(first, border - 1)
            yield from self.missing(border, last)
            return
        there = self._count([["number", ">=", self.text(first)], ["number", "<=", self.text(last)]], length=len(self.text(first)))
        if there == 0:
            yield from range(first, last + 1)
        elif there < last - first + 1:
            middle = (first + last) // 2
            yield from self.missing(first, middle)
            yield from self.missing(middle + 1, last)

    def cancelled(self) -> list[str]:
        domain = [*self._domain(None), ["state", "=", "cancelled"]]
        return sorted(str(row["number"]) for row in pages(self.balances.client, self.model, domain, ["number"]))

    def _count(self, domain: Sequence[Any], length: int | None = None) -> int:
        return self.balances.client.count(self.model, [*self._domain(length), *domain])

    def _domain(self, length: int | None) -> list[Any]:
        prefix, suffix = begins_with(self.sequence["prefix"] or "")[:-1], begins_with(self.sequence["suffix"] or "")[:-1]
        own = len(self.sequence["prefix"] or "") + len(self.sequence["suffix"] or "")
        middle = "%" if length is None else "_" * (length - own)
        return [["company", "=", self.balances.company], ["number", "like", f"{prefix}{middle}{suffix}"]]
