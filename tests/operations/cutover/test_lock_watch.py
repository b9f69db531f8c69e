"""Whoever may post where nobody should stops the new postings of that kind, until the ERP tells that it is locked out again."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from hybrid_erp.adapters.store.claims import PostgresClaims
from hybrid_erp.adapters.store.ownership import PostgresOwnership
from hybrid_erp.model.cutover import Direction, Step
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import LockOutUndoneError
from hybrid_erp.model.lock_out import PostingRight, rights_to_take
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.operations.cutover.lock_watch import ReadBack, hold_what_is_undone
from hybrid_erp.operations.cutover.release import release
from tests.fake_lock_out import BOOKKEEPER
from tests.operations.cutover.region import Region, Run
from tests.stores import CLOUD, LEGACY

RIGHT = PostingRight(BOOKKEEPER, "posts_ledger", PostingKind.LEDGER)


def watch(region: Region, *, away: Collection[str] = ()) -> tuple[str, ...]:
    """What `watch_moves` does each minute; companies that are away are not answered."""
    found = []
    for each in region.here.cutovers.lock_outs():
        if each.desired == "locked" and each.confirmed:
            state = region.company(each.erp, each.legal_entity).state()
            left = None if each.legal_entity in away else rights_to_take(state, each.kinds, ())
            found.append(ReadBack("emea", each, left))
    return hold_what_is_undone(["emea"], found, PostgresOwnership(region.here.connections.of("cutover")))


def held(region: Region) -> list[str]:
    return [row["kind"] for row in region.sql("SELECT kind FROM ownership WHERE held_at IS NOT NULL ORDER BY kind")]


def waiting(region: Region) -> int:
    """Postings that no worker takes, however often it looks."""
    for entity in ("DE01", "UK01"):
        region.here.work.deliver(CLOUD, entity, Role.CONTROL, seconds=30)
    return len(region.sql("SELECT 1 FROM outbox WHERE role = 'control' AND state = 'waiting'"))


def undo(region: Region, legal_entity: str = "UK01") -> None:
    region.company(LEGACY, legal_entity).rights.rights.add(RIGHT)


def mend(region: Region, legal_entity: str = "UK01") -> None:
    region.company(LEGACY, legal_entity).rights.rights.discard(RIGHT)


@pytest.fixture
def moved(region: Region) -> Region:
    """In hypercare."""
    region.here.go(Run())
    return region


def test_while_everybody_is_locked_out_nothing_is_held(moved: Region) -> None:
    assert watch(moved) == ()
    moved.accept("DE01")

    assert (held(moved), waiting(moved)) == ([], 0)


def test_nothing_new_is_claimed_of_a_kind_that_somebody_may_post_in_the_erp_that_was_left(moved: Region) -> None:
    undo(moved)

    assert watch(moved) == ("UK01 at ledgersmb-emea should be locked out, and lets bookkeeper post",)
    moved.accept("DE01")

    assert (held(moved), waiting(moved)) == (["ledger"], 1), "in the whole region, and intake goes on"


def test_it_is_let_go_when_the_erp_tells_that_it_is_locked_out_and_what_was_typed_in_is_brought_over(moved: Region) -> None:
    undo(moved)
    watch(moved)
    assert moved.type_in(LEGACY, "UK01")
    moved.accept("DE01")
    mend(moved)

    assert watch(moved) == ()

    assert (held(moved), waiting(moved)) == ([], 0)
    moved.require_whole()


def test_a_company_that_does_not_answer_lets_nothing_go_and_holds_nothing(moved: Region) -> None:
    assert watch(moved, away=["UK01"]) == ()
    assert held(moved) == []
    undo(moved)
    watch(moved)
    mend(moved)

    watch(moved, away=["UK01"])

    assert held(moved) == ["ledger"]


def test_it_is_written_down_once_each_time_with_the_reason_and_raises_the_epoch(moved: Region) -> None:
    (before,) = moved.sql("SELECT epoch FROM ownership WHERE region = 'emea' AND kind = 'ledger'")
    undo(moved)
    for _ in range(3):
        watch(moved)
    mend(moved)
    for _ in range(2):
        watch(moved)

    noted = moved.sql("SELECT action, details FROM audit WHERE action IN ('held', 'let_go') ORDER BY audit_id")
    (after,) = moved.sql("SELECT epoch FROM ownership WHERE region = 'emea' AND kind = 'ledger'")
    assert [row["action"] for row in noted] == ["held", "let_go"]
    assert "lets bookkeeper post" in noted[0]["details"]["reason"]
    assert after["epoch"] == before["epoch"] + 2


def test_what_was_begun_and_copies_go_on_while_a_kind_is_held(moved: Region) -> None:
    (begun,) = moved.accept("DE01")
    claims = PostgresClaims(moved.here.connections.of("delivery"), "another", Role.CONTROL)
    (queue,) = claims.due(CLOUD)
    assert [each.posting_id for each in claims.claim(CLOUD, queue, limit=1, lease_seconds=60)] == [begun]
    undo(moved)
    watch(moved)
    moved.accept("DE01")
    moved.time_passes()

    assert waiting(moved) == 1
    assert moved.sql("SELECT state FROM outbox WHERE posting_id = %s AND role = 'control'", begun) == [{"state": "posted"}]
    moved.here.work.deliver(LEGACY, "DE01", Role.CANDIDATE, seconds=30)
    assert moved.sql("SELECT state FROM outbox WHERE posting_id = %s AND role = 'candidate'", begun) == [{"state": "posted"}]


def test_a_move_under_way_is_left_to_its_own_steps(region: Region) -> None:
    run = Run()
    region.here.go(run, until=Step.LOCK_OUT)
    undo(region)

    assert watch(region)
    assert held(region) == []


def test_a_region_that_is_held_can_be_rolled_back_and_is_let_go_there(moved: Region) -> None:
    undo(moved)
    watch(moved)

    moved.here.go(Run(Direction.ROLLBACK))
    watch(moved)

    assert held(moved) == []
    moved.require_open(LEGACY, locked=CLOUD)


def test_claims_do_not_open_at_the_new_owner_while_somebody_may_post_in_the_old_one(region: Region) -> None:
    run = Run()
    region.here.go(run, until=Step.SMOKE_TEST)
    undo(region)

    with pytest.raises(LockOutUndoneError, match="UK01 at ledgersmb-emea should be locked out, and lets bookkeeper post"):
        region.here.take(run, Step.RELEASE)
    assert region.phases() == {"switched"}

    mend(region)
    region.here.take(run, Step.RELEASE)
    region.require_open(CLOUD, locked=LEGACY)


def test_a_person_may_open_all_the_same_and_the_next_minute_holds_it(region: Region) -> None:
    run = Run()
    region.here.go(run, until=Step.SMOKE_TEST)
    undo(region)

    assert release(region.here.move(run), reason="looked at it", anyway=True)["outcome"] == "switched"
    watch(region)

    assert held(region) == ["ledger"]
