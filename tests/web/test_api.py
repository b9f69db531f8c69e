"""The canonical API: what is taken, what is refused and how, and that nothing of what is refused is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.web.api import MAX_BATCH, MAX_BODY_BYTES
from tests.builders import a_journal_entry, a_project, an_event, an_invoice
from tests.stores import LEGACY, Store
from tests.web.client import Client, problem_in


def text_of(event: dict[str, Any], old: str, new: str) -> str:
    """The event as a sender wrote it, with a piece of it written otherwise."""
    text = json.dumps(event)
    assert old in text
    return text.replace(old, new, 1)


@pytest.fixture
def nothing_stored(store: Store) -> Iterator[None]:
    yield
    assert set(store.counts().values()) == {0}


def test_an_accepted_event_is_answered_with_its_posting(client: Client, store: Store) -> None:
    response = client.send(a_journal_entry())

    assert response.status_code == 202
    answer = response.json()
    assert answer["verdict"] == "accepted"
    assert str(store.one("SELECT posting_id FROM posting")) == answer["posting_id"]
    assert store.one("SELECT accepted_by FROM posting") == "billing-system"


def test_a_repeated_event_is_answered_with_the_posting_of_the_first(client: Client, store: Store) -> None:
    event = a_journal_entry()
    first = client.send(event).json()

    response = client.send(event)

    assert (response.status_code, response.json()) == (200, {"verdict": "duplicate", "posting_id": first["posting_id"]})
    assert store.counts()["posting"] == 1


def test_an_accepted_event_rings_the_owner(client: Client, store: Store) -> None:
    listener = store.connect("delivery")
    listener.execute(f'LISTEN "hybrid_erp:{LEGACY}"'.encode())

    client.send(a_journal_entry())

    assert [notice.channel for notice in listener.notifies(timeout=10, stop_after=1)] == [f"hybrid_erp:{LEGACY}"]


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff\xfe\xfd",
        b'{"id": "a",}',
        b"{'id': 'a'}",
        b'{"id": NaN}',
        b'{"id": Infinity}',
        b'{"id": -Infinity}',
        b'{"id": 1e' + b"9" * 10 + b"x}",
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"id": "a", "id": "b"}',
        b'[{"data": {"lines": [{"debit": "1", "debit": "2"}]}}]',
        b"[" * 100_000,
        b'{"data":' * 100_000,
        b'"\x00"',
        b'{"id": "line\nbreak"}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_json_is_refused(client: Client, body: bytes) -> None:
    problem_in(client.send_text(body), 400, "malformed-json")


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("body", ["5", "null", "true", '"event"', "{}", "1e400"])
def test_what_is_json_and_no_event_is_refused(client: Client, body: str) -> None:
    problem = problem_in(client.send_text(body), 422, "malformed-event")
    assert "field" in problem


DAY = '"2026-03-05"'
REFUSALS: dict[str, tuple[str, str, str]] = {
    "an unknown type": (json.dumps(a_journal_entry() | {"type": "hybrid-erp.telegram.v1"}), "unknown-type", "type"),
    "an unknown version": (json.dumps(a_journal_entry() | {"type": "hybrid-erp.journal_entry.v2"}), "unknown-type", "type"),
    "a type that is a number": (json.dumps(a_journal_entry() | {"type": 7}), "malformed-event", "type"),
    "an amount as a number": (text_of(a_journal_entry(), '"100.10"', "100.10"), "malformed-event", "data.lines.0.debit"),
    "more digits than the currency has": (json.dumps(a_journal_entry(amount="1.005")), "malformed-event", "data.amount"),
    "a day as a number": (text_of(a_journal_entry(), DAY, "20260305"), "malformed-event", "data.accounting_date"),
    "a legal entity outside the firm": (json.dumps(a_journal_entry("XX99")), "unknown-legal-entity", "data.legal_entity"),
    "a currency that does not fit": (json.dumps(a_journal_entry(currency="CHF")), "currency-not-allowed", "data.currency"),
    "a currency that is none": (json.dumps(a_journal_entry(currency="XXX")), "malformed-event", "data.currency"),
    "a missing exchange rate": (json.dumps(a_journal_entry(currency="USD")), "currency-not-allowed", "data.exchange_rate"),
    "an account outside the chart": (
        json.dumps(a_journal_entry(lines=[{"account": "1", "debit": "1"}, {"account": "1000", "credit": "1"}])),
        "account-not-allowed",
        "data.lines.0.account",
    ),
    "lines out of balance": (
        json.dumps(a_journal_entry(lines=[{"account": "5200", "debit": "1"}, {"account": "1000", "credit": "2"}])),
        "unbalanced-entry",
        "data.lines",
    ),
    "an unknown field": (json.dumps(a_journal_entry(colour="red")), "malformed-event", "data.colour"),
    "a NUL in a text": (json.dumps(a_journal_entry(description="a\x00b")), "malformed-event", "data.description"),
    "a NUL in the envelope": (json.dumps(a_journal_entry() | {"subject": "\x00"}), "malformed-event", "subject"),
    "a NUL in an extension": (json.dumps(a_journal_entry() | {"tenant": "\x00"}), "malformed-event", "tenant"),
    "half a surrogate pair": (json.dumps(a_journal_entry(description="\ud83d")), "malformed-event", "data.description"),
    "half a surrogate pair in a name": (json.dumps(a_journal_entry() | {"\ud83d": 1}), "malformed-event", "\\ud83d"),
    "half a surrogate pair in the type": (json.dumps(a_journal_entry() | {"type": "\ud83d"}), "malformed-event", "type"),
    "a number beyond all": (
        text_of(a_journal_entry(version=1), '"version": 1', '"version": 1' + "0" * 4000),
        "malformed-event",
        "data.version",
    ),
    "infinity by its exponent": (
        text_of(a_journal_entry(version=1), '"version": 1', '"version": 1e999'),
        "malformed-event",
        "data.version",
    ),
    "an event in an event": (json.dumps(a_journal_entry() | {"data": a_journal_entry()}), "malformed-event", "data.number"),
    "lines nested in lines": (json.dumps(a_journal_entry(lines=[[[[]]]])), "malformed-event", "data.lines.0"),
    "2,001 lines": (
        json.dumps(a_journal_entry(lines=[{"account": "5200", "debit": "1"}, {"account": "1000", "credit": "1"}] * 1001)),
        "malformed-event",
        "data.lines",
    ),
}


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("what", REFUSALS)
def test_a_bad_event_is_refused_with_code_field_and_remedy(client: Client, what: str) -> None:
    body, code, field = REFUSALS[what]

    problem = problem_in(client.send_text(body), 422, code)

    assert problem["field"] == field


def test_a_conflict_with_what_is_stored_is_told_with_both_hashes(client: Client) -> None:
    client.send(a_journal_entry(number="JE-1", amount="1.00"))

    problem = problem_in(client.send(a_journal_entry(number="JE-1", amount="2.00")), 409, "document-conflict")

    assert len(problem["stored_hash"]) == len(problem["sent_hash"]) == 64


@pytest.mark.usefixtures("nothing_stored")
def test_a_body_of_ten_megabytes_is_refused(client: Client) -> None:
    response = client.send_text(b" " * 10 * 1024 * 1024)

    problem_in(response, 413, "body-too-large")
    assert MAX_BODY_BYTES < 10 * 1024 * 1024


@pytest.mark.usefixtures("nothing_stored")
def test_a_batch_of_one_too_many_is_refused(client: Client) -> None:
    problem_in(client.send([a_journal_entry() for _ in range(MAX_BATCH + 1)]), 413, "batch-too-large")


def test_a_full_batch_is_taken(client: Client, store: Store) -> None:
    response = client.send([a_journal_entry() for _ in range(MAX_BATCH)])

    assert response.status_code == 202
    assert store.counts()["posting"] == MAX_BATCH


@pytest.mark.usefixtures("nothing_stored")
def test_an_empty_batch_is_answered_with_nothing(client: Client) -> None:
    response = client.send([])

    assert (response.status_code, response.json()) == (200, {"answers": []})


def test_bad_events_of_a_batch_do_not_keep_the_good_ones_out(client: Client, store: Store) -> None:
    bad = [a_journal_entry("XX99"), 5, a_journal_entry(description="\x00"), a_journal_entry(description="\ud83d"), {"\ud83d": [[]]}]
    good = [a_journal_entry(), a_project("C-1"), an_invoice("C-1")]

    response = client.send([bad[0], good[0], *bad[1:4], good[1], bad[4], good[2]])

    assert response.status_code == 202
    verdicts = [answer["verdict"] for answer in response.json()["answers"]]
    assert verdicts == ["refused", "accepted", "refused", "refused", "refused", "accepted", "refused", "accepted"]
    problems = [answer["problem"] for answer in response.json()["answers"] if "problem" in answer]
    assert all(problem["code"] and problem["remedy"] and "field" in problem for problem in problems)
    assert store.counts()["posting"] == len(good)


def test_a_batch_of_refusals_alone_is_answered_one_by_one(client: Client) -> None:
    response = client.send([a_journal_entry("XX99")])

    assert response.status_code == 200
    assert response.json()["answers"][0]["problem"]["code"] == "unknown-legal-entity"


def test_every_letter_of_every_script_is_kept_as_it_was_sent(client: Client, store: Store) -> None:
    words = "Größe 会社 Ωμέγα 👩‍💼 \u202e \\u0000 'quoted' \"twice\" %s"

    assert client.send(a_journal_entry(description=words)).status_code == 202
    assert store.one("SELECT data ->> 'description' FROM posting") == words


def test_a_store_that_is_away_is_answered_with_when_to_send_again(store: Store, client: Client) -> None:
    # The connection dies in the middle of the write, as in a failover.
    store.sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END'")
    store.sql("CREATE TRIGGER die BEFORE INSERT ON posting_key FOR EACH ROW EXECUTE FUNCTION die()")

    response = client.send(a_journal_entry())

    problem_in(response, 503, "store-unavailable")
    assert response.headers["retry-after"] == "2"


# Asking


def test_a_posting_is_shown_with_its_places_and_its_receipt(client: Client, store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry(correlationid="order-7"))
    store.settle_posted(store.claim_one(), native_id="77")

    shown = client.get(f"/v1/postings/{posting_id}").json()

    assert shown["correlation_id"] == "order-7"
    assert [(place["legal_entity"], place["state"]) for place in shown["places"]] == [("DE01", "posted")]
    assert [(delivery["erp"], delivery["native_id"]) for delivery in shown["deliveries"]] == [(LEGACY, "77")]


@pytest.mark.parametrize(
    "asked",
    [
        "/v1/trace/order%007",
        "/v1/documents/journal_entry/J%001?legal_entity=DE01",
        "/v1/documents/journal_entry/J-1?legal_entity=%00",
        "/v1/reconciliations?region=%00",
        "/v1/cutovers/%00",
        "/cutovers/%00",
        "/v1/reconciliations?region=emea&region=apac",
        "/v1/reconciliations?regoin=emea",
    ],
)
def test_a_question_that_would_be_misunderstood_is_refused(client: Client, asked: str) -> None:
    answer = client.get(asked)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_a_trace_tells_every_step_of_a_correlation_id(client: Client, store: Store) -> None:
    store.accept(a_journal_entry(correlationid="billing/order-7"))
    store.settle_posted(store.claim_one())

    steps = client.get("/v1/trace/billing/order-7").json()["steps"]

    assert [step["action"] for step in steps] == ["accepted", "claimed", "posted"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/postings/00000000-0000-0000-0000-000000000000", 404, "not-found"),
        ("/v1/postings/seven", 422, "invalid-request"),
        ("/v1/postings/%00", 422, "invalid-request"),
        ("/v1/trace/unknown", 404, "not-found"),
        ("/v1/trace/%00", 422, "invalid-request"),
        ("/v1/trace/%ff", 422, "invalid-request"),
        ("/v1/trace/" + "x" * 600, 422, "invalid-request"),
        ("/v1/schemas/unknown", 404, "not-found"),
        ("/v1/schemas/%00", 404, "not-found"),
        ("/v1/postings", 404, "not-found"),
    ],
)
def test_a_question_that_has_no_answer_says_so(client: Client, path: str, status: int, code: str) -> None:
    problem_in(client.get(path), status, code)


def test_ownership_is_shown_for_every_region_and_kind(client: Client) -> None:
    shown = client.get("/v1/ownership").json()

    assert {(row["region"], row["kind"]) for row in shown["ownership"]} == {
        (region, kind) for region in ("amer", "apac", "emea") for kind in ("project", "billing", "ledger")
    }


def test_every_type_that_is_served_has_a_schema(client: Client) -> None:
    types = client.get("/v1/schemas").json()["types"]

    assert types == sorted(DOCUMENTS_BY_TYPE)
    for event_type in types:
        response = client.get(f"/v1/schemas/{event_type}")
        assert response.headers["content-type"] == "application/schema+json"
        assert response.json()["type"] == "object"


def test_health_tells_what_waits_and_what_is_wrong_in_the_configuration(client: Client, store: Store) -> None:
    store.accept(a_journal_entry())

    shown = client.get("/health").json()

    assert shown["status"] == "healthy"
    assert shown["deliveries"] == "going on"
    assert shown["postings"] == [{"region": "emea", "kind": "ledger", "role": "control", "state": "waiting", "postings": 1}]
    assert shown["problems"][0]["file"] == "config/regions/mars.yaml"


def test_health_tells_that_nothing_is_delivered_after_a_restore_while_intake_goes_on(client: Client, store: Store) -> None:
    store.sql("UPDATE store_trust SET identity = 'another'")

    assert client.get("/health").json()["deliveries"].startswith("suspended")
    assert client.send(a_journal_entry()).status_code == 202


def test_the_api_describes_itself(client: Client) -> None:
    assert "/v1/events" in client.get("/openapi.json").json()["paths"]


def test_an_event_type_of_every_document_is_refused_without_its_data_and_not_with_a_fault(client: Client, store: Store) -> None:
    for event_type in DOCUMENTS_BY_TYPE:
        document_type = event_type.split(".")[1]
        problem = problem_in(client.send(an_event(document_type, {})), 422, "malformed-event")
        assert problem["field"].startswith("data.")
    assert store.counts()["posting"] == 0
