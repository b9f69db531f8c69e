"""The promises of every lock-out (PROTOCOL L, R1, T4), tried on the real ERPs and on the fake."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager

import pytest

from hybrid_erp.model.delivery import FailureClass, Posted, Retry, Role
from hybrid_erp.model.errors import ErpUnavailableError, NotQuietError, OvertakenError, WrongSystemError
from hybrid_erp.model.lock_out import PostingRight, is_locked, is_open, rights_to_take
from hybrid_erp.model.ownership import OWNED_KINDS, PostingKind
from hybrid_erp.ports import LockOut
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.ledgersmb_lock_out import LedgerSmbLockOut
from tests.contracts.lock_out_under_test import FakeLockOutUnderTest, LockOutUnderTest, RefusedByTheErpError
from tests.contracts.tryton_lock_out import TrytonLockOutUnderTest

BOOKS = (PostingKind.BILLING, PostingKind.LEDGER)
PROJECTS = (PostingKind.PROJECT,)
ERPS = ["fake", *(pytest.param(name, marks=pytest.mark.site) for name in ("ledgersmb", "tryton"))]


@pytest.fixture(scope="module", params=ERPS)
def erp(request: pytest.FixtureRequest) -> LockOutUnderTest:
    if request.param == "fake":
        return FakeLockOutUnderTest()
    site: Site = request.getfixturevalue("site")  # the fake needs none
    if request.param == "tryton":
        return TrytonLockOutUnderTest(site, the_settings())
    return LedgerSmbLockOut(site.cluster, the_settings())


@pytest.fixture
def lock_out(erp: LockOutUnderTest) -> Iterator[LockOut]:
    with closing(erp.lock_out()) as made:
        yield made


def next_generation(lock_out: LockOut) -> int:
    return lock_out.state().generation + 1


@contextmanager
def locked(
    lock_out: LockOut, kinds: Collection[PostingKind] = OWNED_KINDS, closers: Collection[str] = ()
) -> Iterator[frozenset[PostingRight]]:
    """Locked for the length of a block; whatever it did, everything is as it was."""
    taken = rights_to_take(lock_out.state(), kinds, closers)
    lock_out.lock(taken, generation=next_generation(lock_out))
    try:
        yield taken
    finally:
        lock_out.unlock(taken, generation=next_generation(lock_out))
        assert is_open(lock_out.state(), taken)


def posts(erp: LockOutUnderTest, role: Role, kind: PostingKind) -> list[str]:
    """What came of it, in a word for each document: posted, or the class of the failure."""
    outcomes = erp.submits(role, kind)
    assert outcomes
    return ["posted" if isinstance(each, Posted) else str(getattr(each, "failure", each)) for each in outcomes]


def open_ways(erp: LockOutUnderTest, kinds: Collection[PostingKind] = OWNED_KINDS) -> list[str]:
    """The ways in which the bookkeeper can post these kinds now."""
    found = []
    for way, kind in erp.ways.items():
        if kind in kinds:
            try:
                erp.bookkeeper_posts(way)
            except RefusedByTheErpError:
                continue
            found.append(way)
    return found


# Who posts while it stands


def test_before_a_lock_out_everybody_posts(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    state = lock_out.state()

    assert {state.ours[role] for role in Role} <= {right.login for right in state.rights}
    assert open_ways(erp) == list(erp.ways)
    assert all(set(posts(erp, role, kind)) == {"posted"} for role in Role for kind in OWNED_KINDS)


def test_a_refusal_by_our_own_lock_out_is_waited_for_and_is_no_verdict_on_the_document(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with locked(lock_out):
        outcomes = [outcome for kind in OWNED_KINDS for outcome in erp.submits(Role.CONTROL, kind)]

    assert all(isinstance(outcome, Retry) and outcome.failure is FailureClass.FORBIDDEN for outcome in outcomes), outcomes


def test_a_person_is_refused_in_every_native_way(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with locked(lock_out):
        assert open_ways(erp) == []


@pytest.mark.parametrize("role", [Role.CANDIDATE, Role.RUN_OFF])
def test_copies_and_what_runs_off_are_posted_on(erp: LockOutUnderTest, lock_out: LockOut, role: Role) -> None:
    with locked(lock_out):
        assert all(set(posts(erp, role, kind)) == {"posted"} for kind in OWNED_KINDS)


def test_reading_goes_on(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with locked(lock_out):
        assert erp.reads()


def test_customers_go_to_every_erp_as_ever(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with locked(lock_out):
        assert set(posts(erp, Role.CONTROL, PostingKind.REFERENCE)) == {"posted"}


@pytest.mark.parametrize(("taken", "left"), [(BOOKS, PROJECTS), (PROJECTS, BOOKS)])
def test_kinds_that_are_not_locked_go_on(
    erp: LockOutUnderTest, lock_out: LockOut, taken: Collection[PostingKind], left: Collection[PostingKind]
) -> None:
    with locked(lock_out, taken):
        assert open_ways(erp, taken) == []
        assert open_ways(erp, left) == [way for way, kind in erp.ways.items() if kind in left]
        assert all(set(posts(erp, Role.CONTROL, kind)) == {"posted"} for kind in left)
        assert not any("posted" in posts(erp, Role.CONTROL, kind) for kind in taken)


def test_who_is_named_for_the_close_of_earlier_periods_posts_on(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with locked(lock_out, closers=[erp.bookkeeper]):
        assert open_ways(erp, [PostingKind.LEDGER]) == [way for way, kind in erp.ways.items() if kind is PostingKind.LEDGER]
        assert is_locked(lock_out.state(), OWNED_KINDS, [erp.bookkeeper])
        assert not is_locked(lock_out.state(), OWNED_KINDS, [])


# What the ERP says


def test_the_state_shows_the_generation_and_that_nothing_is_left_to_take(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    before = lock_out.state()

    with locked(lock_out) as taken, closing(erp.lock_out()) as another:
        state = another.state()

    assert taken
    assert not is_locked(before, OWNED_KINDS, [])
    assert is_locked(state, OWNED_KINDS, [])
    assert state.generation == before.generation + 1
    assert state.rights == before.rights - taken


def test_the_state_names_who_cannot_be_stopped(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    state = lock_out.state()

    assert state.unstoppable
    assert not state.unstoppable & {*state.ours.values(), erp.bookkeeper}


def test_a_right_that_is_held_by_another_way_shows_and_is_taken_too(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with erp.by_another_way() as right:
        assert right in lock_out.state().rights
        with locked(lock_out) as taken:
            assert right in taken
            assert is_locked(lock_out.state(), OWNED_KINDS, [])
            assert open_ways(erp) == []


def test_a_right_that_cannot_be_taken_is_never_said_to_be_taken(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with erp.fixed() as right, locked(lock_out):
        state = lock_out.state()

        assert right in state.rights
        assert not is_locked(state, OWNED_KINDS, [])


# Again, late, back


def test_a_lock_out_that_is_repeated_changes_nothing(lock_out: LockOut) -> None:
    with locked(lock_out) as taken:
        once = lock_out.state()
        lock_out.lock(taken, generation=once.generation)

        assert lock_out.state() == once


def test_its_undo_gives_back_exactly_what_was_taken(lock_out: LockOut) -> None:
    before = lock_out.state()

    with locked(lock_out):
        pass

    assert lock_out.state().rights == before.rights


def test_an_undo_that_is_repeated_changes_nothing(lock_out: LockOut) -> None:
    with locked(lock_out) as taken:
        pass
    once = lock_out.state()

    lock_out.unlock(taken, generation=once.generation)

    assert lock_out.state() == once


def test_a_call_of_a_lower_generation_is_ignored(lock_out: LockOut) -> None:
    with locked(lock_out) as taken:
        before = lock_out.state()
        with pytest.raises(OvertakenError):
            lock_out.unlock(taken, generation=before.generation - 1)
        assert lock_out.state() == before
    before = lock_out.state()
    with pytest.raises(OvertakenError):
        lock_out.lock(taken, generation=before.generation - 1)
    assert lock_out.state() == before


def test_a_lock_out_that_arrives_after_its_undo_is_ignored(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    taken, first = rights_to_take(lock_out.state(), OWNED_KINDS, []), next_generation(lock_out)

    with erp.held_up(lambda late: late.lock(taken, generation=first)) as late:
        lock_out.unlock(taken, generation=first + 1)
        late.arrive()

    state = lock_out.state()
    assert is_open(state, taken)
    assert state.generation == first + 1


def test_an_undo_that_arrives_after_the_next_lock_out_is_ignored(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    taken, first = rights_to_take(lock_out.state(), OWNED_KINDS, []), next_generation(lock_out)
    lock_out.lock(taken, generation=first)

    with erp.held_up(lambda late: late.unlock(taken, generation=first + 1)) as late:
        lock_out.lock(taken, generation=first + 2)
        late.arrive()
    state = lock_out.state()
    lock_out.unlock(taken, generation=first + 3)

    assert is_locked(state, OWNED_KINDS, [])
    assert state.generation == first + 2


# Quiet


def test_quiet_waits_for_what_was_under_way_when_it_was_locked(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    with erp.unfinished() as posting, locked(lock_out):
        with pytest.raises(NotQuietError):
            lock_out.wait_until_quiet(seconds=0.5)
        posting.end()
        lock_out.wait_until_quiet(seconds=erp.quiet_seconds)


# Another system, none


def test_nothing_is_done_to_another_system(erp: LockOutUnderTest, lock_out: LockOut) -> None:
    before = lock_out.state()

    with closing(erp.lock_out_of_the_wrong_company()) as wrong:
        with pytest.raises(WrongSystemError):
            wrong.state()
        with pytest.raises(WrongSystemError):
            wrong.lock(before.rights, generation=before.generation + 1)
        with pytest.raises(WrongSystemError):
            wrong.wait_until_quiet(seconds=0.5)

    assert lock_out.state() == before


def test_an_erp_that_is_down_is_unavailable(erp: LockOutUnderTest) -> None:
    with closing(erp.lock_out_of_an_erp_that_is_down()) as down:
        with pytest.raises(ErpUnavailableError):
            down.state()
        with pytest.raises(ErpUnavailableError):
            down.lock([], generation=1)
        with pytest.raises(ErpUnavailableError):
            down.wait_until_quiet(seconds=0.5)
