"""What only the lock-out of a SQL-reached ERP can get wrong: rights outside its roles, writers that are held up, sessions that are open."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg
import pytest

from hybrid_erp.adapters.erps.sql_lock_out import SqlLockOut
from hybrid_erp.model.delivery import Posted, Role
from hybrid_erp.model.errors import NotQuietError
from hybrid_erp.model.lock_out import PostingRight, is_locked, is_open, rights_to_take
from hybrid_erp.model.ownership import OWNED_KINDS, PostingKind
from sandbox.ledgersmb.credentials import CUSTODIAN, login_name
from sandbox.site import Site
from tests.builders import the_settings
from tests.contracts.ledgersmb_lock_out import LINES, MARCH, LedgerSmbLockOut

BOOKKEEPER = "de01_bookkeeper"


@pytest.fixture(scope="module")
def ledgersmb(site: Site) -> LedgerSmbLockOut:
    return LedgerSmbLockOut(site.cluster, the_settings())


@pytest.fixture
def lock_out(ledgersmb: LedgerSmbLockOut) -> Iterator[SqlLockOut]:
    """Whatever a test leaves, everybody posts afterwards."""
    with closing(ledgersmb.lock_out()) as made:
        before = made.state()
        yield made
        made.unlock(before.rights, generation=made.state().generation + 1)
        assert is_open(made.state(), before.rights)


def lock(lock_out: SqlLockOut) -> frozenset[PostingRight]:
    state = lock_out.state()
    taken = rights_to_take(state, OWNED_KINDS, [])
    lock_out.lock(taken, generation=state.generation + 1)
    return taken


@dataclass(frozen=True)
class Outside:
    """A way to the books outside the ERP's roles, how it goes again, and how it has to show."""

    given: str
    taken: str
    shows: str


@pytest.mark.parametrize(
    "way",
    [
        Outside("GRANT INSERT ON gl TO {}", "REVOKE INSERT ON gl FROM {}", "INSERT ON gl"),
        Outside(
            "GRANT EXECUTE ON FUNCTION draft_approve(int) TO PUBLIC",
            "REVOKE EXECUTE ON FUNCTION draft_approve(int) FROM PUBLIC",
            "EXECUTE ON draft_approve",
        ),
        Outside("GRANT pg_write_all_data TO {}", "REVOKE pg_write_all_data FROM {}", "INSERT ON gl"),
    ],
    ids=["in his own name", "everybody's", "a role of PostgreSQL's own"],
)
def test_a_right_outside_the_roles_shows_at_the_latest_once_they_are_taken(
    ledgersmb: LedgerSmbLockOut, lock_out: SqlLockOut, way: Outside
) -> None:
    ledgersmb.run(way.given, *([BOOKKEEPER] if "{}" in way.given else []))
    try:
        lock(lock_out)

        state = lock_out.state()
        assert PostingRight(BOOKKEEPER, way.shows, PostingKind.LEDGER) in state.rights
        assert not is_locked(state, OWNED_KINDS, [])
    finally:
        ledgersmb.run(way.taken, *([BOOKKEEPER] if "{}" in way.taken else []))
    assert is_locked(lock_out.state(), OWNED_KINDS, [])


def test_superusers_and_the_custodian_are_told_as_those_that_nothing_stops(lock_out: SqlLockOut) -> None:
    assert lock_out.state().unstoppable == {"postgres", login_name("DE01", CUSTODIAN)}


def test_the_custodian_cannot_post_itself(ledgersmb: LedgerSmbLockOut) -> None:
    dsn = ledgersmb.cluster.dsn(ledgersmb.erp.database("DE01"), login_name("DE01", CUSTODIAN))
    with psycopg.connect(dsn, autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO gl (reference, transdate) VALUES ('X', '2026-03-05')")


def test_an_open_transaction_is_refused_in_its_middle(ledgersmb: LedgerSmbLockOut, lock_out: SqlLockOut) -> None:
    with ledgersmb.person.at_the_screen() as connection:
        connection.autocommit = False
        ledgersmb.person.journal_rows(connection, MARCH, "First", LINES)
        lock(lock_out)

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledgersmb.person.journal_rows(connection, MARCH, "Second", LINES)
        connection.rollback()


def test_whoever_is_still_at_it_is_named(ledgersmb: LedgerSmbLockOut, lock_out: SqlLockOut) -> None:
    with ledgersmb.unfinished():
        lock(lock_out)
        with pytest.raises(NotQuietError, match=rf"{BOOKKEEPER} \(process \d+\)"):
            lock_out.wait_until_quiet(seconds=0.5)


def test_waiting_until_it_is_quiet_hardly_holds_up_who_may_post(ledgersmb: LedgerSmbLockOut, lock_out: SqlLockOut) -> None:
    ledgersmb.submits(Role.CANDIDATE, PostingKind.LEDGER)  # with everything loaded
    with ledgersmb.unfinished() as posting:
        lock(lock_out)
        waiting = threading.Thread(target=lock_out.wait_until_quiet, kwargs={"seconds": 60})
        waiting.start()
        took = []
        for _ in range(5):
            began = time.monotonic()
            outcomes = ledgersmb.submits(Role.CANDIDATE, PostingKind.LEDGER)
            took.append(time.monotonic() - began)
            assert all(isinstance(each, Posted) for each in outcomes)
        still_waiting = waiting.is_alive()
        posting.end()
        waiting.join()

    assert still_waiting
    assert max(took) < 5, took
