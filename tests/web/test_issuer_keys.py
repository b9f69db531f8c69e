"""An identity provider's keys, fetched over a real line."""

from __future__ import annotations

import json

import pytest

from hybrid_erp.web import oauth
from hybrid_erp.web.oauth import IssuerAwayError, IssuerKeys, fetched
from tests.web.issuer import Answer, Issuer, answering, serving

KEYS = json.dumps(Issuer().publish("")).encode()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_keys_are_fetched() -> None:
    with serving(answering(200, json.dumps({"keys": []}).encode())) as url:
        assert fetched(url) == {"keys": []}


def test_a_key_of_an_issuer_is_known_by_its_id() -> None:
    with serving(answering(200, KEYS)) as url:
        assert IssuerKeys(url).key("r1")


@pytest.mark.parametrize(
    "answer",
    [
        answering(302, KEYS, Location="http://127.0.0.1:1/elsewhere"),
        answering(500, KEYS),
        answering(200, b"<html>"),
        answering(200, b"[]"),
        answering(200, b'{"keys": "none"}'),
        answering(200, b'{"keys": []}'),
        answering(200, b" " * (oauth.KEYS_BYTES_MAX + 1)),
    ],
    ids=["elsewhere", "a fault", "a page", "a list", "no list", "empty", "endless"],
)
def test_an_answer_that_holds_no_keys_is_an_issuer_that_is_away(answer: Answer) -> None:
    with serving(answer) as url, pytest.raises(IssuerAwayError):
        IssuerKeys(url).key("r1")


def test_an_issuer_that_nobody_answers_for_is_away() -> None:
    with serving(answering(200, b"{}")) as url:
        pass

    with pytest.raises(IssuerAwayError):
        IssuerKeys(url).key("r1")
