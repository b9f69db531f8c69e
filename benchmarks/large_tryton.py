"""A company of Tryton with many moves: the rows that its own programs write, copied into its tables at once.

Posting 20,000 moves through Tryton takes half an hour. That the rows are what Tryton would have written is shown by the reconciliation
that reads them: no document may differ from the other ERP, and no total of Tryton's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

import psycopg

from hybrid_erp.adapters.erps.tryton.moves import GENERAL_JOURNAL, JOURNALS
from hybrid_erp.adapters.erps.tryton.text import mark, with_dimensions
from hybrid_erp.model.booking import BookingLine
from hybrid_erp.model.books import Entry
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.money import ZERO
from hybrid_erp.settings import load_settings
from sandbox.site import Site
from sandbox.tryton.secrets import ROLES
from tests.builders import CONFIG

MOVES: LiteralString = """
    COPY account_move (id, company, create_date, create_uid, write_date, write_uid, date, description, journal, number, period, post_date,
                       state) FROM STDIN
"""
LINES: LiteralString = """
    COPY account_move_line (account, create_date, create_uid, credit, debit, description, maturity_date, move, party, state) FROM STDIN
"""
USED: LiteralString = """
    INSERT INTO account_journal_period (create_date, create_uid, journal, period, state)
    SELECT DISTINCT now(), 0, m.journal, m.period, 'open' FROM account_move m
    WHERE NOT EXISTS (SELECT FROM account_journal_period j WHERE j.journal = m.journal AND j.period = m.period)
"""
SEQUENCE: LiteralString = """
    SELECT s.id, s.prefix, s.padding, s.number_next_internal FROM ir_sequence_strict s JOIN account_fiscalyear y ON y.move_sequence = s.id
    WHERE y.name = '2026'
"""
ALTER: LiteralString = """
    UPDATE account_move_line SET debit = debit + CASE WHEN debit > 0 THEN %(by)s ELSE 0 END,
                                 credit = credit + CASE WHEN credit > 0 THEN %(by)s ELSE 0 END
    WHERE move = ANY(%(moves)s)
"""
IDS: Final = "SELECT nextval('account_move_id_seq') FROM generate_series(1, %s)"


@dataclass
class LargeTryton:
    """One company."""

    site: Site
    erp: str
    legal_entity: str
    journal_entries: list[str] = field(default_factory=list)
    """Native ids of those that were posted."""

    def __post_init__(self) -> None:
        settings = load_settings(CONFIG)
        self.mapping = settings.mappings[self.erp]
        self.database = settings.erps[self.erp].companies[self.legal_entity].database

    def post(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Moves that book what these documents of the other ERP book, as copies of ours; posting to native id."""
        with psycopg.connect(self.site.cluster.dsn(self.database)) as connection:
            ids = _Ids(connection)
            moves = [row[0] for row in connection.execute(IDS, (len(entries),))]
            with connection.cursor() as cursor:
                with cursor.copy(MOVES) as copy:
                    for move, entry in zip(moves, entries, strict=True):
                        copy.write_row(self._move(move, entry, ids))
                with cursor.copy(LINES) as copy:
                    for move, entry in zip(moves, entries, strict=True):
                        for line in entry.booking.lines:
                            copy.write_row(self._line(move, entry, line, ids))
            connection.execute(USED)
            ids.keep(connection)
        named = {str(entry.posting_id): f"account.move,{move}" for move, entry in zip(moves, entries, strict=True)}
        self.journal_entries += [named[str(entry.posting_id)] for entry in entries if entry.document_type is DocumentType.JOURNAL_ENTRY]
        return named

    def alter(self, native_ids: Iterable[str], by: Decimal) -> None:
        """Make both sides of moves larger, underneath Tryton: it will not tell."""
        with psycopg.connect(self.site.cluster.dsn(self.database)) as connection:
            connection.execute(ALTER, {"by": by, "moves": [int(each.partition(",")[2]) for each in native_ids]})

    def _move(self, move: int, entry: Entry, ids: _Ids) -> tuple[Any, ...]:
        kind, on = entry.document_type, entry.booking.accounting_on
        assert kind is not None
        text = mark(kind, entry.number, str(entry.posting_id), entry.content_hash, entry.legal_number)
        now, journal = datetime.now(UTC).replace(tzinfo=None), ids.journals[JOURNALS.get(kind, GENERAL_JOURNAL)]
        return (move, ids.company, now, ids.candidate, now, ids.candidate, on, text, journal, ids.number(), ids.period(on), on, "posted")

    def _line(self, move: int, entry: Entry, line: BookingLine, ids: _Ids) -> tuple[Any, ...]:
        on, kind, amount = entry.booking.accounting_on, entry.document_type, line.functional_amount
        assert kind is not None
        code = self.mapping.native_account(
            line.account, legal_entity=self.legal_entity, document_type=kind, dimensions=line.dimensions, on=on
        )
        names = self.mapping.dimensions
        text = with_dimensions(line.description, tuple((names[name], value) for name, value in line.dimensions if name in names))
        party = ids.parties[line.party] if line.party and code in ids.wanting_party else None
        now, due_on = datetime.now(UTC).replace(tzinfo=None), entry.due_on if party else None
        sides = max(-amount, ZERO), max(amount, ZERO)
        return (ids.accounts[code], now, ids.candidate, *sides, text or None, due_on, move, party, "valid")


class _Ids:
    """What a company's rows refer to."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        def by_name(query: LiteralString) -> dict[str, int]:
            return dict(connection.execute(query).fetchall())

        self.accounts = by_name("SELECT code, id FROM account_account WHERE code IS NOT NULL")
        self.wanting_party = set(by_name("SELECT code, id FROM account_account WHERE party_required"))
        self.journals = by_name("SELECT code, id FROM account_journal")
        self.parties = by_name("SELECT code, id FROM party_party WHERE code IS NOT NULL")
        self.candidate = by_name("SELECT login, id FROM res_user")[ROLES["candidate"]]
        self.company = connection.execute("SELECT min(id) FROM company_company").fetchall()[0][0]
        periods = "SELECT start_date, end_date, id FROM account_period WHERE type = 'standard'"
        self._periods: list[tuple[date, date, int]] = connection.execute(periods).fetchall()
        self._sequence, self._prefix, self._padding, self._next = connection.execute(SEQUENCE).fetchall()[0]

    def period(self, on: date) -> int:
        return next(period for first, last, period in self._periods if first <= on <= last)

    def number(self) -> str:
        """The next of the strict series."""
        self._next += 1
        return f"{self._prefix}{self._next - 1:0{self._padding}d}"

    def keep(self, connection: psycopg.Connection[Any]) -> None:
        """Write down how far the series has come."""
        connection.execute("UPDATE ir_sequence_strict SET number_next_internal = %s WHERE id = %s", (self._next, self._sequence))
