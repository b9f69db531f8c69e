"""What only the LedgerSMB pack can get wrong: which value is missing, and what hangs on each row of a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from hybrid_erp.adapters.erps.sql_submission import native_submission
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.documents import DocumentType, JournalEntry
from hybrid_erp.settings import Settings
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.erp_under_test import a_submission
from tests.contracts.ledgersmb_under_test import LedgerSmbUnderTest

Connection = psycopg.Connection[tuple[Any, ...]]
Content = dict[str, Any]

ROWS = """
    SELECT account.accno, entry.amount, entry.fx_transaction, entry.memo, tax_extended.tax_basis,
           ARRAY(SELECT unit.control_code FROM business_unit_ac AS worn JOIN business_unit AS unit ON unit.id = worn.bu_id
                 WHERE worn.entry_id = entry.entry_id ORDER BY 1)
    FROM acc_trans AS entry JOIN account ON account.id = entry.chart_id LEFT JOIN tax_extended USING (entry_id)
    WHERE entry.trans_id = %s ORDER BY entry.entry_id
"""
A_TAX = "SELECT accno, taxnumber FROM tax JOIN account ON account.id = tax.chart_id WHERE taxnumber IS NOT NULL AND validto = 'infinity'"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return the_settings()


@pytest.fixture(scope="module")
def erp(site: Site, settings: Settings) -> LedgerSmbUnderTest:
    return LedgerSmbUnderTest(site.cluster, settings)


@pytest.fixture(scope="module")
def session(erp: LedgerSmbUnderTest) -> Iterator[Connection]:
    """A session of the control with the pack's functions."""
    with erp.connect("DE01")(Role.CONTROL) as connection:
        connection.autocommit = True
        connection.execute(erp.pack.function_text.encode())
        yield connection


def an_entry_in_its_words(erp: LedgerSmbUnderTest, change: Callable[[Content], object]) -> Content:
    lines = [{"account": "5200", "debit": "100.10"}, {"account": "1000", "credit": "100.10"}]
    terms = {"number": "JE-LINES", "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR", "lines": lines}
    submission = a_submission(erp.settings, JournalEntry.model_validate(terms))
    content: Content = json.loads(native_submission(submission, erp.pack, erp.settings.mappings["ledgersmb-emea"]))
    change(content)
    return content


def post(session: Connection, erp: LedgerSmbUnderTest, content: Content) -> str:
    statement = erp.pack.operation(DocumentType.JOURNAL_ENTRY).submit
    row = session.execute(statement.encode(), {"submission": json.dumps(content)}).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"account": "99999"}, "HE001", "The chart has no account 99999."),
        ({"dimensions": {"Project": "P-NOWHERE"}}, "HE003", "There is no Project P-NOWHERE."),
        ({"dimensions": {"Planet": "Mars"}}, "HE003", "There is no Planet Mars."),
        ({"tax_code": "99", "tax_base": "1.00"}, "HE004", "Account 1800 has no tax 99 on 2026-03-05."),
        ({"amount": "99.00"}, "HE005", "The lines are out of balance by -1.10, in functional currency by 0.00."),
        ({"functional_amount": "99.00"}, "HE005", "The lines are out of balance by 0.00, in functional currency by -1.10."),
        ({"functional_amount": None}, "23502", 'null value in column "amount" of relation "acc_trans" violates not-null constraint'),
    ],
)
def test_what_a_line_lacks_is_named_and_nothing_is_booked(
    session: Connection, erp: LedgerSmbUnderTest, changes: Content, state: str, words: str
) -> None:
    before = erp.documents()

    with pytest.raises(psycopg.Error) as refused:
        post(session, erp, an_entry_in_its_words(erp, lambda content: content["lines"][1].update(changes)))

    assert (refused.value.sqlstate, refused.value.diag.message_primary) == (state, words)
    assert erp.documents() == before


def test_both_rows_of_a_foreign_line_bear_its_dimensions_and_one_bears_the_tax_base(session: Connection, erp: LedgerSmbUnderTest) -> None:
    with erp.cluster.admin(erp.database("DE01")) as connection:
        row = connection.execute(A_TAX).fetchone()
    assert row is not None
    account, tax_code = map(str, row)

    def abroad(content: Content) -> None:
        content |= {"currency": "USD", "exchange_rate": "0.9"}
        first, second = content["lines"]
        first |= {"account": account, "amount": "-10.00", "functional_amount": "-9.00", "description": "Paint"}
        first |= {"dimensions": {"Department": "OPERATIONS", "Cost centre": "CC-100"}, "tax_code": tax_code, "tax_base": "-50.00"}
        second |= {"amount": "10.00", "functional_amount": "9.00"}

    journal = post(session, erp, an_entry_in_its_words(erp, abroad))

    assert session.execute(ROWS, [journal]).fetchall() == [
        (account, Decimal("-10.00"), False, "Paint", Decimal("-50.00"), ["CC-100", "OPERATIONS"]),
        (account, Decimal("1.00"), True, "Paint", Decimal(0), ["CC-100", "OPERATIONS"]),
        ("1800", Decimal("10.00"), False, None, None, []),
        ("1800", Decimal("-1.00"), True, None, None, []),
    ]
