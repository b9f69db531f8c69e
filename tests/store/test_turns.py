"""At most one writer a company and so many at one ERP at once, whatever Airflow's pools say and whoever is killed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from hybrid_erp.adapters.store.turns import ATTENDED, DUE_ELSEWHERE, PostgresTurns
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.limits import NoTurn, Turn
from tests.builders import a_journal_entry
from tests.stores import LEGACY, Store

SLOTS = 2


def take(store: Store, legal_entity: str, *, worker: str = "worker-1", role: Role = Role.CONTROL, slots: int = SLOTS, **terms: Any) -> Any:
    turns = PostgresTurns(store.connect("delivery"), worker)
    return turns.take(LEGACY, role, legal_entity, slots=slots, lease_seconds=terms.get("lease_seconds", 60))


def end(store: Store, legal_entity: str) -> None:
    """As time would."""
    store.sql("UPDATE turn SET lease_until = clock_timestamp() WHERE legal_entity = %s", legal_entity)


def test_a_company_has_one_writer_and_the_second_is_told_who_until_when(store: Store) -> None:
    assert isinstance(take(store, "DE01"), Turn)

    second = take(store, "DE01", worker="worker-2")

    assert isinstance(second, NoTurn)
    assert second.company_is_held
    until = store.one("SELECT to_char(lease_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM turn")
    assert str(second) == f"its turn is held: DE01 by worker-1 until {until} UTC"


def test_no_more_companies_than_slots_are_written_to_at_once(store: Store) -> None:
    take(store, "DE01")
    take(store, "UK01", worker="worker-2")

    third = take(store, "FR01", worker="worker-3")

    assert isinstance(third, NoTurn)
    assert not third.company_is_held
    assert [holder.held_by for holder in third.holders] == ["worker-1", "worker-2"]


def test_a_limit_that_was_lowered_counts_the_turns_that_are_held(store: Store) -> None:
    first = take(store, "DE01")
    take(store, "UK01")
    PostgresTurns(store.connect("delivery"), "worker-1").release(first)  # slot 1 is free, slot 2 is not

    assert isinstance(take(store, "FR01", slots=1), NoTurn)


def test_copies_have_slots_and_turns_of_their_own_and_pinned_entities_have_not(store: Store) -> None:
    take(store, "DE01")

    assert isinstance(take(store, "DE01", role=Role.CANDIDATE), Turn)
    assert isinstance(take(store, "DE01", role=Role.RUN_OFF), NoTurn)


def test_the_turn_of_a_dead_worker_is_free_when_its_lease_ends(store: Store) -> None:
    dead = take(store, "DE01")
    take(store, "UK01")
    end(store, "DE01")

    heir = take(store, "DE01", worker="worker-2")

    assert isinstance(heir, Turn)
    turns = PostgresTurns(store.connect("delivery"), "worker-1")
    assert not turns.renew(dead, lease_seconds=60)
    turns.release(dead)  # the dead one goes on all the same: it takes nothing from its heir
    assert turns.renew(heir, lease_seconds=60)


def test_a_renewed_turn_runs_a_whole_lease_more(store: Store) -> None:
    turn = take(store, "DE01", lease_seconds=1)

    assert PostgresTurns(store.connect("delivery"), "worker-1").renew(turn, lease_seconds=60)

    assert store.one("SELECT lease_until > clock_timestamp() + interval '50 s' FROM turn")


def test_a_turn_that_was_given_back_is_free_at_once(store: Store) -> None:
    PostgresTurns(store.connect("delivery"), "worker-1").release(take(store, "DE01"))

    assert isinstance(take(store, "DE01", worker="worker-2"), Turn)


def test_turns_are_rows_and_not_state_of_a_session(store: Store) -> None:
    with store.pool("delivery") as pool, pool.connection() as connection:
        connection.autocommit = True
        assert isinstance(PostgresTurns(connection, "worker-1").take(LEGACY, Role.CONTROL, "DE01", slots=1, lease_seconds=60), Turn)
        connection.execute("DISCARD ALL")  # as a pooler between two transactions

    assert isinstance(take(store, "DE01", worker="worker-2"), NoTurn)


@pytest.mark.parametrize("round_", range(5))
def test_many_at_once_never_get_more_than_the_limits(store: Store, round_: int) -> None:
    companies = [f"E{number % 7:03d}" for number in range(28)]
    ready, got = threading.Barrier(len(companies)), []
    takers = [PostgresTurns(store.connect("delivery"), f"worker-{number}") for number in range(len(companies))]

    def compete(turns: PostgresTurns, company: str) -> None:
        ready.wait()
        answer = turns.take(LEGACY, Role.CONTROL, company, slots=4, lease_seconds=60)
        if isinstance(answer, Turn):
            got.append(answer)

    threads = [threading.Thread(target=compete, args=pair) for pair in zip(takers, companies, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(got) == 4
    assert len({turn.slot for turn in got}) == 4
    assert len({turn.legal_entity for turn in got}) == 4


def rung_for(store: Store) -> bool:
    """Whether the bell of the legacy ERP would ring."""
    connection = store.connect("delivery")
    terms = {"erp": LEGACY, "role": "control"}
    attended: Sequence[Any] = [row[0] for row in connection.execute(ATTENDED, terms).fetchall()]
    return connection.execute(DUE_ELSEWHERE, terms | {"attended": list(attended)}).fetchone() is not None


def test_the_bell_is_silent_for_a_company_that_a_worker_delivers_to_and_rings_for_its_sibling(store: Store) -> None:
    store.accept(a_journal_entry("DE01"))
    assert rung_for(store)
    take(store, "DE01")
    assert not rung_for(store)

    store.accept(a_journal_entry("UK01"))

    assert rung_for(store)


def test_the_bell_rings_again_when_a_dead_worker_s_turn_ends(store: Store) -> None:
    store.accept(a_journal_entry("DE01"))
    take(store, "DE01")

    end(store, "DE01")

    assert rung_for(store)


def test_those_who_only_read_or_take_in_can_take_no_turn(store: Store) -> None:
    for duty in ("reader", "intake", "cutover"):
        with pytest.raises(Exception, match="permission denied"):
            store.connect(duty).execute("DELETE FROM turn")
