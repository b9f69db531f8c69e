"""What a source's credential opens, and that it opens nothing else: every route, every document type, every kind of wrong token."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, FastAPI

from hybrid_erp.adapters.store.callers import PostgresCallers
from hybrid_erp.adapters.store.source_keys import PostgresSourceKeys
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.model.source_key import SourceKey
from hybrid_erp.web import oauth
from hybrid_erp.web.api import Facade, build_api
from hybrid_erp.web.callers import OPEN_TO_MACHINES
from hybrid_erp.web.credentials import Credentials, Limits
from hybrid_erp.web.machines import MachineDoor, MachineLogin
from hybrid_erp.web.oauth import Client as OAuthClient
from hybrid_erp.web.oauth import IssuerKeys
from tests.builders import a_journal_entry, an_event
from tests.fakes import FakeLogin
from tests.stores import Store
from tests.web.client import Client, problem_in
from tests.web.issuer import AUDIENCE, ISSUER, Issuer
from tests.web.test_login import DOORS

ENTRY = "hybrid-erp.journal_entry.v1"
SOURCES = {
    "ledger": Limits(frozenset({ENTRY}), frozenset({"DE01", "UK01"})),
    "erp-desk": Limits(frozenset({ENTRY}), frozenset({"DE01"})),
    "psa": Limits(frozenset({"hybrid-erp.project.v1"}), frozenset({"DE01"})),
}


@pytest.fixture(scope="module")
def keys_of_the_issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def issuer(keys_of_the_issuer: Issuer) -> Issuer:
    return Issuer(keys_of_the_issuer.rsa_key, keys_of_the_issuer.ec_key)


@pytest.fixture
def credentials(store: Store, issuer: Issuer) -> Credentials:
    published = IssuerKeys("https://login.example.com/keys", issuer.publish)
    client = OAuthClient("ledger", ISSUER, AUDIENCE, published, None, "ledger-client")
    return Credentials(PostgresCallers(store.pool("intake")), SOURCES, [client])


@pytest.fixture
def machines(facade: Facade, credentials: Credentials) -> FastAPI:
    return build_api(lambda: facade, MachineLogin(lambda: credentials))


@pytest.fixture
def keys(store: Store) -> PostgresSourceKeys:
    return PostgresSourceKeys(store.connect("cutover"))


Issue = Callable[[str], SourceKey]


@pytest.fixture
def issue(keys: PostgresSourceKeys) -> Issue:
    return lambda source: keys.issue(source, expires_at=datetime.now(UTC) + timedelta(days=30), by="lead", reason="tests")


def refusals(store: Store) -> list[tuple[str, dict[str, Any]]]:
    rows = store.sql("SELECT actor, details FROM audit WHERE action = 'caller_refused' ORDER BY audit_id")
    return [(row["actor"], row["details"]) for row in rows]


def test_a_source_sends_with_its_key_and_asks_for_its_posting(machines: FastAPI, store: Store, issue: Issue) -> None:
    key = issue("ledger")
    client = Client(machines, key.text)

    answer = client.send(a_journal_entry(source="ledger", correlationid="order-1"))

    assert answer.status_code == 202, answer.text
    assert store.one("SELECT accepted_by FROM posting") == f"ledger/key:{key.key_id}"
    assert client.get(f"/v1/postings/{answer.json()['posting_id']}").status_code == 200
    assert client.get("/v1/trace/order-1").json()["steps"]
    assert client.get("/v1/schemas").status_code == 200
    assert client.get(f"/v1/schemas/{ENTRY}").status_code == 200


@pytest.mark.parametrize(("algorithm", "kid"), [("RS256", "r1"), ("ES256", "e1")])
def test_a_source_sends_with_a_token_of_its_identity_provider(
    machines: FastAPI, store: Store, issuer: Issuer, algorithm: str, kid: str
) -> None:
    token = issuer.token(algorithm=algorithm, kid=kid, key=issuer.ec_key if kid == "e1" else None)

    assert Client(machines, token).send(a_journal_entry(source="ledger")).status_code == 202
    assert store.one("SELECT accepted_by FROM posting") == "ledger/client:ledger-client"


def test_what_is_no_valid_key_opens_nothing(machines: FastAPI, store: Store, keys: PostgresSourceKeys, issue: Issue) -> None:
    key, other = issue("ledger"), issue("erp-desk")
    revoked, expired, early = issue("ledger"), issue("ledger"), issue("ledger")
    keys.revoke(revoked.key_id, by="lead", reason="leaked")
    store.sql("UPDATE source_key SET expires_at = clock_timestamp() WHERE key_id = %s", expired.key_id)
    store.sql("UPDATE source_key SET not_before = clock_timestamp() + interval '1 day' WHERE key_id = %s", early.key_id)
    wrong = {
        "truncated": key.text[:-1],
        "a wrong letter": key.text[:-1] + ("0" if key.text[-1] != "0" else "1"),
        "a wrong secret": SourceKey(key.key_id, SourceKey.new().secret).text,
        "another key's secret": SourceKey(key.key_id, other.secret).text,
        "an unknown key": SourceKey.new().text,
        "revoked": revoked.text,
        "expired": expired.text,
        "not begun": early.text,
        "its hash": f"hek_{key.key_id}_{key.secret_hash.hex()}",
        "endless": "hek_" + "a" * 20_000,
        "nothing": "",
        "no ASCII": "hek_\xe9",
    }

    for what, token in wrong.items():
        for method, path in DOORS:
            assert Client(machines, token).call(method, path, b"{}").status_code == 401, what
        problem = problem_in(Client(machines, token).send(a_journal_entry(source="ledger")), 401, "not-signed-in")
        assert key.secret not in str(problem)
    assert store.counts()["posting"] == 0


def test_a_revoked_key_is_refused_from_the_next_request_on(machines: FastAPI, keys: PostgresSourceKeys, issue: Issue) -> None:
    key = issue("ledger")
    client = Client(machines, key.text)
    assert client.get("/v1/schemas").status_code == 200

    keys.revoke(key.key_id, by="lead", reason="leaked")

    problem_in(client.get("/v1/schemas"), 401, "not-signed-in")


def test_both_keys_work_while_a_rotation_overlaps(machines: FastAPI, keys: PostgresSourceKeys, issue: Issue) -> None:
    old = issue("ledger")
    ends_at = datetime.now(UTC) + timedelta(days=30)
    new = keys.rotate(old.key_id, overlap_seconds=3600, expires_at=ends_at, by="lead", reason="yearly")

    for key in (old, new):
        assert Client(machines, key.text).send(a_journal_entry(source="ledger")).status_code == 202


def test_a_key_of_a_source_that_is_no_longer_configured_opens_nothing(machines: FastAPI, issue: Issue) -> None:
    problem = problem_in(Client(machines, issue("retired").text).get("/v1/schemas"), 401, "not-signed-in")

    assert "sources.yaml" in problem["detail"]


def unsigned(issuer: Issuer) -> str:
    return jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "client_id": "ledger-client", "exp": 9_999_999_999}, "", "none", {"kid": "r1"})


def with_the_public_key_as_a_secret(issuer: Issuer) -> str:
    """PyJWT refuses to make it, so it is made by hand."""
    import base64
    import hashlib
    import hmac
    import json

    public = issuer.rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "client_id": "ledger-client", "exp": 9_999_999_999}
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in ({"alg": "HS256", "kid": "r1"}, claims)]
    signature = hmac.new(public, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


WRONG_TOKENS: dict[str, Callable[[Issuer], str]] = {
    "another issuer": lambda issuer: issuer.token(iss="https://evil.example.com"),
    "another audience": lambda issuer: issuer.token(aud="payroll"),
    "no audience": lambda issuer: issuer.token(drop="aud"),
    "expired": lambda issuer: issuer.token(exp=an_hour_ago()),
    "without an end": lambda issuer: issuer.token(drop="exp"),
    "not yet": lambda issuer: issuer.token(nbf=datetime.now(UTC) + timedelta(hours=1)),
    "another client": lambda issuer: issuer.token(client_id="payroll"),
    "no client": lambda issuer: issuer.token(drop="client_id"),
    "unsigned": unsigned,
    "the public key as a secret": with_the_public_key_as_a_secret,
    "an unknown key": lambda issuer: issuer.token(kid="r2"),
    "no key id": lambda issuer: issuer.token(kid=""),
    "somebody else's key": lambda issuer: issuer.token(key=rsa.generate_private_key(65537, 2048)),
    "an algorithm that is not its key's": lambda issuer: issuer.token(algorithm="RS512"),
    "an algorithm that is not allowed": lambda issuer: issuer.token(algorithm="RS512", kid="r512"),
    "a key that does not sign": lambda issuer: issuer.token(kid="enc"),
    "a key of another algorithm": lambda issuer: issuer.token(key=issuer.ec_key, algorithm="ES256", kid="r1"),
    "a changed claim": lambda issuer: ".".join(
        [issuer.token().split(".")[0], issuer.token(sub="x").split(".")[1], issuer.token().split(".")[2]]
    ),
    "cut": lambda issuer: issuer.token()[:-10],
    "no token": lambda issuer: "a.b.c",
}


@pytest.mark.parametrize("what", WRONG_TOKENS)
def test_what_is_no_valid_token_opens_nothing(machines: FastAPI, store: Store, issuer: Issuer, what: str) -> None:
    client = Client(machines, WRONG_TOKENS[what](issuer))

    problem_in(client.send(a_journal_entry(source="ledger")), 401, "not-signed-in")
    problem_in(client.get("/v1/schemas"), 401, "not-signed-in")
    assert store.counts()["posting"] == 0


def test_an_issuer_that_is_away_is_no_reason_to_let_in_or_to_send_away_for_good(machines: FastAPI, issuer: Issuer) -> None:
    issuer.away = True

    response = Client(machines, issuer.token()).send(a_journal_entry(source="ledger"))

    problem_in(response, 503, "issuer-unavailable")
    assert response.headers["retry-after"]


def test_invented_key_ids_do_not_make_us_ask_the_issuer_each_time(machines: FastAPI, issuer: Issuer) -> None:
    for number in range(20):
        Client(machines, issuer.token(kid=f"invented-{number}")).get("/v1/schemas")

    assert issuer.asked == 1


def test_keys_are_asked_for_again_when_they_are_old_and_not_trusted_for_ever(issuer: Issuer) -> None:
    now = 0.0
    published = IssuerKeys("https://login.example.com/keys", issuer.publish, lambda: now)
    assert published.key("r1")

    now = oauth.KEYS_FRESH_SECONDS + 1
    assert published.key("r1")
    assert issuer.asked == 2

    issuer.away = True
    now += oauth.KEYS_STALE_SECONDS_MAX - 1
    assert published.key("r1")
    now += 10
    with pytest.raises(oauth.IssuerAwayError):
        published.key("r1")


DOORS_OF_MACHINES = {(method, re.sub(r"{[^}]*}", "00000000-0000-0000-0000-000000000000", path)) for method, path in OPEN_TO_MACHINES}


@pytest.mark.parametrize(("method", "path"), [door for door in DOORS if door not in DOORS_OF_MACHINES])
def test_a_credential_opens_nothing_but_what_is_named(machines: FastAPI, store: Store, issue: Issue, method: str, path: str) -> None:
    key = issue("ledger")

    problem_in(Client(machines, key.text).call(method, path, b"{}"), 403, "forbidden")

    ((name, details),) = refusals(store)
    assert name == f"ledger/key:{key.key_id}"
    assert details["route"].startswith(method)


def test_a_route_that_is_added_is_closed_to_machines(machines: FastAPI, issue: Issue) -> None:
    @machines.get("/v1/added")
    async def added() -> str:
        return "open"

    later = APIRouter()

    @later.post("/v1/added-by-a-router")
    async def added_by_a_router() -> str:
        return "open"

    machines.include_router(later)
    client = Client(machines, issue("ledger").text)

    problem_in(client.get("/v1/added"), 403, "forbidden")
    problem_in(client.call("POST", "/v1/added-by-a-router"), 403, "forbidden")


@pytest.mark.parametrize("source", ["psa", "erp-desk", "tests", "hybrid-erp/load", "Ledger"])
def test_a_credential_sends_nothing_in_the_name_of_another_source(machines: FastAPI, store: Store, issue: Issue, source: str) -> None:
    client = Client(machines, issue("ledger").text)
    events = [a_journal_entry(source=source), *(an_event(each.split(".")[1], {}, source=source) for each in sorted(DOCUMENTS_BY_TYPE))]

    for event in events:
        assert problem_in(client.send(event), 403, "forbidden")["field"] == "source"
    answers = client.send(events).json()["answers"]

    assert [(answer["verdict"], answer["problem"]["code"]) for answer in answers] == [("refused", "forbidden")] * len(events)
    assert store.counts()["posting"] == 0
    assert [details["events"] for _, details in refusals(store)] == [1] * len(events) + [len(events)]


@pytest.mark.parametrize("event_type", sorted(set(DOCUMENTS_BY_TYPE) - {ENTRY}))
def test_a_credential_sends_no_document_type_that_its_source_does_not(
    machines: FastAPI, store: Store, issue: Issue, event_type: str
) -> None:
    event = an_event(event_type.split(".")[1], {}, source="ledger")

    problem = problem_in(Client(machines, issue("ledger").text).send(event), 403, "forbidden")

    assert problem["field"] == "type"
    assert store.counts()["posting"] == 0


@pytest.mark.parametrize("code", ["US01", "CA01", "AU01", "SG01", "XX99"])
def test_a_credential_speaks_for_no_other_legal_entity(machines: FastAPI, store: Store, issue: Issue, code: str) -> None:
    problem = problem_in(Client(machines, issue("ledger").text).send(a_journal_entry(code, source="ledger")), 403, "forbidden")

    assert problem["field"] == "data.legal_entity"
    assert store.counts()["posting"] == 0


def test_what_is_forbidden_in_a_batch_keeps_nothing_else_out(machines: FastAPI, store: Store, issue: Issue) -> None:
    key = issue("ledger")
    events = [a_journal_entry(source="ledger"), a_journal_entry(source="erp-desk"), a_journal_entry("US01", source="ledger")]

    answers = Client(machines, key.text).send(events).json()["answers"]

    assert [answer["verdict"] for answer in answers] == ["accepted", "refused", "refused"]
    assert store.counts()["posting"] == 1
    ((name, details),) = refusals(store)
    assert (name, details["events"], len(details["reasons"])) == (f"ledger/key:{key.key_id}", 2, 2)


def test_a_credential_asks_for_nothing_that_another_source_sent(machines: FastAPI, store: Store, issue: Issue) -> None:
    mine, theirs = store.accept(
        a_journal_entry(source="ledger", correlationid="shared"), a_journal_entry(source="erp-desk", correlationid="shared")
    )
    (alone,) = store.accept(a_journal_entry(source="erp-desk", correlationid="theirs"))
    client = Client(machines, issue("ledger").text)

    assert client.get(f"/v1/postings/{mine}").status_code == 200
    unknown = problem_in(client.get("/v1/postings/00000000-0000-0000-0000-000000000000"), 404, "not-found")
    for posting in (theirs, alone):
        problem = problem_in(client.get(f"/v1/postings/{posting}"), 404, "not-found")
        assert problem["detail"].replace(str(posting), "") == unknown["detail"].replace("00000000-0000-0000-0000-000000000000", "")
    assert {step["posting_id"] for step in client.get("/v1/trace/shared").json()["steps"]} == {str(mine)}
    problem_in(client.get("/v1/trace/theirs"), 404, "not-found")


def test_a_person_sees_all_of_a_trace(client: Client, store: Store) -> None:
    postings = store.accept(a_journal_entry(source="ledger", correlationid="shared"), a_journal_entry(source="psa", correlationid="shared"))

    steps = client.get("/v1/trace/shared").json()["steps"]

    assert {step["posting_id"] for step in steps} == set(map(str, postings))


def test_in_airflow_a_machine_meets_its_own_login_and_everybody_else_the_peoples(
    api: FastAPI, machines: FastAPI, credentials: Credentials, issuer: Issuer, issue: Issue, login: FakeLogin
) -> None:
    door = MachineDoor(api, machines, lambda: credentials)
    login.signed_in = False

    for token in (issue("ledger").text, issuer.token()):
        assert Client(door, token).send(a_journal_entry(source="ledger")).status_code == 202
        problem_in(Client(door, token).get("/v1/ownership"), 403, "forbidden")
    for stranger in (None, "a.b.c", issuer.token(iss="https://airflow.example.com")):
        assert "Nobody is signed in" in problem_in(Client(door, stranger).get("/v1/ownership"), 401, "not-signed-in")["detail"]
    login.signed_in = True
    assert Client(door).get("/v1/ownership").status_code == 200


def test_no_secret_is_in_what_is_logged_answered_or_stored(
    machines: FastAPI, store: Store, issue: Issue, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key, token = issue("ledger"), issuer.token()
    planted = [key.text, key.secret, token, token.split(".")[2]]
    answered = []
    for each in (key.text, key.text[:-1], SourceKey("abcabcabcabc", key.secret).text, token, token + "x"):
        client = Client(machines, each)
        answered += [client.send(a_journal_entry(source=source)).text for source in ("ledger", "psa")]
        answered += [client.call(method, path, b"{}").text for method, path in DOORS]

    tables = [
        row["name"]
        for row in store.sql(
            "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    ]
    stored = [str(store.sql(f"SELECT t::text FROM {table} t")) for table in tables]
    for secret in planted:
        assert all(secret not in text for text in [*answered, *stored, caplog.text])
    assert key.key_id in str(stored)
