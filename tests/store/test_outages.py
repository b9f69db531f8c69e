"""A company that does not answer is left in peace for a while, longer from failure to failure, and its siblings never are."""

from __future__ import annotations

from hybrid_erp.adapters.store.outages import LONGEST_ASKED_SECONDS, LONGEST_WAIT_SECONDS, PostgresOutages
from hybrid_erp.adapters.store.turns import ATTENDED
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.limits import Outage
from tests.stores import LEGACY, Store


def fail(store: Store, *, legal_entity: str = "DE01", role: Role = Role.CONTROL, asked: float | None = None, anew: bool = False) -> Outage:
    outages = PostgresOutages(store.connect("delivery"))
    return outages.failed(LEGACY, role, legal_entity, reason="no route to host", asked_seconds=asked, anew=anew)


def pass_time(store: Store) -> None:
    """Until every pause is over."""
    store.sql("UPDATE outage SET closed_until = clock_timestamp()")


def test_each_failure_makes_the_pause_longer_up_to_a_minute(store: Store) -> None:
    pauses = [round(fail(store).closed_seconds) for _ in range(8)]

    assert pauses == [5, 8, 13, 20, 33, 52, 60, 60]
    (outage,) = PostgresOutages(store.connect("reader")).known(LEGACY)
    assert outage.failures == 8
    assert outage.began_at < outage.closed_until


def test_what_the_erp_asks_for_counts_if_it_is_longer_but_never_more_than_an_hour(store: Store) -> None:
    assert round(fail(store, asked=600).closed_seconds) == 600
    assert round(fail(store, asked=1).closed_seconds) == 8
    assert round(fail(store, asked=86_400).closed_seconds) == LONGEST_ASKED_SECONDS


def test_an_erp_that_took_something_in_between_begins_a_new_outage(store: Store) -> None:
    first = [fail(store) for _ in range(5)][-1]

    again = fail(store, anew=True)

    assert (again.failures, round(again.closed_seconds)) == (1, 5)
    assert again.began_at > first.began_at


def test_an_outage_ends_when_the_company_has_answered(store: Store) -> None:
    began_at = fail(store).began_at
    outages = PostgresOutages(store.connect("delivery"))

    assert outages.ended(LEGACY, Role.CONTROL, "DE01") == began_at
    assert outages.ended(LEGACY, Role.CONTROL, "DE01") is None
    assert outages.known() == []


def test_a_pause_that_is_over_is_still_an_outage_until_somebody_was_answered(store: Store) -> None:
    fail(store)
    pass_time(store)

    (outage,) = PostgresOutages(store.connect("reader")).known(LEGACY)

    assert outage.closed_seconds == 0
    assert "asked again by the next delivery: no route to host" in str(outage)


def test_a_copy_that_cannot_be_made_holds_up_nothing_that_the_erp_owns(store: Store) -> None:
    fail(store, role=Role.CANDIDATE)

    assert PostgresOutages(store.connect("reader")).known(LEGACY, Role.CONTROL) == []
    assert [each.legal_entity for each in PostgresOutages(store.connect("reader")).known(LEGACY, Role.CANDIDATE)] == ["DE01"]


def test_the_bell_is_silent_for_a_company_that_rests_and_no_longer(store: Store) -> None:
    terms = {"erp": LEGACY, "role": "control"}
    fail(store)
    assert store.connect("delivery").execute(ATTENDED, terms).fetchall() == [("DE01",)]

    pass_time(store)
    assert store.connect("delivery").execute(ATTENDED, terms).fetchall() == [("DE01",)], "the task that waits for it comes first"
    store.sql("UPDATE outage SET closed_until = clock_timestamp() - interval '11 s'")

    assert store.connect("delivery").execute(ATTENDED, terms).fetchall() == []


def test_an_outage_is_forgotten_when_nobody_has_wanted_the_company_for_an_hour(store: Store) -> None:
    fail(store)
    outages = PostgresOutages(store.connect("delivery"))
    assert outages.forget_unwanted() == 0

    store.sql("UPDATE outage SET closed_until = clock_timestamp() - interval '61 min'")

    assert outages.forget_unwanted() == 1
    assert outages.known() == []


def test_the_longest_pause_is_a_minute() -> None:
    assert LONGEST_WAIT_SECONDS == 60
