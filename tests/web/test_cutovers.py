"""The board of a region: where its move is, what stands in the way, and plan against actual."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hybrid_erp.model.cutover import Step
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.operations.hypercare import Criterion
from hybrid_erp.web.api import Facade, build_api
from tests.builders import a_journal_entry
from tests.fakes import FakeLogin
from tests.results import HOSTILE
from tests.store.cutovers import Move, dual_run
from tests.stores import CLOUD, LEGACY, Store
from tests.web.client import Client, problem_in
from tests.web.test_reconciliations import Outline


@pytest.fixture
def region(store: Store) -> Store:
    dual_run(store)
    return store


def outline_of(client: Client, region: str = "emea") -> tuple[str, Outline]:
    response = client.get(f"/cutovers/{region}")
    assert response.status_code == 200, response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    outline = Outline()
    outline.feed(response.text)
    assert outline.open == []
    return response.text, outline


def rehearsed(store: Store, seconds: float) -> None:
    """A rehearsal in which every step up to the switch took so long."""
    move = Move(store)
    for step in (*list(Step)[:7], Step.RELEASE):
        store.sql(
            """INSERT INTO cutover_step (cutover_id, step, began_at, ended_at, outcome)
               VALUES (%s, %s, now(), now() + make_interval(secs => %s), 'done')""", move.id, step.value, seconds,
        )  # fmt: skip
    store.sql("UPDATE cutover SET ended_at = clock_timestamp(), outcome = 'rehearsed' WHERE cutover_id = %s", move.id)


def test_a_region_that_never_moved_says_so(client: Client, region: Store) -> None:
    _, outline = outline_of(client)

    assert outline.text[1:4] == ["EMEA:", "dual run", "No move is under way."]
    assert "The region has never been moved." in outline.text
    assert client.get("/v1/cutovers/emea").json()["cutovers"] == []


@pytest.mark.parametrize(("change", "told"), [("identity = 'another'", "nothing is sent"), ("is_recovering = true", "is being recovered")])
def test_a_store_that_is_not_believed_stands_in_the_way(client: Client, store: Store, change: str, told: str) -> None:
    store.sql(f"UPDATE store_trust SET {change}")

    (what,) = client.get("/v1/cutovers/emea").json()["in_the_way"]

    assert told in what
    assert what in client.get("/cutovers/emea").text


def test_a_kind_that_is_held_stands_in_the_way(client: Client, region: Store) -> None:
    because = "UK01 at ledgersmb-emea should be locked out, and lets bookkeeper post"
    region.ownership().hold("emea", [PostingKind.LEDGER], let_go=True, because=because, by="watch_moves")

    assert client.get("/v1/cutovers/emea").json()["in_the_way"] == [f"no new ledger posting is claimed: {because}"]


def test_what_stands_in_the_way_of_a_move_is_told_first(client: Client, region: Store) -> None:
    region.accept(a_journal_entry())
    region.claim_one()
    Move(region)

    html, outline = outline_of(client)

    assert "lacks the yes of migration_lead" in outline.text
    assert "lacks the yes of controller DE01" in outline.text
    assert "1 postings claimed of DE01 at ledgersmb-emea" in outline.text
    assert html.index("lacks the yes of") < html.index("<table>")
    assert 'http-equiv="refresh"' in html


def test_who_said_yes_and_the_timeline_are_told(client: Client, region: Store) -> None:
    move = Move(region).opened()

    html, outline = outline_of(client)
    (told,) = client.get("/v1/cutovers/emea").json()["cutovers"]

    assert outline.text[1:3] == ["EMEA:", "hypercare"]
    assert "Moved" in outline.text
    assert re.search(r"lee \(migration lead, .* UTC\); carla \(controller DE01", html)
    assert re.search(r"requested .*; frozen .*; drained .*; locked .*; verified .*; switched .*; ended ", html)
    assert f"../reconciliations/{move.now.reconciliation_id}" in outline.links
    assert (told["outcome"], told["old_owner"], told["new_owner"]) == ("switched", LEGACY, CLOUD)
    assert [each["approved_by"] for each in told["approvals"]] == ["lee", "carla", "carla"]
    assert 'http-equiv="refresh"' not in html


def test_what_is_open_before_the_way_back_is_closed_is_told_in_hypercare_alone(facade: Facade, login: FakeLogin, region: Store) -> None:
    asked = replace(facade, hypercare=lambda region: (Criterion("at most 1.00% in doubt", "2 of 4, 50.00%", holds=False),))
    client = Client(build_api(lambda: asked, login))
    assert client.get("/v1/cutovers/emea").json()["hypercare"] == []
    Move(region).opened()

    _, outline = outline_of(client)

    assert client.get("/v1/cutovers/emea").json()["hypercare"] == [
        {"wanted": "at most 1.00% in doubt", "found": "2 of 4, 50.00%", "holds": False}
    ]
    assert "at most 1.00% in doubt: 2 of 4, 50.00%" in " ".join(outline.text)


def test_a_move_under_way_is_held_against_its_rehearsals(client: Client, region: Store) -> None:
    rehearsed(region, 20)
    move = Move(region)
    move.frozen()
    move.cutovers.end_step(move.cutovers.begin_step(move.id, Step.FREEZE), outcome="frozen", found={})
    move.cutovers.begin_step(move.id, Step.DRAIN)

    _, outline = outline_of(client)
    expected = client.get("/v1/cutovers/emea").json()["cutovers"][0]["forecast"]

    words = " ".join(outline.text)
    assert "Its freeze ends by itself at" in words
    assert "Latest moment to turn back:" in words
    assert "no earlier run has taken switch, smoke_test" in words
    by_step = {each["step"]: each for each in expected["steps"]}
    assert (by_step["freeze"]["p50_seconds"], by_step["freeze"]["runs"]) == (20, 1)
    assert by_step["freeze"]["deviation_seconds"] < 0
    assert by_step["drain"]["is_under_way"]
    assert expected["should_turn_back"] is False


def test_a_move_that_cannot_switch_in_time_says_turn_back(client: Client, region: Store) -> None:
    rehearsed(region, 200)
    Move(region).frozen()

    _, outline = outline_of(client)

    assert "Turn back:" in outline.text


def test_what_people_wrote_is_text_and_never_a_part_of_the_page(client: Client, region: Store) -> None:
    move = Move(region)
    region.sql("UPDATE cutover SET reason = %s, ticket = %s, requested_by = %s", HOSTILE, HOSTILE, HOSTILE)
    move.cutovers.end_step(move.cutovers.begin_step(move.id, Step.PREFLIGHT), outcome=HOSTILE, found={})

    html, outline = outline_of(client)

    assert HOSTILE not in html
    assert HOSTILE in " ".join(outline.text)
    assert not re.search(r"(src=|@import|url\()", html)


def test_a_region_that_there_is_not_is_named(client: Client) -> None:
    problem_in(client.get("/cutovers/mars"), 404, "not-found")
    problem_in(client.get("/v1/cutovers/mars"), 404, "not-found")
