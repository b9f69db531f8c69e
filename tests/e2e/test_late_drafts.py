"""A draft that arrives after its posting was settled: `watch` deletes it, and tells of one that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.text import mark
from hybrid_erp.model.documents import DocumentType
from sandbox.ports import HOST
from tests.builders import a_journal_entry
from tests.e2e.through_airflow import ThroughAirflow

COMPANY, DATABASE = "AU01", "tryton_au01"


@pytest.fixture
def tryton(airflow: ThroughAirflow) -> Iterator[TrytonClient]:
    """The company's own Tryton, asked without the product's connector."""
    found = airflow.site.connections()[DATABASE]
    endpoint = HttpEndpoint(f"http://{HOST}:{found['port']}", str(found["login"]), str(found["password"]))
    with closing(TrytonClient(endpoint, DATABASE)) as client:
        yield client


def late_draft(tryton: TrytonClient, like: str, key: str) -> int:
    """A draft of the same entry, as a request makes it that was on its way for long."""
    domain = [["description", "like", f"%{like}%"], ["state", "=", "posted"]]
    (move,) = tryton.search("account.move", domain, ["company.id", "journal.id", "period.id", "date"])
    row = {name: move[name]["id"] for name in ("company", "journal", "period")}
    return tryton.create(
        "account.move", row | {"date": move["date"], "description": mark(DocumentType.JOURNAL_ENTRY, "J-1", key, "5a" * 32)}
    )


def is_there(tryton: TrytonClient, move: int) -> bool:
    return bool(tryton.search("account.move", [["id", "=", move]], ["state"]))


def test_a_late_draft_of_a_settled_posting_is_deleted_and_one_that_nobody_knows_is_told(
    airflow: ThroughAirflow, tryton: TrytonClient
) -> None:
    (posting_id,) = airflow.accept(a_journal_entry(COMPANY))
    airflow.wait_until_settled([posting_id])
    stranger = str(uuid4())
    late, unknown = late_draft(tryton, posting_id, posting_id), late_draft(tryton, posting_id, stranger)

    run_id, state = airflow.run("watch")

    assert state == "success"
    log = airflow.log("watch", run_id, "sweep_drafts")
    assert f"account.move,{late}, a late draft of posting {posting_id}, is deleted" in log
    assert f"account.move,{unknown} bears our mark, but this store does not know posting {stranger}" in log
    assert not is_there(tryton, late)
    assert is_there(tryton, unknown)
    assert airflow.booked("tryton-apac", COMPANY)[posting_id] == 1
    tryton.delete("account.move", unknown)
