"""Webhooks: at least once, in order, from where the last sender stopped, whatever happens to sender and receiver."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

import psycopg
import pytest

from hybrid_erp.adapters.store.webhooks import PostgresWebhooks
from hybrid_erp.adapters.webhook import SignedWebhook, WebhookEndpoint
from hybrid_erp.model.outcomes import Told
from hybrid_erp.operations.send_outcomes import WAITS_SECONDS, send_outcomes
from sandbox.store_setup import login_of
from tests.builders import a_journal_entry
from tests.receiver import SECRET, Receiver, hang, running_receiver, status, verify
from tests.store.cutovers import Move, dual_run
from tests.stores import Store, wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def webhooks(store: Store) -> PostgresWebhooks:
    found = PostgresWebhooks(store.connect("delivery"))
    assert found.due(["tests"]) == []
    return found


def posted(store: Store, count: int = 1, source: str = "tests") -> list[UUID]:
    """Postings of a source that an ERP has posted, in order."""
    posting_ids = store.accept(*[a_journal_entry(source=source) for _ in range(count)])
    for claim in sorted(store.claim(), key=lambda claim: posting_ids.index(claim.posting_id)):
        store.settle_posted(claim)
    store.wait_until_told()
    return posting_ids


def to(port: int, limit_seconds: float = 5) -> SignedWebhook:
    return SignedWebhook(WebhookEndpoint.of(scheme="http", host="127.0.0.1", port=port, target="/", password=SECRET), limit_seconds)


def send(webhooks: PostgresWebhooks, receiver: Receiver, source: str = "tests", *, limit_seconds: float = 5) -> dict[str, int]:
    turn = webhooks.take_turn(source)
    assert turn is not None
    with closing(to(receiver.port, limit_seconds)) as webhook:
        return dict(send_outcomes(source, turn, webhook, seconds=30))


def make_due(store: Store) -> None:
    """Let the pause be over, as time would."""
    store.sql("UPDATE webhook SET due_at = clock_timestamp()")


def subjects(receiver: Receiver) -> list[str]:
    return [request.event["subject"] for request in receiver.requests]


def test_outcomes_come_once_in_order_and_signed(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    first, second = posted(store, 3), posted(store, 2)

    assert webhooks.due(["tests"]) == ["tests"]
    assert send(webhooks, receiver) == {"sent": 5}
    assert send(webhooks, receiver) == {}

    assert subjects(receiver) == [str(each) for each in first + second]
    assert webhooks.due(["tests"]) == []
    for request in receiver.requests:
        verify(request, SECRET)


def test_a_webhook_begins_with_what_is_told_from_then_on(store: Store, receiver: Receiver) -> None:
    posted(store)
    webhooks = PostgresWebhooks(store.connect("delivery"))
    webhooks.due(["tests"])
    (later,) = posted(store)

    send(webhooks, receiver)

    assert subjects(receiver) == [str(later)]


def test_what_commits_late_is_sent_too(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    store.accept(a_journal_entry(), a_journal_entry())
    early, late = store.claim()
    slow = store.connect("delivery")
    with slow.transaction():
        slow.execute("INSERT INTO audit (region, actor, action) VALUES ('emea', 'tests', 'nothing')")
        store.settle_posted(late)
        assert send(webhooks, receiver) == {}
    store.settle_posted(early)
    store.wait_until_told()

    assert send(webhooks, receiver) == {"sent": 2}
    assert set(subjects(receiver)) == {str(early.posting_id), str(late.posting_id)}


def test_a_foreign_source_is_told_nothing(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    webhooks.due(["crm"])
    posted(store)

    assert webhooks.due(["crm"]) == []
    assert send(webhooks, receiver, "crm") == {}
    assert receiver.requests == []


def test_a_receiver_that_fails_gets_the_same_again_after_a_pause_and_nothing_overtakes(
    store: Store, webhooks: PostgresWebhooks, receiver: Receiver
) -> None:
    posting_ids = posted(store, 2)
    receiver.answers = [status(500), status(503)]

    assert send(webhooks, receiver) == {"failed": 1}
    assert webhooks.due(["tests"]) == [], "it rests"
    assert send(webhooks, receiver) == {}
    make_due(store)
    assert send(webhooks, receiver) == {"failed": 1}
    make_due(store)
    assert send(webhooks, receiver) == {"sent": 2}

    assert subjects(receiver) == [str(posting_ids[0])] * 3 + [str(posting_ids[1])]
    assert len(set(receiver.ids)) == 2
    assert store.one("SELECT failing_since FROM webhook") is None


def test_pauses_grow(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    posted(store)
    receiver.answers = [status(500)] * 3
    for seconds in WAITS_SECONDS[:3]:
        send(webhooks, receiver)
        left = store.one("SELECT extract(epoch FROM due_at - clock_timestamp())::float FROM webhook")
        assert seconds - 5 < left <= seconds
        make_due(store)


def test_what_is_never_taken_is_dead_and_the_next_one_comes(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    posting_ids = posted(store, 2)
    tries = len(WAITS_SECONDS) + 1
    receiver.answers = [status(400, b"Jane Doe")] * tries
    for _ in range(tries - 1):
        assert send(webhooks, receiver) == {"failed": 1}
        make_due(store)
    assert send(webhooks, receiver) == {"dead": 1}

    assert send(webhooks, receiver) == {"sent": 1}

    (dead,) = webhooks.dead()
    assert (dead["outcome_id"], dead["attempts"], dead["failure"]) == (UUID(receiver.ids[0]), tries, "It answered 400.")
    assert subjects(receiver) == [str(posting_ids[0])] * tries + [str(posting_ids[1])]


def test_a_dead_one_is_sent_again_when_a_person_says_so(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    (posting_id,) = posted(store)
    store.sql("UPDATE webhook SET attempt = %s", len(WAITS_SECONDS))
    receiver.answers = [status(400), status(400)]
    assert send(webhooks, receiver) == {"dead": 1}
    (dead,) = webhooks.dead()

    assert webhooks.replay("crm", None, by="lead", reason="repaired") == []
    for expected in ({"replay_failed": 1}, {"replayed": 1}):
        assert webhooks.replay("tests", [dead["outcome_id"]], by="lead", reason="repaired") == [dead["outcome_id"]]
        assert webhooks.due(["tests"]) == ["tests"]
        assert send(webhooks, receiver) == expected

    assert webhooks.dead() == []
    assert len(set(receiver.ids)) == 1
    assert webhooks.replay("tests", None, by="lead", reason="once more") == []
    assert store.actions(posting_id)[-2:] == ["webhook_replayed", "webhook_replayed"]


def test_a_receiver_that_hangs_holds_up_nobody_else(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    webhooks.due(["tests", "crm"])
    posted(store), posted(store, source="crm")
    with running_receiver() as hanging:
        hanging.answers = [hang(hanging)]
        turn = webhooks.take_turn("tests")
        assert turn is not None

        class ServesTheOtherMeanwhile:
            def send(self, told: Told) -> str | None:
                others = PostgresWebhooks(store.connect("delivery"))
                assert others.due(["tests", "crm"]) == ["crm"]
                assert others.take_turn("tests") is None, "one sender a source"
                assert send(others, receiver, "crm") == {"sent": 1}
                with closing(to(hanging.port, 0.3)) as webhook:
                    return webhook.send(told)

        assert send_outcomes("tests", turn, ServesTheOtherMeanwhile(), seconds=30) == {"failed": 1}


def _send_in_another_process(dsn: str, port: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        turn = PostgresWebhooks(connection, turn_seconds=1).take_turn("tests")
        assert turn is not None
        send_outcomes("tests", turn, to(port, 60), seconds=60)


def test_a_killed_sender_loses_nothing_and_what_it_sent_comes_again_under_the_same_id(
    store: Store, webhooks: PostgresWebhooks, receiver: Receiver
) -> None:
    posting_ids = posted(store, 3)
    receiver.answers = [status(204), hang(receiver)]  # the second has arrived, and the sender will never know
    dsn = store.cluster.dsn(store.database, login_of("delivery"))
    sender = multiprocessing.get_context("spawn").Process(target=_send_in_another_process, args=(dsn, receiver.port))
    sender.start()
    wait_until(lambda: len(receiver.requests) == 2, seconds=60)
    assert sender.pid is not None
    os.kill(sender.pid, signal.SIGKILL)
    sender.join()

    wait_until(lambda: webhooks.due(["tests"]) == ["tests"])  # its turn ends by itself
    assert send(webhooks, receiver) == {"sent": 2}

    first, second, third = (str(each) for each in posting_ids)
    assert subjects(receiver) == [first, second, second, third]
    assert receiver.ids[1] == receiver.ids[2]
    assert receiver.requests[1].body == receiver.requests[2].body


def test_a_sender_whose_turn_another_has_taken_stops_and_changes_nothing(
    store: Store, webhooks: PostgresWebhooks, receiver: Receiver
) -> None:
    posted(store, 3)
    paused = webhooks.take_turn("tests")
    assert paused is not None
    store.sql("UPDATE webhook SET held_until = '-infinity'")
    other = PostgresWebhooks(store.connect("delivery")).take_turn("tests")
    assert other is not None

    with closing(to(receiver.port)) as webhook:
        assert send_outcomes("tests", paused, webhook, seconds=30) == {}
        assert receiver.requests == []
        assert send_outcomes("tests", other, webhook, seconds=30) == {"sent": 3}


def test_changes_of_owner_elsewhere_are_passed_over(store: Store, webhooks: PostgresWebhooks, receiver: Receiver) -> None:
    dual_run(store)
    Move(store).switched()
    store.wait_until_told()
    for regions, expected in (({"amer"}, {}), ({"emea"}, {"sent": 1}), (None, {"sent": 1})):
        store.sql("UPDATE webhook SET xid = 0, outcome_no = 0")
        turn = webhooks.take_turn("tests", regions=regions)
        assert turn is not None
        with closing(to(receiver.port)) as webhook:
            assert send_outcomes("tests", turn, webhook, seconds=30) == expected
        assert webhooks.due(["tests"]) == []
