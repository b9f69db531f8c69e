"""A SQL pack's descriptor: what it must say, and what the one that we ship says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hybrid_erp.adapters.erps.sql_lock_out import SqlLockOut
from hybrid_erp.adapters.erps.sql_pack import load_pack
from hybrid_erp.adapters.erps.sql_session import Connection
from hybrid_erp.model.delivery import ConnectorClass, ErpIdentity
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ConfigurationError
from tests.builders import CONFIG

OPERATION = {"native": "gl", "connector_class": "unique", "submit": "SELECT p(%(submission)s)", "find": "f(%(keys)s)", "read": "r(%(ids)s)"}
BOOKS = dict.fromkeys(("chart", "movements", "open_receivables", "customers", "projects", "unbilled_time", "series"), "SELECT 1")
BOOKS |= {"document_totals": "SELECT 1", "cursor": "SELECT 1", "open_on": "SELECT o(%(day)s)", "entries": "SELECT e(%(ids)s)"}
BOOKS |= {"days": "d(%(account)s, %(period)s)", "entries_on": "o(%(account)s, %(day)s)", "changes": "c(%(after)s, %(limit)s, %(thorough)s)"}

CHANGE = "SELECT c(%(rights)s, %(generation)s, %(fences)s)"
LOCK_OUT = {"state": "SELECT 1", "lock": CHANGE, "unlock": CHANGE, "quiet": "SELECT q(%(fences)s)"}


def a_pack(folder: Path, **changes: Any) -> Path:
    descriptor: dict[str, Any] = {"pack": "old", "erp": "Old ERP", "versions": ["7."], "positive_is": "debit", "identity": "SELECT 1"}
    descriptor |= {"operations": {"journal": OPERATION}, "documents": {"journal_entry": "journal"}}
    (folder / "pack.yaml").write_text(yaml.safe_dump(descriptor | changes))
    return folder


def test_the_ledgersmb_pack_books_every_type_once() -> None:
    pack = load_pack(CONFIG / "packs" / "ledgersmb")

    assert {DocumentType.INVOICE, DocumentType.PAYMENT, DocumentType.JOURNAL_ENTRY, DocumentType.PROJECT} <= set(pack.capabilities)
    assert {each.connector_class for each in pack.capabilities.values()} == {ConnectorClass.UNIQUE}
    assert "facade_lock" in pack.function_text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"documents": {"journal_entry": "ledger"}}, "ledger"),
        ({"operations": {"journal": OPERATION | {"submit": "SELECT p()"}}}, "submission"),
        ({"operations": {"journal": OPERATION | {"connector_class": "look_up_only"}}}, "connector_class"),
        ({"functions": ["missing.sql"]}, "missing.sql"),
        ({"colour": "blue"}, "colour"),
        ({"books": BOOKS | {"changes": "SELECT c(%(after)s, %(limit)s)"}}, "thorough"),
        ({"books": BOOKS | {"functions": ["missing.sql"]}}, "missing.sql"),
        ({"books": {"chart": "SELECT 1"}}, "books.movements"),
        ({"lock_out": LOCK_OUT | {"unlock": "SELECT c(%(rights)s, %(fences)s)"}}, "generation"),
        ({"lock_out": LOCK_OUT | {"functions": ["missing.sql"]}}, "missing.sql"),
        ({"lock_out": {"state": "SELECT 1"}}, "lock_out.lock"),
        ({"failures": {"HE1": "validation"}}, "failures"),
    ],
)
def test_a_pack_that_says_something_wrong_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load_pack(a_pack(tmp_path, **changes))


def test_a_pack_may_say_how_the_books_are_read(tmp_path: Path) -> None:
    books = load_pack(a_pack(tmp_path, books=BOOKS | {"period_runs": {"depreciation": {"numbers": ["DEPR-%"]}}})).books

    assert books is not None
    assert books.period_runs["depreciation"].numbers == ("DEPR-%",)


def test_a_pack_needs_no_functions(tmp_path: Path) -> None:
    pack = load_pack(a_pack(tmp_path))

    assert pack.function_text == ""
    assert pack.sign == 1


def test_a_pack_that_does_not_say_how_to_lock_out_has_no_lock_out(tmp_path: Path) -> None:
    pack = load_pack(a_pack(tmp_path))

    with pytest.raises(ConfigurationError, match="No lock-out available: the SQL pack old of Old ERP has no section `lock_out`"):
        SqlLockOut(unreachable, pack, expected=ErpIdentity("old", "Old", "EUR", ""), ours={})


def test_the_custodians_session_has_functions_of_its_own_and_none_that_post() -> None:
    text = load_pack(CONFIG / "packs" / "ledgersmb").for_locking_out().function_text

    assert "lock_out_change" in text
    assert "facade_lock" not in text


def unreachable() -> Connection:
    raise AssertionError("nothing is opened")
