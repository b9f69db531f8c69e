"""A person at LedgerSMB's own screens: the rows that its programs write, and its own procedures, with the bookkeeper's login."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import psycopg

from hybrid_erp.adapters.erps.sql import SqlConnector
from hybrid_erp.adapters.erps.sql_books import SqlBooksReader
from hybrid_erp.model.delivery import ErpIdentity, Role
from hybrid_erp.settings import Settings
from sandbox.fault_proxy import FaultProxy
from sandbox.ledgersmb.credentials import login_name
from sandbox.postgres import HOST, Cluster
from tests.contracts.books_under_test import Lines
from tests.contracts.ledgersmb_under_test import LedgerSmbUnderTest

Connection = psycopg.Connection[tuple[Any, ...]]

ADD_JOURNAL = """
    INSERT INTO gl (reference, description, transdate, approved)
    VALUES (coalesce(%(reference)s, setting_increment('glnumber')), %(text)s, %(on)s, %(approved)s) RETURNING id
"""
ADD_LINE = """
    INSERT INTO acc_trans (trans_id, chart_id, amount, transdate, source, memo, fx_transaction)
    SELECT %(trans)s, id, %(amount)s, %(on)s, %(source)s, %(memo)s, %(fx)s FROM account WHERE accno = %(account)s
"""
ADD_INVOICE = """
    INSERT INTO ar (invnumber, transdate, crdate, duedate, amount, netamount, curr, entity_credit_account, approved, is_return)
    SELECT setting_increment('sinumber'), %(on)s, %(on)s, %(on)s::date + 30, %(amount)s, %(amount)s, %(currency)s, id, true, %(amount)s < 0
    FROM entity_credit_account WHERE meta_number = %(customer)s AND entity_class = 2 RETURNING id
"""
PAY = """
    SELECT payment_post(in_datepaid => %(on)s, in_account_class => 2, in_entity_credit_id => ar.entity_credit_account,
        in_curr => ar.curr, in_notes => 'At the counter', in_gl_description => 'At the counter',
        in_cash_account_id => array_fill(cash.id, ARRAY[cardinality(%(amounts)s::numeric[])]), in_amount => %(amounts)s,
        in_cash_approved => ARRAY[true], in_source => array_fill(%(source)s::text, ARRAY[cardinality(%(amounts)s::numeric[])]),
        in_memo => array_fill(''::text, ARRAY[cardinality(%(amounts)s::numeric[])]), in_transaction_id => %(invoices)s,
        in_op_amount => %(overpaid)s, in_op_cash_account_id => array_fill(cash.id, ARRAY[cardinality(%(overpaid)s::numeric[])]),
        in_op_source => array_fill(%(source)s::text, ARRAY[cardinality(%(overpaid)s::numeric[])]),
        in_op_memo => array_fill(''::text, ARRAY[cardinality(%(overpaid)s::numeric[])]),
        in_op_account_id => array_fill(retainer.id, ARRAY[cardinality(%(overpaid)s::numeric[])]),
        in_ovp_payment_id => array_fill(NULL::int, ARRAY[cardinality(%(amounts)s::numeric[])]), in_approved => true)
    FROM ar, account AS cash, account AS retainer
    WHERE ar.id = (%(invoices)s::int[])[1] AND cash.accno = %(cash)s AND retainer.accno = %(retainer)s
"""
REVERSE = """
    SELECT payment__reverse(%(source)s, %(paid_on)s, entity_credit_account, %(cash)s, %(on)s, 2, NULL, NULL, 1, curr)
    FROM ar WHERE id = %(invoice)s
