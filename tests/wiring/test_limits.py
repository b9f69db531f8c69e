"""A company's work is done in its turn and not during an outage; what the ERP's answer teaches is known to every worker after it."""

from __future__ import annotations

from collections import Counter

import pytest

from hybrid_erp.flow.deliver import Progress
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ErpUnavailableError, WrongSystemError
from hybrid_erp.model.limits import NoTurn
from hybrid_erp.wiring.limits import CompanyTurn, in_turn
from tests.stores import LEGACY, Store

POSTED = Progress(Counter(posted=3))


class Work:
    """What a worker would do: a result, or an error after something was done."""

    def __init__(self, result: Progress = POSTED, error: Exception | None = None) -> None:
        self.result = result
        self.error = error
        self.done = 0

    def __call__(self, turn: CompanyTurn) -> Progress:
        self.done += 1
        if self.error is not None:
            turn.report(self.result)
            raise self.error
        return self.result


def down(*, after: int = 0, asked: float | None = None) -> Work:
    return Work(Progress(Counter(posted=after)), ErpUnavailableError("no route to host", asked))


def do(work: Work, *, legal_entity: str = "DE01", role: Role = Role.CONTROL) -> Progress | NoTurn:
    return in_turn(LEGACY, legal_entity, role, work)


def fail(work: Work, *, legal_entity: str = "DE01", role: Role = Role.CONTROL) -> float:
    """How long to wait, as a task is told."""
    with pytest.raises(ErpUnavailableError) as raised:
        do(work, legal_entity=legal_entity, role=role)
    assert raised.value.retry_after_seconds is not None
    return round(raised.value.retry_after_seconds)


def end_the_pause(store: Store) -> None:
    store.sql("UPDATE outage SET closed_until = clock_timestamp()")


def test_the_work_is_done_and_the_turn_given_back(store: Store) -> None:
    assert do(Work()) == POSTED

    assert store.one("SELECT count(*) FROM turn") == 0


def test_a_second_worker_of_the_company_ends_in_peace(store: Store) -> None:
    second = Work()

    class Meanwhile(Work):
        def __call__(self, turn: CompanyTurn) -> Progress:
            answer = do(second)
            assert isinstance(answer, NoTurn)
            assert answer.company_is_held
            return super().__call__(turn)

    assert do(Meanwhile()) == POSTED
    assert second.done == 0


def test_a_third_company_waits_where_the_erp_has_two_slots(store: Store) -> None:
    third = Work()

    class One(Work):
        def __call__(self, turn: CompanyTurn) -> Progress:
            do(Two(), legal_entity="UK01")
            return self.result

    class Two(Work):
        def __call__(self, turn: CompanyTurn) -> Progress:
            answer = do(third, legal_entity="FR01")
            assert isinstance(answer, NoTurn)
            assert [holder.legal_entity for holder in answer.holders] == ["DE01", "UK01"]
            return self.result

    do(One())
    assert third.done == 0


def test_a_worker_whose_turn_was_taken_by_another_is_told(store: Store) -> None:
    class Paused(Work):
        def __call__(self, turn: CompanyTurn) -> Progress:
            assert turn.keep()
            store.sql("DELETE FROM turn")  # its lease ended, and another worker came and went
            assert not turn.keep()
            return self.result

    do(Paused())


def test_after_a_failure_nobody_asks_the_company_until_its_pause_is_over(store: Store) -> None:
    assert fail(down()) == 5
    again = Work()

    assert do(Work(), legal_entity="UK01") == POSTED, "its sibling is served"
    assert fail(again) == 5
    assert again.done == 0

    end_the_pause(store)
    assert do(again) == POSTED
    assert store.one("SELECT count(*) FROM outage") == 0


def test_each_failure_after_a_pause_makes_the_next_one_longer(store: Store) -> None:
    waits = []
    for _ in range(3):
        waits.append(fail(down()))
        end_the_pause(store)

    assert waits == [5, 8, 13]


def test_an_erp_that_takes_something_each_time_is_not_left_alone_for_longer_and_longer(store: Store) -> None:
    for _ in range(4):
        assert fail(down(after=50)) == 5
        end_the_pause(store)


def test_what_the_erp_asks_for_is_kept_for_everybody(store: Store) -> None:
    assert fail(down(asked=900)) == 900
    assert fail(Work()) == 900


def test_the_wrong_system_is_left_alone_for_a_minute_and_stays_a_wrong_system(store: Store) -> None:
    with pytest.raises(WrongSystemError):
        do(Work(Progress(), WrongSystemError("the test system")))

    assert fail(Work()) == 60


def test_a_company_that_was_not_asked_stays_as_it_was(store: Store) -> None:
    fail(down())
    end_the_pause(store)

    do(Work(Progress()))  # nothing was due any more

    assert store.one("SELECT count(*) FROM outage") == 1


def test_a_bug_is_no_outage_and_gives_the_turn_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        do(Work(Progress(), ZeroDivisionError()))

    assert store.one("SELECT count(*) FROM outage") == 0
    assert store.one("SELECT count(*) FROM turn") == 0


def test_copies_have_outages_and_turns_of_their_own(store: Store) -> None:
    fail(down(), role=Role.CANDIDATE)

    assert do(Work()) == POSTED
    assert fail(Work(), role=Role.CANDIDATE) == 5
