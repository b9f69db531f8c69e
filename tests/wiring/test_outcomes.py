"""Who is told by webhook, through which Connection, and how one source's trouble stays its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException

from hybrid_erp.model.errors import ConfigurationError, WebhookError
from hybrid_erp.settings import SourceSettings
from hybrid_erp.wiring.outcomes import due_webhooks, send_outcomes_of
from tests.builders import a_journal_entry
from tests.receiver import SECRET, Receiver, running_receiver, status, verify
from tests.stores import SETTINGS, Store


def a_source(webhook_connection: str | None) -> SourceSettings:
    terms = {"description": "A source", "document_types": {"journal_entry"}, "legal_entities": {"DE01"}}
    return SourceSettings.model_validate(terms | {"webhook_connection": webhook_connection})


CONFIGURED = replace(SETTINGS, sources={"crm": a_source("crm_webhook"), "psa": a_source("psa_webhook"), "hcm": a_source(None)})


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with running_receiver() as running:
        for source in ("CRM", "PSA"):
            monkeypatch.setenv(f"AIRFLOW_CONN_{source}_WEBHOOK", to(running))
        yield running


def to(receiver: Receiver, **changes: object) -> str:
    extra = {"path": "/hooks/erp"}
    terms = {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": receiver.port, "password": SECRET, "extra": extra}
    return json.dumps(terms | changes)


def posted(store: Store, source: str) -> None:
    store.accept(a_journal_entry(source=source))
    for claim in store.claim():
        store.settle_posted(claim)
    store.wait_until_told()


def test_each_source_with_a_webhook_and_something_to_be_told_is_due(store: Store, receiver: Receiver) -> None:
    assert due_webhooks(CONFIGURED) == []
    for source in ("crm", "hcm"):
        posted(store, source)

    assert due_webhooks(CONFIGURED) == ["crm"]
    assert send_outcomes_of("crm", CONFIGURED, seconds=20) == {"sent": 1}
    assert due_webhooks(CONFIGURED) == []

    (request,) = receiver.requests
    verify(request, SECRET)
    assert request.path == "/hooks/erp"


def test_without_webhooks_nothing_is_asked(store: Store) -> None:
    assert due_webhooks(replace(SETTINGS, sources={})) == []
    assert store.one("SELECT count(*) FROM webhook") == 0


def test_a_receiver_that_is_down_fails_no_task_and_holds_up_no_other(
    store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    due_webhooks(CONFIGURED)
    for source in ("crm", "psa"):
        posted(store, source)
    receiver.answers = [status(500, b"Jane Doe")]

    assert send_outcomes_of("crm", CONFIGURED, seconds=20) == {"failed": 1}
    assert due_webhooks(CONFIGURED) == ["psa"]
    assert send_outcomes_of("psa", CONFIGURED, seconds=20) == {"sent": 1}

    assert "It answered 500." in caplog.text
    assert "Jane" not in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("wrong", [{"schema": "http", "host": "receiver.example"}, {"password": "hunter2"}, {"extra": {"path": "hooks"}}])
def test_a_wrong_connection_sends_nothing_and_loses_nothing(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    due_webhooks(CONFIGURED)
    posted(store, "crm")
    monkeypatch.setenv("AIRFLOW_CONN_CRM_WEBHOOK", to(receiver, **wrong))

    with pytest.raises(WebhookError) as raised:
        send_outcomes_of("crm", CONFIGURED, seconds=20)
    assert "hunter2" not in str(raised.value)
    monkeypatch.setenv("AIRFLOW_CONN_CRM_WEBHOOK", to(receiver))

    assert send_outcomes_of("crm", CONFIGURED, seconds=20) == {"sent": 1}


def test_a_connection_that_is_missing_and_a_source_that_is_gone_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowNotFoundException, match="crm_webhook"):
        send_outcomes_of("crm", CONFIGURED, seconds=20)
    with pytest.raises(ConfigurationError, match="no webhook any more"):
        send_outcomes_of("hcm", CONFIGURED, seconds=20)
