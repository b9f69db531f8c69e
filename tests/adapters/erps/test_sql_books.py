"""What a pack's answers about the books become in canonical terms, and what a pack must say to be read at all."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from hybrid_erp.adapters.erps.sql_books import SqlBooksReader
from hybrid_erp.adapters.erps.sql_books_translation import Translation
from hybrid_erp.adapters.erps.sql_pack import load_pack
from hybrid_erp.adapters.erps.sql_session import Connection
from hybrid_erp.model.books import YEAR_END, Origin
from hybrid_erp.model.delivery import ErpIdentity
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ConfigurationError
from tests.builders import CONFIG, the_settings

KEY = "0f3c2c1e-6f0a-8c3e-9d2f-0a1b2c3d4e5f"


@pytest.fixture(scope="module")
def translation() -> Translation:
    mapping = the_settings().mappings["ledgersmb-emea"]
    return Translation(load_pack(CONFIG / "packs" / "ledgersmb"), mapping, "DE01")


def an_entry(**changes: Any) -> dict[str, Any]:
    line = {"account": "1800", "amount": "-40.00", "functional_amount": "-40.00", "dimensions": {"Project": "P-1"}, "description": "x"}
    other = {"account": "0100", "amount": "40.00", "functional_amount": "40.00", "dimensions": {}}
    entry = {"native_id": "gl,7", "number": "N7", "posted": True, "accounting_on": "2026-03-05", "currency": "EUR"}
    return entry | {"functional_currency": "EUR", "lines": [line, other], "document_type": "journal_entry", "run": "gl"} | changes


def test_an_entry_keeps_the_sign_the_dimensions_and_what_nobody_mapped(translation: Translation) -> None:
    entry = translation.entry(an_entry())

    bank, other = entry.booking.lines
    assert (bank.account, bank.amount, bank.dimensions, bank.description) == ("1000", Decimal("40.00"), (("project", "P-1"),), "x")
    assert other.account == "0100 of the ERP"
    assert (entry.origin, entry.document_type, entry.posting_id) == (Origin.NATIVE, DocumentType.JOURNAL_ENTRY, None)


@pytest.mark.parametrize(
    ("changes", "origin", "run"),
    [
        ({"key": KEY}, Origin.FACADE, None),
        ({"key": "quotation 7"}, Origin.NATIVE, None),
        ({"derived_from": "payment,3"}, Origin.DERIVED, None),
        ({"corrects": "payment,3"}, Origin.NATIVE, None),
        ({"number": "DEPR-2026-03"}, Origin.PERIOD_RUN, "depreciation"),
        ({"number": "A DEPR-2026"}, Origin.NATIVE, None),
        ({"run": "fa"}, Origin.PERIOD_RUN, "depreciation"),
        ({"run": "ye"}, Origin.PERIOD_RUN, YEAR_END),
    ],
)
def test_the_origin_of_an_entry_is_known_by_its_key_its_source_or_its_run(
    translation: Translation, changes: dict[str, Any], origin: Origin, run: str | None
) -> None:
    entry = translation.entry(an_entry(**changes))

    assert (entry.origin, entry.period_run) == (origin, run)


def test_a_line_of_nothing_is_no_negative_zero(translation: Translation) -> None:
    line = {"account": "1800", "amount": "0", "functional_amount": "0.00", "dimensions": {}}

    (told,) = translation.entry(an_entry(lines=[line])).booking.lines

    assert not told.amount.is_signed()
    assert not told.functional_amount.is_signed()


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "status"),
    [
        (None, None, "active"),
        (date(2026, 7, 1), None, "planned"),
        (date(2025, 1, 1), date(2026, 6, 29), "closed"),
        (None, date(2026, 6, 30), "active"),
    ],
)
def test_a_project_is_planned_active_or_closed_by_its_days(
    translation: Translation, starts_on: date | None, ends_on: date | None, status: str
) -> None:
    row = {"native_id": "business_unit,1", "number": "P-1", "name": "Bridge", "customer": "C-1", "tasks": [], "today": date(2026, 6, 30)}
    row |= {"starts_on": starts_on, "ends_on": ends_on, "billed": Decimal(0), "unbilled": None, "cost": Decimal(0)}

    assert translation.project(row).status == status


def test_a_pack_without_books_can_be_posted_to_but_not_read() -> None:
    pack = load_pack(CONFIG / "packs" / "ledgersmb").model_copy(update={"books": None})

    def connect() -> Connection:
        raise AssertionError("nothing is opened")

    with pytest.raises(ConfigurationError, match="books"):
        SqlBooksReader(
            connect, pack, the_settings().mappings["ledgersmb-emea"], legal_entity="DE01", expected=ErpIdentity("d", "c", "EUR", "")
        )


def test_a_session_that_reads_has_functions_of_its_own() -> None:
    pack = load_pack(CONFIG / "packs" / "ledgersmb")

    assert "books_changes" not in pack.function_text
    assert "books_changes" in pack.for_reading().function_text
    assert "facade_post" not in pack.for_reading().function_text