"""


@dataclass(frozen=True)
class LedgerSmbBooks:
    """The German company, and its bookkeeper."""

    cluster: Cluster
    settings: Settings
    legal_entity: str = "DE01"
    totals_tell_types: bool = True
    customers_have_countries: bool = True

    @property
    def bookkeeper(self) -> str:
        return login_name(self.legal_entity, "bookkeeper")

    @cached_property
    def erp(self) -> LedgerSmbUnderTest:
        return LedgerSmbUnderTest(self.cluster, self.settings)

    def reader(self, proxy: FaultProxy | None = None) -> SqlBooksReader:
        return self._reader(self.legal_entity, proxy)

    def reader_of_the_wrong_company(self) -> SqlBooksReader:
        return self._reader(self.erp.other)

    def connector(self) -> SqlConnector:
        return self.erp.connector()

    def native(self, account: str) -> str:
        """The company's own number of a canonical account."""
        rules = self.settings.mappings["ledgersmb-emea"].accounts
        return next(rule.native for rule in rules if rule.canonical == account and self.legal_entity in (rule.legal_entities or ()))

    def enter(self, on: date, text: str, lines: Lines) -> str:
        return self._journal(on, text, lines)

    def draft(self, on: date, text: str, lines: Lines) -> str:
        return self._journal(on, text, lines, approved=False)

    def numbered(self, reference: str, on: date, text: str, lines: Lines) -> str:
        """A journal entry under a number that the person chose."""
        return self._journal(on, text, lines, reference=reference)

    def post(self, native_id: str) -> None:
        self._one("SELECT draft_approve(%s)", (_id(native_id),))

    def discard(self, native_id: str) -> None:
        with self.administrator() as connection:  # what the ERP lets only its administrators do
            connection.execute("SELECT draft_delete(%s)", (_id(native_id),))

    def invoice(self, customer: str, amount: str, on: date, currency: str = "EUR", rate: str = "1") -> str:
        """As the screen for receivables writes it: in a foreign currency the second half of the receivable is not marked as such."""
        total, factor = Decimal(amount), Decimal(rate)
        terms = {"on": on, "amount": total * factor, "currency": currency, "customer": customer}
        rest = total * factor - total
        with self.at_the_screen() as connection, connection.transaction():
            row = connection.execute(ADD_INVOICE, terms).fetchone()
            assert row is not None
            add_line(connection, row[0], self.native("4000"), total, on)
            if rest:
                add_line(connection, row[0], self.native("4000"), rest, on, fx=True)
            add_line(connection, row[0], self.native("1100"), -total, on)
            if rest:
                add_line(connection, row[0], self.native("1100"), -rest, on)
        return f"ar,{row[0]}"

    def pay(self, invoice: str, amount: str, on: date) -> None:
        self.receive({invoice: amount}, on)

    def receive(self, amounts: dict[str, str], on: date, source: str = "", overpaid: Sequence[str] = ()) -> str:
        """A payment by the ERP's own procedure; its native id."""
        terms = {"on": on, "amounts": [Decimal(each) for each in amounts.values()], "invoices": [_id(each) for each in amounts]}
        terms |= {"source": source, "overpaid": [Decimal(each) for each in overpaid]}
        return f"payment,{self._one(PAY, terms | {'cash': self.native('1000'), 'retainer': self.native('2250')})}"

    def receipt_on_the_invoice(self, invoice: str, amount: str, on: date, source: str) -> None:
        """What the invoice's own screen writes when a receipt is entered there: no payment, no link."""
        with self.at_the_screen() as connection, connection.transaction():
            add_line(connection, _id(invoice), self.native("1100"), Decimal(amount), on)
            add_line(connection, _id(invoice), self.native("1000"), -Decimal(amount), on, source=source)

    def reverse_payment(self, invoice: str, source: str, paid_on: date, on: date) -> None:
        terms = {"source": source, "paid_on": paid_on, "on": on, "invoice": _id(invoice), "cash": self.native("1000")}
        self._one(REVERSE, terms)

    @contextmanager
    def at_the_screen(self) -> Iterator[Connection]:
        with psycopg.connect(self.cluster.dsn(self.erp.database(self.legal_entity), self.bookkeeper), autocommit=True) as connection:
            yield connection

    @contextmanager
    def administrator(self) -> Iterator[Connection]:
        with self.cluster.admin(self.erp.database(self.legal_entity)) as connection:
            yield connection

    def _reader(self, database_of: str, proxy: FaultProxy | None = None) -> SqlBooksReader:
        def connect() -> Connection:
            login = login_name(database_of, Role.CONTROL.value)
            port = proxy.port if proxy else self.cluster.port
            return psycopg.connect(host=HOST, port=port, user=login, dbname=self.erp.database(database_of), connect_timeout=5)

        company = self.settings.erps["ledgersmb-emea"].companies[self.legal_entity]
        functional = self.settings.legal_entity(self.legal_entity).functional_currency
        expected = ErpIdentity(company.database, company.company, functional, "")
        mapping = self.settings.mappings["ledgersmb-emea"]
        return SqlBooksReader(connect, self.erp.pack, mapping, legal_entity=self.legal_entity, expected=expected)

    def _journal(self, on: date, text: str, lines: Lines, *, approved: bool = True, reference: str | None = None) -> str:
        with self.at_the_screen() as connection, connection.transaction():
            return self.journal_rows(connection, on, text, lines, approved=approved, reference=reference)

    def journal_rows(
        self, connection: Connection, on: date, text: str, lines: Lines, *, approved: bool = True, reference: str | None = None
    ) -> str:
        """The rows of a journal entry, in a transaction that the caller ends."""
        terms = {"reference": reference, "text": text, "on": on, "approved": approved}
        row = connection.execute(ADD_JOURNAL, terms).fetchone()
        assert row is not None
        for account, amount in lines:
            add_line(connection, row[0], self.native(account), -Decimal(amount), on, memo=text)
        return f"gl,{row[0]}"

    def _one(self, query: str, terms: Any) -> Any:
        with self.at_the_screen() as connection:
            row = connection.execute(query.encode(), terms).fetchone()
        assert row is not None
        return row[0]


def add_line(
    connection: Connection, trans: int, account: str, amount: Decimal, on: date, *, fx: bool = False, source: str = "", memo: str = ""
) -> None:
    """One row of the ledger; above zero is a credit."""
    terms = {"trans": trans, "account": account, "amount": amount, "on": on, "fx": fx, "source": source, "memo": memo}
    assert connection.execute(ADD_LINE, terms).rowcount == 1, account


def _id(native_id: str) -> int:
    return int(native_id.partition(",")[2])
