"""What the first task of a delivery does itself, what it names, and what it leaves alone."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hybrid_erp.adapters.store.attendance import PostgresAttendance
from hybrid_erp.flow.deliver import Progress
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.wiring.connectors import DIALECTS
from hybrid_erp.wiring.limits import CompanyTurn, in_turn
from hybrid_erp.wiring.tasks import deliver_company_visibly, survey_and_deliver
from tests.builders import a_journal_entry
from tests.fakes import FakeErp
from tests.stores import LEGACY, Store, wait_until


@pytest.fixture
def erps(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeErp]:
    """The companies of the legacy ERP, which live in memory."""
    companies = {legal_entity: FakeErp(legal_entity) for legal_entity in ("DE01", "UK01")}
    monkeypatch.setitem(DIALECTS, "sql", lambda company: companies[company.legal_entity])
    return companies


def survey(*, little: int = 100, stay_seconds: float = 0.0) -> list[str]:
    return survey_and_deliver(LEGACY, little=little, seconds=20, stay_seconds=stay_seconds)


def another_stays(store: Store) -> PostgresAttendance:
    attendance = PostgresAttendance(store.connect("delivery"), LEGACY, Role.CONTROL, "another")
    assert attendance.stay()
    store.sql("UPDATE attendance SET until = until + interval '1 min'")
    return attendance


def test_what_is_little_is_delivered_and_what_is_more_is_named(store: Store, erps: dict[str, FakeErp]) -> None:
    few = store.accept(a_journal_entry("UK01"))
    many = store.accept(*(a_journal_entry("DE01") for _ in range(4)))

    assert survey(little=3) == ["DE01"]

    assert [store.state(each) for each in few] == ["posted"]
    assert {store.state(each) for each in many} == {"waiting"}


def test_a_company_that_is_down_gets_a_task_and_its_sibling_is_served(store: Store, erps: dict[str, FakeErp]) -> None:
    erps["DE01"].down = True
    (stuck,), (served,) = store.accept(a_journal_entry("DE01")), store.accept(a_journal_entry("UK01"))

    assert survey() == ["DE01"]

    assert (store.state(stuck), store.state(served)) == ("waiting", "posted")


def test_a_company_that_rests_is_told_and_neither_asked_nor_named(
    store: Store, erps: dict[str, FakeErp], caplog: pytest.LogCaptureFixture
) -> None:
    erps["DE01"].down = True
    (stuck,) = store.accept(a_journal_entry("DE01"))
    survey()
    erps["DE01"].down = False

    with caplog.at_level(logging.INFO):
        assert survey() == []

    assert store.state(stuck) == "waiting"
    assert "DE01 at ledgersmb-emea (control) is unavailable since" in caplog.text
    assert "the fake ERP is down" in caplog.text
    store.sql("UPDATE outage SET closed_until = clock_timestamp() - interval '11 s'")
    assert survey() == []
    assert store.state(stuck) == "posted"
    assert store.one("SELECT count(*) FROM outage") == 0


def test_a_task_of_a_company_that_rests_fails_without_asking_it(store: Store, erps: dict[str, FakeErp]) -> None:
    erps["DE01"].down = True
    store.accept(a_journal_entry("DE01"))
    survey()
    erps["DE01"].down = False

    with pytest.raises(ErpUnavailableError, match="DE01 at ledgersmb-emea: the fake ERP is down") as raised:
        deliver_company_visibly(LEGACY, "DE01", seconds=20)

    assert 0 < (raised.value.retry_after_seconds or 0) <= 5
    assert erps["DE01"].submissions == []


def test_a_company_that_another_worker_delivers_to_is_told_and_left_to_it(
    store: Store, erps: dict[str, FakeErp], caplog: pytest.LogCaptureFixture
) -> None:
    (posting_id,) = store.accept(a_journal_entry("DE01"))

    def meanwhile(turn: CompanyTurn) -> Progress:
        with caplog.at_level(logging.INFO):
            assert survey() == []
            assert deliver_company_visibly(LEGACY, "DE01", seconds=20) == {}
        return Progress()

    in_turn(LEGACY, "DE01", Role.CONTROL, meanwhile)

    assert store.state(posting_id) == "waiting"
    assert "1 postings of DE01 wait: its turn is held: DE01 by worker:" in caplog.text
    assert survey() == []
    assert store.state(posting_id) == "posted"


def test_a_company_that_finds_no_slot_gets_a_task_that_waits_for_one(store: Store, erps: dict[str, FakeErp]) -> None:
    store.accept(a_journal_entry("DE01"))
    store.sql(
        "INSERT INTO turn (erp, role, legal_entity, slot, token, held_by, lease_until) SELECT %s, 'control', 'E' || slot, slot,"
        " gen_random_uuid(), 'others', clock_timestamp() + interval '1 min' FROM generate_series(1, 2) AS slot",
        LEGACY,
    )

    assert survey() == ["DE01"]
    assert deliver_company_visibly(LEGACY, "DE01", seconds=20) == {}


def test_what_the_survey_does_not_reach_in_its_time_is_named(store: Store, erps: dict[str, FakeErp]) -> None:
    waiting = store.accept(a_journal_entry("DE01"), a_journal_entry("UK01"))

    assert survey_and_deliver(LEGACY, little=100, seconds=-1, stay_seconds=0.0) == ["DE01", "UK01"]

    assert {store.state(each) for each in waiting} == {"waiting"}


def test_it_stays_for_what_comes_next_at_any_company(store: Store, erps: dict[str, FakeErp]) -> None:
    first = store.accept(a_journal_entry("DE01"))
    with ThreadPoolExecutor(1) as pool:
        survey_ends = pool.submit(survey, stay_seconds=15.0)
        wait_until(lambda: store.one("SELECT count(*) FROM attendance") == 1)
        second = store.accept(a_journal_entry("UK01"))
        wait_until(lambda: [store.state(each) for each in (*first, *second)] == ["posted", "posted"])
        assert not survey_ends.done(), "both were posted by the one that stayed"
        store.sql("UPDATE attendance SET token = gen_random_uuid()")  # another one stays from now on
        assert survey_ends.result() == []


def test_one_that_has_delivered_nothing_does_not_stay(store: Store, erps: dict[str, FakeErp]) -> None:
    began_at = time.monotonic()

    assert survey(stay_seconds=15.0) == []

    assert time.monotonic() - began_at < 15


def test_two_do_not_stay_at_once_and_one_that_was_killed_is_replaced(store: Store, erps: dict[str, FakeErp]) -> None:
    other, began_at = another_stays(store), time.monotonic()
    store.accept(a_journal_entry("DE01"))

    assert survey(stay_seconds=15.0) == []

    assert time.monotonic() - began_at < 15
    store.sql("UPDATE attendance SET until = clock_timestamp()")
    one = PostgresAttendance(store.connect("delivery"), LEGACY, Role.CONTROL, "one")
    assert one.stay()
    assert not other.stay()
    other.leave()
    assert one.stay(), "only its own stay is ended"


def test_one_that_stays_leaves_alone_what_rests(store: Store, erps: dict[str, FakeErp]) -> None:
    erps["DE01"].down = True
    store.accept(a_journal_entry("DE01"))
    survey()
    store.accept(a_journal_entry("UK01"))

    assert survey(stay_seconds=0.5) == []

    assert store.one("SELECT count(*) FROM attendance") == 0
