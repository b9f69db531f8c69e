"""Versions come in order: one that is missing is waited for, and after its time a person decides. An older one never follows a newer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.adapters.store.outcomes import PostgresOutcomes
from hybrid_erp.adapters.store.reads import PostgresReader
from hybrid_erp.flow.intake import Intake
from hybrid_erp.model.errors import StaleVersionError
from tests.builders import a_customer, a_journal_entry
from tests.stores import LEGACY, SETTINGS, Store, wait_until

HOUR = {"tests": 3600}


def intake(store: Store) -> Intake:
    """Of a source whose versions have no gaps."""
    return Intake(SETTINGS.firm, PostgresIntake(store.pool("intake"), frozenset({"tests"})))


def versions(event: dict[str, Any], *numbers: int) -> list[dict[str, Any]]:
    return [{**event, "id": f"{event['id']}/{number}", "data": {**event["data"], "version": number}} for number in numbers]


def accept(store: Store, event: dict[str, Any], *numbers: int, together: bool = False) -> list[UUID]:
    """These versions, one after the other or in one batch; all are accepted."""
    events, ids = versions(event, *numbers), []
    for batch in [events] if together else [[each] for each in events]:
        answers = intake(store).accept(batch, accepted_by="tests")
        assert not [answer.refusal for answer in answers if answer.refusal]
        ids += [answer.posting_id for answer in answers if answer.posting_id]
    return ids


def deliver(store: Store) -> list[int]:
    """Everything that may be sent; the versions in the order in which they were."""
    sent = list[int]()
    while claims := store.claim():
        for claim in claims:
            sent.append(claim.document.version)
            store.settle_posted(claim, f"N-{claim.posting_id}")
    return sent


def take_gaps(store: Store, seconds: dict[str, int] | None = None) -> int:
    return PostgresDeadLetters(store.connect("delivery")).take_gaps(HOUR if seconds is None else seconds, by="watch")


def ages(store: Store, posting_ids: Sequence[UUID]) -> None:
    store.sql("UPDATE posting SET accepted_at = accepted_at - interval '2 hours' WHERE posting_id = ANY(%s)", list(posting_ids))


def waiting_for(store: Store, posting_id: UUID) -> Any:
    view = PostgresReader(store.pool("reader")).posting(posting_id)
    assert view is not None
    return view["places"][0]["waiting_for"]


@pytest.mark.parametrize("event", [a_customer(), a_journal_entry()], ids=["a lane", "no lane"])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("order", [(1, 3, 2), (1, 2, 3), (1, 4, 2, 3), (1, 4, 3, 2), (1, 5, 3, 4, 2)])
def test_versions_are_sent_in_order_in_whatever_order_they_come(
    store: Store, event: dict[str, Any], order: tuple[int, ...], together: bool
) -> None:
    accept(store, event, *order, together=together)

    sent = deliver(store)

    assert sorted(sent) == list(range(1, max(order) + 1))
    if event["type"] == "hybrid-erp.customer.v1":
        assert sent == sorted(sent)


def test_a_version_waits_for_the_one_before_it_and_says_so(store: Store) -> None:
    event = a_customer()
    _, third = accept(store, event, 1, 3)

    assert deliver(store) == [1]
    assert waiting_for(store, third) == [f"customer {event['data']['number']} version 2"]

    accept(store, event, 2)
    assert waiting_for(store, third) is None
    assert deliver(store) == [2, 3]


def test_what_a_source_sends_first_is_where_it_begins(store: Store) -> None:
    event = a_customer()
    accept(store, event, 7)

    assert deliver(store) == [7]
    (answer,) = intake(store).accept(versions(event, 6), accepted_by="tests")
    assert isinstance(answer.refusal, StaleVersionError)


def test_a_source_of_which_nothing_is_said_waits_for_no_version(store: Store) -> None:
    event = a_customer()
    store.accept(*versions(event, 1, 3))

    assert deliver(store) == [1, 3]
    (answer,) = store.intake().accept(versions(event, 2), accepted_by="tests")
    assert isinstance(answer.refusal, StaleVersionError)


# The desk


def test_a_gap_goes_to_the_desk_when_its_time_is_over_and_no_sooner(store: Store) -> None:
    event = a_customer()
    _, third = accept(store, event, 1, 3)
    deliver(store)

    assert take_gaps(store) == 0
    assert store.state(third) == "waiting"
    ages(store, [third])
    assert take_gaps(store) == 1

    assert store.state(third) == "dead_lettered"
    assert store.one("SELECT reason FROM outbox WHERE posting_id = %s", third) == "version_gap: version 2 is missing"
    store.wait_until_told()
    *_, told = PostgresOutcomes(store.pool("reader")).page("tests", after=None, limit=9).outcomes
    assert (told.event()["data"]["failure"], told.event()["data"]["remedy"].split(":")[0]) == ("version_gap", "Send the version before it")
    assert take_gaps(store) == 0


def test_what_waits_for_something_else_never_goes_to_the_desk_as_a_gap(store: Store) -> None:
    ids = accept(store, a_customer(), 1, 3, 2)
    ages(store, ids)

    assert take_gaps(store) == 0


def test_a_gap_of_a_source_that_waits_for_none_any_more_goes_to_the_desk_at_once(store: Store) -> None:
    _, third = accept(store, a_customer(), 1, 3)

    assert take_gaps(store, {}) == 1
    assert store.state(third) == "dead_lettered"


def test_a_version_that_comes_after_all_brings_the_next_back_from_the_desk(store: Store) -> None:
    event = a_customer()
    ids = accept(store, event, 1, 3)
    ages(store, ids)
    take_gaps(store)

    accept(store, event, 2)

    assert deliver(store) == [1, 2, 3]


def test_who_replays_gives_the_gap_up_and_what_was_missing_is_stale_from_then_on(store: Store) -> None:
    event = a_customer()
    _, third = accept(store, event, 1, 3)
    ages(store, [third])
    take_gaps(store)

    PostgresDeadLetters(store.connect("delivery")).reopen([third], by="petra", reason="version 2 was withdrawn")

    (answer,) = intake(store).accept(versions(event, 2), accepted_by="tests")
    assert isinstance(answer.refusal, StaleVersionError)
    assert deliver(store) == [1, 3]


def test_a_gap_that_is_given_up_while_the_version_comes_is_decided_once(store: Store) -> None:
    """The version was judged, and has not been written when a person gives the gap up: it is refused, and not sent behind the newer one."""
    event = a_customer()
    _, third = accept(store, event, 1, 3)
    ages(store, [third])
    take_gaps(store)
    desk = store.connect("delivery")
    with desk.transaction():
        PostgresDeadLetters(desk).reopen([third], by="petra", reason="version 2 was withdrawn")
        with ThreadPoolExecutor() as pool:
            coming = pool.submit(intake(store).accept, versions(event, 2), accepted_by="tests")
            wait_until(lambda: bool(store.one("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")))
            desk.execute("COMMIT")
            (answer,) = coming.result()
    assert isinstance(answer.refusal, StaleVersionError)
    assert deliver(store) == [1, 3]


def test_a_gap_leaves_the_rest_of_the_lane_alone(store: Store) -> None:
    one, other = a_customer(), a_customer()
    accept(store, one, 1, 3)
    accept(store, other, 1, 2)

    assert deliver(store) == [1, 1, 2]
    assert store.claim(LEGACY) == []
