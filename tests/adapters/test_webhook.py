"""A webhook is signed as Standard Webhooks says, goes to the configured address alone, and tells nobody what was answered."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID, uuid4

import pytest

from hybrid_erp.adapters.webhook import SignedWebhook, WebhookEndpoint
from hybrid_erp.model.errors import WebhookError
from hybrid_erp.model.outcomes import Original, OutcomeType, Position, Told
from tests.receiver import SECRET, Receiver, hang, running_receiver, status, verify

OTHER_SECRET = "whsec_" + base64.b64encode(b"x" * 24).decode()


def an_outcome(**changes: Any) -> Told:
    original = Original("billing", "e-1", "hybrid-erp.invoice.v1", "invoice", "INV-Ä1", 1, "thread-1")
    return replace(
        Told(
            Position(5, 1),
            uuid4(),
            OutcomeType.POSTED,
            datetime.now(UTC),
            "emea",
            UUID(int=7),
            "DE01",
            "erp",
            {"native_id": "77"},
            original,
        ),
        **changes,
    )


def endpoint(receiver: Receiver, password: str = SECRET, target: str = "/hooks/erp") -> WebhookEndpoint:
    return WebhookEndpoint.of(scheme="http", host="127.0.0.1", port=receiver.port, target=target, password=password)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def webhook(receiver: Receiver) -> Iterator[SignedWebhook]:
    with closing(SignedWebhook(endpoint(receiver), limit_seconds=5)) as sending:
        yield sending


def test_an_outcome_comes_as_a_signed_cloud_event(receiver: Receiver, webhook: SignedWebhook) -> None:
    outcome = an_outcome()

    assert webhook.send(outcome) is None

    (request,) = receiver.requests
    verify(request, SECRET)
    assert request.path == "/hooks/erp"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.id == str(outcome.outcome_id) == request.event["id"]
    assert request.event == outcome.event()


def test_a_signature_is_of_the_id_the_time_and_the_body_together(receiver: Receiver, webhook: SignedWebhook) -> None:
    webhook.send(an_outcome())
    (request,) = receiver.requests

    forged = [
        replace(request, body=request.body.replace(b"77", b"78")),
        replace(request, headers={**request.headers, "webhook-id": str(uuid4())}),
        replace(request, headers={**request.headers, "webhook-timestamp": str(int(request.headers["webhook-timestamp"]) + 1)}),
    ]
    for each in forged:
        with pytest.raises(AssertionError, match="not signed"):
            verify(each, SECRET)
    with pytest.raises(AssertionError, match="not signed"):
        verify(request, OTHER_SECRET)


def test_while_a_secret_is_exchanged_both_are_signed_with(receiver: Receiver) -> None:
    with closing(SignedWebhook(endpoint(receiver, f"{SECRET} {OTHER_SECRET}"))) as webhook:
        webhook.send(an_outcome())

    for secret in (SECRET, OTHER_SECRET):
        verify(receiver.requests[0], secret)


@pytest.mark.parametrize("code", [200, 201, 204])
def test_a_success_is_a_success(receiver: Receiver, webhook: SignedWebhook, code: int) -> None:
    receiver.answers = [status(code)]

    assert webhook.send(an_outcome()) is None


@pytest.mark.parametrize("code", [400, 401, 404, 410, 429, 500, 503])
def test_everything_else_is_none_and_its_words_stay_there(receiver: Receiver, webhook: SignedWebhook, code: int) -> None:
    receiver.answers = [status(code, b"Jane Doe")]

    assert webhook.send(an_outcome()) == f"It answered {code}."


def test_a_redirect_is_not_followed(receiver: Receiver, webhook: SignedWebhook) -> None:
    with running_receiver() as inside:
        receiver.answers = [status(code, Location=f"http://127.0.0.1:{inside.port}/") for code in (301, 302, 303, 307, 308)]
        for code in (301, 302, 303, 307, 308):
            assert webhook.send(an_outcome()) == f"It answered {code}, and redirects are not followed."

        assert inside.requests == []
    assert len(receiver.requests) == 5


def test_a_receiver_that_hangs_is_left_after_the_limit(receiver: Receiver) -> None:
    receiver.answers = [hang(receiver)]
    with closing(SignedWebhook(endpoint(receiver), limit_seconds=0.3)) as webhook:
        failure = webhook.send(an_outcome())

        assert failure is not None
        assert "did not answer within 0.3 s" in failure
        assert webhook.send(an_outcome()) is None, "the next one goes by a new connection"


def test_what_is_no_http_is_not_quoted(receiver: Receiver, webhook: SignedWebhook) -> None:
    def speak(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"Jane Doe\r\n\r\n")
        handler.close_connection = True

    receiver.answers = [speak]

    failure = webhook.send(an_outcome())

    assert failure is not None
    assert "Jane" not in failure


def test_a_receiver_that_is_not_there_is_told_as_such(receiver: Receiver) -> None:
    with running_receiver() as gone:
        pass
    with closing(SignedWebhook(endpoint(gone))) as webhook:
        assert "did not take the connection" in str(webhook.send(an_outcome()))


@pytest.mark.parametrize(
    ("scheme", "host"),
    [
        ("http", "receiver.example"),
        ("http", "10.0.0.7"),
        ("http", "169.254.169.254"),
        ("http", "localhost.example"),
        ("ftp", "receiver.example"),
        ("file", "localhost"),
        ("", "localhost"),
        ("https", "user@receiver.example"),
        ("https", "receiver.example/path"),
        ("https", "receiver.example\r\nX: y"),
        ("https", ""),
    ],
)
def test_webhooks_go_by_https_or_stay_on_this_machine(scheme: str, host: str) -> None:
    with pytest.raises(WebhookError):
        WebhookEndpoint.of(scheme=scheme, host=host, port=None, target="/", password=SECRET)


@pytest.mark.parametrize(("scheme", "host"), [("https", "receiver.example"), ("http", "localhost"), ("http", "127.0.0.1"), ("http", "::1")])
def test_what_may_be_sent_to(scheme: str, host: str) -> None:
    assert WebhookEndpoint.of(scheme=scheme, host=host, port=8443, target="/a?b=c", password=SECRET).url.endswith(":8443")


@pytest.mark.parametrize("target", ["", "hooks", "/a b", "/a\r\nX: y", "//\x00"])
def test_a_path_is_one(target: str) -> None:
    with pytest.raises(WebhookError):
        WebhookEndpoint.of(scheme="https", host="receiver.example", port=None, target=target, password=SECRET)


@pytest.mark.parametrize("password", ["", "hunter2", "whsec_", "whsec_%%%", "whsec_" + base64.b64encode(b"too short").decode()])
def test_a_secret_that_is_none_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(WebhookError) as raised:
        WebhookEndpoint.of(scheme="https", host="receiver.example", port=None, target="/", password=password)

    assert not password.removeprefix("whsec_") or password not in str(raised.value)


def test_a_secret_shows_nowhere() -> None:
    kept = WebhookEndpoint.of(scheme="https", host="receiver.example", port=None, target="/", password=SECRET)

    assert SECRET not in repr(SignedWebhook(kept))
    assert str(bytes(range(32))) not in repr(SignedWebhook(kept))
