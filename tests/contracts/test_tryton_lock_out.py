"""What only Tryton's lock-out can get wrong: requests that hang, calls that cross, users that are switched off, drafts that were kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from hybrid_erp.adapters.erps.tryton.lock_marker import MARKER
from hybrid_erp.adapters.erps.tryton.lock_out import TrytonLockOut
from hybrid_erp.adapters.erps.tryton.rpc import RpcRefusedError, TrytonRpc
from hybrid_erp.model.delivery import FailureClass, Posted, Retry, Role
from hybrid_erp.model.documents import JournalEntry
from hybrid_erp.model.errors import ClaimLostError, NotQuietError, OvertakenError
from hybrid_erp.model.lock_out import PostingRight, is_locked, is_open, rights_to_take
from hybrid_erp.model.ownership import OWNED_KINDS, PostingKind
from sandbox.site import Site
from sandbox.tryton.secrets import ADMINISTRATOR, CUSTODIAN
from tests.builders import the_settings
from tests.contracts.erp_under_test import a_submission
from tests.contracts.lock_out_documents import ENTRY
from tests.contracts.tryton_lock_out import TrytonLockOutUnderTest

MADE_BY_HAND = "SELECT count(*) FROM account_move WHERE description = 'Under way'"
HOLD_THE_MARKER = "SELECT FROM res_group WHERE name LIKE 'Hybrid ERP lock-out %' FOR UPDATE"
WAITING_FOR_IT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def tryton(site: Site) -> TrytonLockOutUnderTest:
    return TrytonLockOutUnderTest(site, the_settings())


@pytest.fixture
def lock_out(tryton: TrytonLockOutUnderTest) -> Iterator[TrytonLockOut]:
    """Whatever a test leaves, everybody posts afterwards."""
    with closing(tryton.lock_out()) as made:
        before = made.state()
        yield made
        made.unlock(before.rights, generation=made.state().generation + 1)
        assert is_open(made.state(), before.rights)


def lock(lock_out: TrytonLockOut) -> frozenset[PostingRight]:
    state = lock_out.state()
    taken = rights_to_take(state, OWNED_KINDS, [])
    lock_out.lock(taken, generation=state.generation + 1)
    return taken


def test_a_request_that_hangs_is_over_when_it_is_quiet_and_has_booked_nothing(
    tryton: TrytonLockOutUnderTest, lock_out: TrytonLockOut
) -> None:
    before = tryton.erp.one(MADE_BY_HAND)

    with tryton.waiting_inside() as hanging:
        lock(lock_out)
        lock_out.wait_until_quiet(seconds=tryton.quiet_seconds)
        over = not hanging.thread.is_alive()

    assert over
    assert tryton.erp.one(MADE_BY_HAND) == before


def test_quiet_is_never_said_before_the_longest_request_is_over(lock_out: TrytonLockOut) -> None:
    lock(lock_out)

    with pytest.raises(NotQuietError, match="may run for 30 s"):
        lock_out.wait_until_quiet(seconds=10)


def test_a_call_with_a_view_that_is_not_the_last_is_refused_by_tryton_itself(
    tryton: TrytonLockOutUnderTest, lock_out: TrytonLockOut
) -> None:
    lock(lock_out)
    state = lock_out.state()
    found = tryton.erp.connections["tryton_de01_custodian"]
    endpoint = replace(tryton.erp.endpoint("DE01", Role.CONTROL), login=str(found["login"]), secret=str(found["password"]))
    with closing(TrytonRpc(endpoint, "tryton_de01")) as rpc:
        (seen,) = rpc.records("res.group", [["name", "=", MARKER.format(state.generation)]], ["_timestamp"])
        (accounting,) = rpc.records("res.group", [["name", "=", "Accounting"]], ["users"])
        lock_out.lock([], generation=state.generation + 1)  # somebody else, after this one looked

        terms = [[accounting["id"]], {"users": [["remove", accounting["users"]]]}, [seen["id"]], {"name": MARKER.format(99)}]
        with pytest.raises(RpcRefusedError, match=r"^ConcurrencyException"):
            rpc.call("model.res.group.write", *terms, {"_timestamp": {f"res.group,{seen['id']}": seen["_timestamp"]}})

        (after,) = rpc.records("res.group", [["name", "=", "Accounting"]], ["users"])
    assert set(after["users"]) == set(accounting["users"])
    assert lock_out.state().generation == state.generation + 1


def test_of_two_calls_at_the_same_time_the_higher_generation_stands(tryton: TrytonLockOutUnderTest, lock_out: TrytonLockOut) -> None:
    taken = lock(lock_out)
    generation = lock_out.state().generation

    def change(verb: str, number: int) -> None:
        with closing(tryton.lock_out()) as another, suppress(OvertakenError):
            getattr(another, verb)(taken, generation=number)

    calls = [threading.Thread(target=change, args=each) for each in (("lock", generation + 1), ("unlock", generation + 2))]
    with tryton.site.cluster.admin("tryton_de01") as connection, connection.transaction():
        connection.execute(HOLD_THE_MARKER)
        for call in calls:
            call.start()
        while tryton.erp.one(WAITING_FOR_IT) < len(calls):  # both have looked, and both want to write
            assert all(call.is_alive() for call in calls)
    for call in calls:
        call.join()

    state = lock_out.state()
    assert state.generation == generation + 2
    assert is_open(state, taken)


def test_a_user_that_is_switched_off_shows_since_its_rest_key_goes_on_posting(
    tryton: TrytonLockOutUnderTest, lock_out: TrytonLockOut
) -> None:
    accounting = tryton.administrator.one("res.group", [["name", "=", "Accounting"]])
    user = {"name": "Old interface", "login": "old-interface", "groups": [["add", [accounting]]]}
    made = tryton.administrator.call("model.res.user.create", [user])
    tryton.administrator.call("model.res.user.write", made, {"active": False})  # a new one that is switched off Tryton does not take
    try:
        assert PostingRight("old-interface", "Accounting", PostingKind.LEDGER) in lock_out.state().rights
        assert any(right.login == "old-interface" for right in lock(lock_out))
        assert is_locked(lock_out.state(), OWNED_KINDS, [])
    finally:
        tryton.administrator.call("model.res.user.write", made, {"groups": [["remove", [accounting]]]})


def test_administrators_and_the_custodian_are_told_as_those_that_nothing_stops(lock_out: TrytonLockOut) -> None:
    assert lock_out.state().unstoppable == {ADMINISTRATOR, CUSTODIAN}


def test_a_draft_that_the_control_kept_waits_for_the_lock_out_and_can_be_finished_by_the_run_off(
    tryton: TrytonLockOutUnderTest, lock_out: TrytonLockOut
) -> None:
    terms = {"number": "LOCK-DRAFT", "legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR"}
    submission, kept = a_submission(tryton.settings, JournalEntry.model_validate(ENTRY | terms)), []

    def keep(draft_id: str) -> None:
        kept.append(draft_id)
        raise ClaimLostError("The worker dies here.")

    with closing(tryton.erp.connector()) as connector:
        with pytest.raises(ClaimLostError):
            connector.submit(submission, keep)
        lock(lock_out)

        outcome = connector.submit(replace(submission, draft_id=kept[0]), keep)
        finished = connector.submit(replace(submission, draft_id=kept[0], role=Role.RUN_OFF), keep)

    assert isinstance(outcome, Retry)
    assert outcome.failure is FailureClass.FORBIDDEN
    assert finished == Posted(kept[0])
