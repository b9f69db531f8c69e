"""The schemas that senders rely on: committed, current, and never narrowed within a version."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.web.schemas import FOLDER, breaks, broken_promises, committed_schemas, schema_of, write_schemas
from tests.builders import a_customer, a_journal_entry, a_project, an_invoice

ENTRY = "hybrid-erp.journal_entry.v1"
INVOICE = "hybrid-erp.invoice.v1"
RATE_CARD = "hybrid-erp.rate_card.v1"

Change = Callable[[dict[str, Any]], object]


def test_every_type_that_is_served_is_committed_as_it_is_served() -> None:
    current = {event_type: schema_of(event_type) for event_type in DOCUMENTS_BY_TYPE}

    assert committed_schemas() == current, "run `python -m hybrid_erp.web.schemas` and commit what it writes"


def test_no_promise_to_senders_is_broken() -> None:
    assert list(broken_promises(committed_schemas())) == []


@pytest.mark.parametrize(
    "event", [a_customer(), a_journal_entry(), a_project("C-1"), an_invoice("C-1")], ids=lambda event: str(event["type"])
)
def test_what_intake_takes_fits_the_schema(event: dict[str, Any]) -> None:
    Draft202012Validator(schema_of(event["type"])).validate(event["data"])


@pytest.mark.parametrize("event_type", DOCUMENTS_BY_TYPE)
def test_every_schema_is_a_json_schema(event_type: str) -> None:
    Draft202012Validator.check_schema(schema_of(event_type))


def changed(event_type: str, change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    old = schema_of(event_type)
    new = copy.deepcopy(old)
    change(new)
    return old, new


NARROWER: dict[str, tuple[str, Change]] = {
    "data.currency is gone": (ENTRY, lambda schema: schema["properties"].pop("currency")),
    "data.description is required now": (ENTRY, lambda schema: schema["required"].append("description")),
    "data.lines[].text is required now": (ENTRY, lambda schema: schema["$defs"]["JournalLine"]["required"].append("text")),
    "data.lines[].tax_code: maxLength was 40, is 4": (
        ENTRY,
        lambda schema: schema["$defs"]["JournalLine"]["properties"]["tax_code"]["anyOf"][0].update(maxLength=4),
    ),
    "data.journal_type no longer allows canary": (ENTRY, lambda schema: schema["$defs"]["JournalType"]["enum"].remove("canary")),
    "data.currency allows only some values now": (ENTRY, lambda schema: schema["properties"]["currency"].update(enum=["EUR"])),
    "data.version: the type was integer, is string": (ENTRY, lambda schema: schema["properties"]["version"].update(type="string")),
    "data.version: maximum was 1000000, is 9": (ENTRY, lambda schema: schema["properties"]["version"].update(maximum=9)),
    "data.description: pattern was None, is ^a": (ENTRY, lambda schema: schema["properties"]["description"].update(pattern="^a")),
    "data.lines: maxItems was 2000, is 10": (ENTRY, lambda schema: schema["properties"]["lines"].update(maxItems=10)),
    "data.journal_type: the default was general, is accrual": (
        ENTRY,
        lambda schema: schema["properties"]["journal_type"].update(default="accrual"),
    ),
    "data.project: the type was null, is string": (
        INVOICE,
        lambda schema: schema["properties"]["project"]["anyOf"].pop(),
    ),
    "data.rates[].price: exclusiveMinimum was None, is 0": (
        RATE_CARD,
        lambda schema: schema["$defs"]["Rate"]["properties"]["price"].update(exclusiveMinimum=0),
    ),
}


@pytest.mark.parametrize("reason", NARROWER)
def test_what_senders_may_write_is_never_narrowed_within_a_version(reason: str) -> None:
    old, new = changed(*NARROWER[reason])

    assert reason in list(breaks(old, new))


WIDER: dict[str, Change] = {
    "a new optional field": lambda schema: schema["properties"].update(note={"type": "string", "default": ""}),
    "a wider enumeration": lambda schema: schema["$defs"]["JournalType"]["enum"].append("correction"),
    "a longer text": lambda schema: schema["properties"]["description"].update(maxLength=2000),
    "no limit any more": lambda schema: schema["properties"]["description"].pop("maxLength"),
    "another description": lambda schema: schema.update(description="Better said."),
    "one more kind of value": lambda schema: schema["properties"]["version"].update(anyOf=[{"type": "string"}, {"type": "integer"}]),
    "alternatives in another order": lambda schema: schema["properties"]["project"]["anyOf"].reverse(),
    "a field that may be left out now": lambda schema: schema["required"].remove("currency"),
}


@pytest.mark.parametrize("what", WIDER)
def test_a_wider_schema_breaks_nothing(what: str) -> None:
    old, new = changed(ENTRY, WIDER[what])

    assert list(breaks(old, new)) == []


def test_a_type_that_is_no_longer_served_is_a_broken_promise() -> None:
    assert list(broken_promises({"hybrid-erp.telegram.v1": {}})) == ["hybrid-erp.telegram.v1 is no longer served"]


def test_the_committed_schemas_are_not_overwritten_when_that_breaks_a_promise(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(FOLDER, folder)
    file = folder / f"{ENTRY}.json"
    promised = json.loads(file.read_text())
    promised["properties"]["telegram_code"] = {"type": "string", "default": ""}
    file.write_text(json.dumps(promised))

    assert write_schemas(folder) == [f"{ENTRY}: data.telegram_code is gone"]
    assert json.loads(file.read_text()) == promised


def test_writing_the_schemas_again_changes_nothing(tmp_path: Path) -> None:
    assert write_schemas(tmp_path / "schemas") == []

    written = {file.name: file.read_text() for file in (tmp_path / "schemas").iterdir()}
    assert written == {file.name: file.read_text() for file in FOLDER.iterdir()}
