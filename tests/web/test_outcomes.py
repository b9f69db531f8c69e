"""The feed of outcomes: each source its own, from where its reader stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from hybrid_erp.web.callers import Caller
from tests.builders import a_journal_entry
from tests.fakes import FakeLogin
from tests.stores import Store
from tests.web.client import Client, problem_in


def posted(store: Store, count: int = 1, source: str = "tests") -> list[str]:
    posting_ids = store.accept(*(a_journal_entry(source=source) for _ in range(count)))
    for claim in sorted(store.claim(), key=lambda claim: posting_ids.index(claim.posting_id)):
        store.settle_posted(claim)
    store.wait_until_told()
    return [str(each) for each in posting_ids]


def feed(client: Client, query: str = "source=tests") -> dict[str, Any]:
    response = client.get(f"/v1/outcomes?{query}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def subjects(found: dict[str, Any]) -> list[str]:
    return [event["subject"] for event in found["events"]]


def test_a_person_names_the_source_and_follows_the_cursor(client: Client, store: Store) -> None:
    posting_ids = posted(store, 3)

    first = feed(client, "source=tests&limit=2")
    second = feed(client, f"source=tests&limit=2&after={first['cursor']}")
    third = feed(client, f"source=tests&after={second['cursor']}")

    assert subjects(first) + subjects(second) == posting_ids
    assert (first["source"], first["more"], second["more"], third["events"]) == ("tests", True, False, [])
    (later,) = posted(store)
    assert subjects(feed(client, f"source=tests&after={third['cursor']}")) == [later]


def test_events_are_cloud_events_of_ours(client: Client, store: Store) -> None:
    posted(store)

    (event,) = feed(client)["events"]

    assert (event["specversion"], event["type"]) == ("1.0", "hybrid-erp.outcome.posted.v1")
    assert feed(client)["events"] == [event], "the same words under the same id"


def test_when_there_is_no_more_it_says_when_to_ask_again(client: Client, store: Store) -> None:
    posted(store, 2)

    assert client.get("/v1/outcomes?source=tests&limit=1").headers.get("Retry-After") is None
    assert client.get("/v1/outcomes?source=tests").headers["Retry-After"] == "5"


def test_a_machine_gets_its_own_and_nothing_else(client: Client, store: Store, login: FakeLogin) -> None:
    posted(store)
    (own,) = posted(store, source="crm")
    login.caller = Caller("crm-machine", "crm", None, frozenset({"DE01"}))

    assert subjects(feed(client, "")) == [own]
    assert subjects(feed(client, "source=crm")) == [own]
    assert "crm alone" in problem_in(client.get("/v1/outcomes?source=tests"), 403, "not-yours")["detail"]
    login.caller = Caller("psa-machine", "psa", None, frozenset({"DE01"}))
    assert feed(client, "")["events"] == []


def test_a_machine_learns_of_owners_in_its_own_regions_alone(client: Client, store: Store, login: FakeLogin) -> None:
    for region in ("emea", "amer"):
        statement = """
            INSERT INTO outcome (source, xid, outcome_id, type, recorded_at, region, facts)
            VALUES ('', pg_current_xact_id()::text::bigint, gen_random_uuid(), 'owner_changed', now(), %s, '{}')
        """
        store.sql(statement, region)
    store.wait_until_told()

    assert [event["data"]["region"] for event in feed(client)["events"]] == ["emea", "amer"]
    login.caller = Caller("crm-machine", "crm", None, frozenset({"DE01"}))
    assert [event["data"]["region"] for event in feed(client, "")["events"]] == ["emea"]


def test_a_person_who_names_nobody_is_asked_whom_he_means(client: Client) -> None:
    problem_in(client.get("/v1/outcomes"), 422, "source-not-named")


def test_a_cursor_that_is_none_is_refused_with_what_to_do(client: Client, store: Store, login: FakeLogin) -> None:
    for cursor in ("nonsense", feed(client, "source=crm")["cursor"]):
        problem = problem_in(client.get(f"/v1/outcomes?source=tests&after={cursor}"), 409, "cursor-refused")
        assert "since" in problem["remedy"]


def test_since_begins_anew(client: Client, store: Store) -> None:
    (posting_id,) = posted(store)
    ago, ahead = (quote((datetime.now(UTC) + timedelta(hours=hours)).isoformat()) for hours in (-1, 1))

    assert subjects(feed(client, f"source=tests&since={ago}")) == [posting_id]
    assert subjects(feed(client, f"source=tests&since={ahead}")) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "since=yesterday", "since=2026-01-01T00:00:00", "source=a%20b"])
def test_a_query_that_does_not_fit_is_refused(client: Client, query: str) -> None:
    problem_in(client.get(f"/v1/outcomes?source=tests&{query}"), 422, "invalid-request")
