"""What the store knows of a region since its switch, and whether its way back may be closed by that."""

from __future__ import annotations

import pytest

from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.hypercare import PostgresHypercare
from hybrid_erp.model.claim import SettledDead, SettledInDoubt
from hybrid_erp.model.cutover import Direction
from hybrid_erp.model.cutover_plan import Hypercare
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.model.hypercare import HypercareFacts
from hybrid_erp.operations.hypercare import Criterion, criteria, require_criteria
from tests.builders import a_journal_entry
from tests.store.cutovers import Move, dual_run
from tests.stores import CLOUD, Store

PLAN = Hypercare(days_min=0, reconciliations_passed_min=1, error_share_max=0.25)
REFUSED = SettledDead(FailureClass.VALIDATION, "no such account")


@pytest.fixture
def region(store: Store) -> Store:
    dual_run(store)
    return store


def facts(store: Store) -> HypercareFacts:
    return PostgresHypercare(store.connect("reader")).facts("emea", {})


def posted(store: Store, count: int) -> None:
    for _ in range(count):
        store.accept(a_journal_entry())
        store.settle_posted(store.claim_one(CLOUD))


def errors_in(found: tuple[Criterion, ...]) -> Criterion:
    (one,) = (each for each in found if "refused for good or in doubt" in each.wanted)
    return one


def test_a_region_that_is_not_in_hypercare_has_one_open_criterion(region: Store) -> None:
    (only,) = criteria(PLAN, facts(region))

    assert not only.holds


def test_what_the_new_owner_refused_or_left_in_doubt_is_a_share_of_what_it_was_sent(region: Store) -> None:
    Move(region).opened()
    posted(region, 2)
    for settlement in (REFUSED, SettledInDoubt("a time-out", 60)):
        region.accept(a_journal_entry())
        region.settlements().settle(region.claim_one(CLOUD), settlement)

    assert (facts(region).failed, facts(region).answered) == (2, 4)
    assert str(errors_in(criteria(PLAN, facts(region)))) == (
        "OPEN   at most 25.00% of what the new owner was sent since the switch refused for good or in doubt: 2 of 4, 50.00%"
    )
    with pytest.raises(OwnershipConflictError, match=r"2 of 4, 50\.00%"):
        require_criteria("emea", criteria(PLAN, facts(region)))


def test_a_failure_that_was_repaired_has_been_one(region: Store) -> None:
    Move(region).opened()
    posted(region, 3)
    (posting,) = region.accept(a_journal_entry())
    region.settlements().settle(region.claim_one(CLOUD), REFUSED)
    PostgresDeadLetters(region.connect("delivery")).reopen([posting], by="desk", reason="the account is there now")
    region.settle_posted(region.claim_one(CLOUD))

    assert region.actions(posting)[-1] == "posted"
    assert (facts(region).failed, facts(region).answered) == (1, 4)
    assert errors_in(criteria(PLAN, facts(region))).holds, "a quarter of four, and a quarter is allowed"


def test_what_a_worker_gave_back_in_doubt_counts_although_nobody_has_settled_it(region: Store) -> None:
    Move(region).opened()
    region.accept(a_journal_entry())
    region.expire(region.claim_one(CLOUD))
    region.settlements("worker-2").give_back(region.claim_one(CLOUD, worker="worker-2"))

    assert (facts(region).failed, facts(region).answered) == (1, 1)


def test_neither_copies_nor_what_the_old_owner_was_sent_count(region: Store) -> None:
    Move(region, from_period="2026-04").opened()
    (early,) = region.accept(a_journal_entry())
    region.settle_posted(region.claim_one())
    (copy,) = region.claim(CLOUD, role=Role.CANDIDATE, worker="shadow")
    region.settlements("shadow").settle(copy, REFUSED)
    region.accept(a_journal_entry())
    region.settlements().settle(region.claim_one(), REFUSED)

    assert copy.posting_id == early
    assert (facts(region).failed, facts(region).answered) == (0, 0)


def test_an_earlier_cutover_has_its_own_errors(region: Store) -> None:
    Move(region).opened()
    (posting,) = region.accept(a_journal_entry())
    region.settlements().settle(region.claim_one(CLOUD), REFUSED)
    region.sql("UPDATE outbox SET state = 'cancelled' WHERE posting_id = %s", posting)
    Move(region, Direction.ROLLBACK).opened()
    Move(region).opened()

    assert (facts(region).failed, facts(region).answered) == (0, 0)


def test_where_nothing_was_sent_yet_nothing_is_proven(region: Store) -> None:
    Move(region).opened()

    found = errors_in(criteria(Hypercare(error_share_max=0.99), facts(region)))

    assert (found.found, found.holds) == ("0 of 0", False)
