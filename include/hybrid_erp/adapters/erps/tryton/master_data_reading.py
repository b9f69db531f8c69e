"""The customers, projects, tasks and time that Tryton holds: ours by their marks, and all others by their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.text import key_pattern, read_mark
from hybrid_erp.adapters.erps.tryton.values import Row
from hybrid_erp.model.delivery import NativeDocument
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import Held

PARTY: Final = "party.party"
WORK: Final = "project.work"
TIME: Final = "timesheet.line"
_MECHANISM: Final = "party.contact_mechanism"

#: Records a page.
PAGE: Final = 1000

MODELS: Final = {
    DocumentType.CUSTOMER: PARTY,
    DocumentType.PROJECT: WORK,
    DocumentType.PROJECT_TASK: WORK,
    DocumentType.TIME_ENTRY: TIME,
}
#: Where each model bears our marks, seen from itself.
MARKS: Final = {PARTY: "contact_mechanisms.value", WORK: "comment", TIME: "description"}


def held_master_data(client: TrytonClient, document_type: DocumentType) -> Iterator[Held]:
    """Customers or projects that Tryton holds, whoever entered them. Raises as the client's search."""
    if document_type is DocumentType.CUSTOMER:
        yield from _held_customers(client)
    if document_type is DocumentType.PROJECT:
        yield from _held_projects(client)


def find_master_data(client: TrytonClient, model: str, keys: Sequence[str]) -> Iterator[NativeDocument]:
    """The records that bear one of the keys. Raises as the client's search."""
    for key in keys:
        if model == PARTY:
            rows = client.search(_MECHANISM, [["value", "like", key_pattern(key)]], ["party.id"])
            ids = [row["party"]["id"] for row in rows if row["party"]]
        else:
            pattern = f"%{key_pattern(key)}%" if model == WORK else key_pattern(key)
            ids = [row["id"] for row in client.search(model, [[MARKS[model], "like", pattern]], [])]
        for document in read_master_data(client, model, sorted(set(ids))):
            if str(document.posting_id) == key:
                yield document


def _held_customers(client: TrytonClient) -> Iterator[Held]:
    """Every party with a code that is neither ourselves nor a worker."""
    employers, workers = client.search("company.company", [], ["party.id"]), client.search("company.employee", [], ["party.id"])
    others = {row["party"]["id"] for row in (*employers, *workers)}
    for row in _all_of(client, PARTY, [["code", "!=", None]], "code"):
        if row["id"] not in others:
            yield Held(str(row["code"]), f"{PARTY},{row['id']}")


def _held_projects(client: TrytonClient) -> Iterator[Held]:
    """Every project; its number is what its mark says, else the first word of its name."""
    for row in _all_of(client, WORK, [["type", "=", "project"]], "name", "comment"):
        marks = (read_mark(text) for text in texts_of(WORK, row))
        number = next((each.number for each in marks if each), str(row["name"]).partition(" ")[0])
        yield Held(number, f"{WORK},{row['id']}")


def _all_of(client: TrytonClient, model: str, domain: Sequence[object], *fields: str) -> Iterator[Row]:
    """All records in pages, by id: an answer of ten thousand at once takes longer than all its pages."""
    last = 0
    while rows := client.search(model, [*domain, ["id", ">", last]], fields, limit=PAGE, order=[["id", "ASC"]]):
        yield from rows
        last = int(rows[-1]["id"])


def read_master_data(client: TrytonClient, model: str, ids: Sequence[int]) -> Iterator[NativeDocument]:
    """One document for each mark that the records bear. Raises as the client's search."""
    if not ids:
        return
    for row in client.search(model, [["id", "in", list(ids)]], [MARKS[model]]):
        for text in texts_of(model, row):
            if ours := read_mark(text):
                yield NativeDocument(ours.posting_id, ours.content_hash, f"{model},{row['id']}", ours.number, posted=True)


def texts_of(model: str, row: Row) -> list[str]:
    """The texts of a record that may bear a mark."""
    if model == PARTY:
        return [str(mechanism["value"] or "") for mechanism in row["contact_mechanisms"] or ()]
    return str(row[MARKS[model]] or "").splitlines()
