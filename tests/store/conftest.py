"""The essential suites of the store run twice: on PostgreSQL itself, and through a real PgBouncer in transaction mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.postgres import Cluster
from tests.poolers import ManySessions
from tests.stores import Store, fresh_store

DIRECT, POOLED = "direct", "pooled"

#: Accept, claim, settle, flip, lease; and what writes temporary tables. The whole suite, or some of its tests.
BEHIND_A_POOLER: dict[str, set[str] | None] = {
    "test_claims": {
        "test_a_pin_redirects_what_follows_its_entity_with_the_run_off_credential",
        "test_a_lane_is_claimed_by_its_head_alone",
        "test_a_customer_its_project_and_the_invoice_follow_one_another",
        "test_what_was_begun_is_finished_in_a_freeze_too",
        "test_a_mark_at_another_erp_is_looked_up_there_and_goes_nowhere_else",
        "test_a_claim_is_durable_and_written_down_before_anything_is_sent",
        "test_a_live_claim_is_nobody_elses",
        "test_an_expired_lease_lets_another_worker_look_with_a_new_token",
        "test_concurrent_workers_claim_each_posting_once",
        "test_a_claim_waits_for_a_change_of_ownership_and_sees_the_new_owner",
    },
    "test_settlements": None,
    "test_turns": None,
    "test_intake": {
        "test_an_accepted_event_is_answered_when_it_is_durable",
        "test_a_mixed_batch_stores_the_good_events_whole_and_nothing_of_the_bad_ones",
        "test_what_fails_in_the_middle_leaves_nothing_behind",
        "test_concurrent_batches_with_the_same_keys_yield_one_posting_each",
        "test_batches_that_wait_for_each_other_in_a_circle_are_both_answered",
    },
    "test_cutovers": {
        "test_a_freeze_stops_new_claims_and_neither_intake_nor_what_was_begun",
        "test_a_freeze_ends_by_itself_and_is_never_revived",
        "test_there_and_back_and_there_again",
    },
    "test_ownership": {"test_a_pin_is_an_ownership_move_with_epoch_version_history_and_audit"},
    "test_observations": {
        "test_what_becomes_another_is_kept_as_a_change_with_the_hash_before",
        "test_a_killed_reading_goes_on_from_the_cursor_of_the_last_batch",
        "test_sums_that_are_kept_are_those_of_the_lines",
    },
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for both doors where the pooler is one of them."""
    suite = metafunc.module.__name__.rpartition(".")[2]
    if "store" in metafunc.fixturenames and suite in BEHIND_A_POOLER:
        chosen = BEHIND_A_POOLER[suite]
        if chosen is None or metafunc.function.__name__ in chosen:
            metafunc.parametrize("store", [DIRECT, POOLED], indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, store_cluster: Cluster) -> Iterator[Store]:
    """A store of its own for each test."""
    door = ManySessions(request.getfixturevalue("pooler")) if getattr(request, "param", DIRECT) == POOLED else None
    with fresh_store(store_cluster, door) as fresh:
        yield fresh
