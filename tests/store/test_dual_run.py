"""Dual run in the store: copies for the candidate, their order and share, and that they never stand in a control's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.dual_run import Boundary, PostgresDualRun
from hybrid_erp.model.claim import Claim, SettledDead, SettledPosted, SettledRetry
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.errors import OwnershipConflictError
from hybrid_erp.operations.dual_run import DualRunRequest, DualRunStep, run_step
from tests.builders import a_customer, a_journal_entry, a_project, an_invoice
from tests.stores import CLOUD, LEGACY, Store

KINDS = ("project", "billing", "ledger")
ENTITIES = ("DE01", "UK01")
WHOLE = 10_000
POSTED = SettledPosted("77", "JE-77", "2026/77", date(2026, 3, 5))


def a_dual_run(store: Store, share: int = WHOLE, contained: Sequence[UUID] = ()) -> PostgresDualRun:
    """The region EMEA, loaded at this moment and in dual run."""
    run = PostgresDualRun(store.connect("cutover"))
    for legal_entity in ENTITIES:
        settled = run.settled_so_far(legal_entity, LEGACY)
        run.draw_boundary(Boundary(legal_entity, LEGACY, CLOUD, settled, "c", "c", datetime.now(UTC)), contained)
    run.start("emea", KINDS, ENTITIES, CLOUD, by="lead", reason="loaded")
    if share:
        run.raise_share("emea", KINDS, share, by="lead", reason="first")
    return run


def copies(store: Store) -> list[Claim]:
    """Every copy that may be sent now."""
    return store.claim(CLOUD, role=Role.CANDIDATE, worker="shadow-1")


def booked(store: Store, *events: dict[str, Any], settlement: SettledPosted = POSTED) -> list[Claim]:
    """The control's claims of these events, settled one by one."""
    claims = []
    for event in events:
        store.accept(event)
        claim = store.claim_one()
        store.settlements().settle(claim, settlement)
        claims.append(claim)
    return claims


def places(store: Store) -> list[tuple[str, str]]:
    """Role and state of every row of the outbox."""
    return [(row["role"], row["state"]) for row in store.sql("SELECT role, state FROM outbox ORDER BY role DESC, seq")]


def test_what_the_control_posted_is_due_at_the_candidate_as_it_was_booked(store: Store) -> None:
    a_dual_run(store)
    (control,) = booked(store, a_journal_entry())

    (copy,) = copies(store)

    assert (copy.posting_id, copy.erp, copy.role) == (control.posting_id, CLOUD, Role.CANDIDATE)
    assert (copy.accounting_on, copy.legal_number, copy.look_up_only) == (date(2026, 3, 5), "2026/77", False)
    assert store.claim() == []


def test_what_the_control_refused_is_never_copied(store: Store) -> None:
    a_dual_run(store)
    store.accept(a_journal_entry())
    store.settlements().settle(store.claim_one(), SettledDead(FailureClass.VALIDATION, "no such account"))

    assert copies(store) == []


def test_a_refused_copy_changes_nothing_of_the_control(store: Store) -> None:
    a_dual_run(store)
    (control,) = booked(store, a_journal_entry())
    (copy,) = copies(store)

    store.settlements("shadow-1").settle(copy, SettledDead(FailureClass.VALIDATION, "no such account"))

    assert places(store) == [("control", "posted"), ("candidate", "dead_lettered")]
    assert store.delivery(control.posting_id)["state"] == "posted"
    letters = PostgresDeadLetters(store.connect("delivery"))
    assert letters.reopen([control.posting_id], by="ops", reason="mapped") == [control.posting_id]
    assert [each.posting_id for each in copies(store)] == [control.posting_id]


def test_a_dead_copy_can_be_given_up_by_a_named_person(store: Store) -> None:
    a_dual_run(store)
    (control,) = booked(store, a_journal_entry())
    (copy,) = copies(store)
    store.settlements("shadow-1").settle(copy, SettledDead(FailureClass.VALIDATION, "no such account"))

    PostgresDeadLetters(store.connect("delivery")).cancel([control.posting_id], by="ops", reason="entered by hand")

    assert places(store) == [("control", "posted"), ("candidate", "cancelled")]
    assert store.delivery(control.posting_id)["state"] == "posted"


def test_copies_follow_the_order_in_which_the_controls_settled(store: Store) -> None:
    a_dual_run(store)
    store.known("customer", "C-100")
    first, second = (a_project("C-100", number="P-1"), a_project("C-100", number="P-2"))
    store.accept(first, second)
    one, two = store.claim()
    store.settlements().settle(two, POSTED)
    store.settlements().settle(one, replace(POSTED, native_id="78"))
    store.known("customer", "C-100", erp=CLOUD)

    assert [copy.document.number for copy in copies(store)] == ["P-2", "P-1"]


def test_the_next_state_of_a_copied_project_waits_for_the_one_before_it(store: Store) -> None:
    a_dual_run(store)
    for erp in (LEGACY, CLOUD):
        store.known("customer", "C-100", erp=erp)
    booked(store, a_project("C-100", number="P-1"), a_project("C-100", number="P-1", version=2, name="Renamed"))

    (copy,) = copies(store)
    assert copy.document.version == 1
    store.settlements("shadow-1").settle(copy, SettledRetry(FailureClass.TRANSIENT, "busy", 0, nothing_sent=False))
    (again,) = copies(store)
    assert again.document.version == 1
    store.settlements("shadow-1").settle(again, POSTED)
    assert [each.document.version for each in copies(store)] == [2]


def test_a_copy_waits_for_what_it_names_at_the_candidate(store: Store) -> None:
    a_dual_run(store)
    store.known("customer", "C-100")
    store.known("project", "P-1001")
    booked(store, an_invoice("C-100", project="P-1001"))

    assert copies(store) == []

    store.known("customer", "C-100", erp=CLOUD)
    store.known("project", "P-1001", erp=CLOUD)
    assert len(copies(store)) == 1


def test_nothing_is_copied_before_the_share_is_raised_and_then_what_came_before_comes_first(store: Store) -> None:
    run = a_dual_run(store, share=0)
    (before,) = booked(store, a_journal_entry())
    assert copies(store) == []

    assert run.raise_share("emea", KINDS, WHOLE, by="lead", reason="all") == 1

    (after,) = booked(store, a_journal_entry())
    assert [copy.posting_id for copy in copies(store)] == [before.posting_id, after.posting_id]


def test_a_share_takes_whole_entities_and_the_same_ones_each_time(store: Store) -> None:
    run = a_dual_run(store, share=3_000)
    for erp in (LEGACY, CLOUD):
        for number in range(40):
            store.known("project", f"P-{number}", erp=erp)
    entries = [a_journal_entry(project=f"P-{number % 40}") for number in range(80)]
    booked(store, *entries)

    chosen = [copy.document.routing_key for copy in copies(store)]

    assert 0 < len(set(chosen)) < 40
    assert all(chosen.count(key) == 2 for key in chosen)
    run.raise_share("emea", KINDS, WHOLE, by="lead", reason="all")
    rest = [copy.document.routing_key for copy in copies(store)]
    assert len(rest) + len(chosen) == 80
    assert not set(rest) & set(chosen)


def test_the_share_only_rises(store: Store) -> None:
    run = a_dual_run(store)
    with pytest.raises(OwnershipConflictError, match="can only rise"):
        run.raise_share("emea", KINDS, 100, by="lead", reason="less")


def test_what_the_load_brought_is_not_copied(store: Store) -> None:
    (settled_before,) = booked(store, a_journal_entry())
    store.accept(a_journal_entry())
    under_way = store.claim_one()
    run = PostgresDualRun(store.connect("cutover"))
    settled = run.settled_so_far("DE01", LEGACY)
    assert run.under_way("DE01", LEGACY, settled) == [under_way.posting_id]

    a_dual_run(store, contained=[under_way.posting_id])
    store.settlements().settle(under_way, replace(POSTED, native_id="78"))
    run.raise_share("emea", KINDS, WHOLE, by="lead", reason="again")

    assert copies(store) == []
    assert settled_before.posting_id != under_way.posting_id


def test_what_was_under_way_and_the_snapshot_did_not_show_is_copied(store: Store) -> None:
    store.accept(a_journal_entry())
    under_way = store.claim_one()
    a_dual_run(store)
    store.settlements().settle(under_way, POSTED)

    assert [copy.posting_id for copy in copies(store)] == [under_way.posting_id]


def test_a_dual_run_needs_a_loaded_candidate(store: Store) -> None:
    with pytest.raises(OwnershipConflictError, match="DE01 is not loaded"):
        PostgresDualRun(store.connect("cutover")).start("emea", KINDS, ENTITIES, CLOUD, by="lead", reason="hasty")


def test_a_dual_run_that_is_given_up_copies_nothing_more(store: Store) -> None:
    run = a_dual_run(store)
    booked(store, a_journal_entry())

    assert run.end("emea", KINDS, ENTITIES, by="lead", reason="wrong chart") == 1

    booked(store, a_journal_entry())
    assert copies(store) == []
    assert store.one("SELECT count(*) FROM dual_run_boundary") == 0


def test_a_dual_run_is_not_given_up_while_a_copy_is_under_way(store: Store) -> None:
    run = a_dual_run(store)
    booked(store, a_journal_entry())
    copies(store)

    with pytest.raises(OwnershipConflictError, match="under way"):
        run.end("emea", KINDS, ENTITIES, by="lead", reason="wrong chart")


def test_reference_documents_go_to_the_candidate_from_the_load_on(store: Store) -> None:
    run = PostgresDualRun(store.connect("cutover"))
    assert run.shadow_reference("emea", CLOUD, by="lead", reason="load")
    assert not run.shadow_reference("emea", CLOUD, by="lead", reason="load")

    store.accept(a_customer("DE01", number="C-77"))

    assert [claim.role for claim in store.claim()] == [Role.CONTROL]
    assert [(copy.role, copy.document.number) for copy in copies(store)] == [(Role.CANDIDATE, "C-77")]


@pytest.mark.parametrize("phase", ["frozen", "drained", "locked"])
def test_copies_go_on_while_a_cutover_holds_the_controls(store: Store, phase: str) -> None:
    a_dual_run(store)
    booked(store, a_journal_entry())
    store.set_phase(phase)

    assert len(copies(store)) == 1


@pytest.mark.parametrize("phase", ["verified", "switched", "releasing"])
def test_no_copy_is_sent_between_verification_and_release(store: Store, phase: str) -> None:
    a_dual_run(store)
    booked(store, a_journal_entry())
    store.set_phase(phase)

    assert copies(store) == []


def a_request(step: DualRunStep, *, percent: str = "100", dry_run: bool = False, reason: str = "tested") -> DualRunRequest:
    return DualRunRequest("emea", KINDS, ENTITIES, CLOUD, step, Decimal(percent), reason, "lead", dry_run)


def test_a_dry_run_says_what_a_step_would_do_and_does_nothing(store: Store) -> None:
    run = a_dual_run(store, share=0)
    booked(store, a_journal_entry())
    before = store.sql("SELECT * FROM ownership ORDER BY ownership_id")

    told = run_step(a_request(DualRunStep.RAISE_SHARE, dry_run=True), run)

    assert told[-1] == "would copy 100 % of the entities, beginning with 1 postings booked before"
    assert store.sql("SELECT * FROM ownership ORDER BY ownership_id") == before
    assert (
        run_step(a_request(DualRunStep.RAISE_SHARE), run)[-1] == "100 % of the entities are copied; 1 postings booked before are due first"
    )


@pytest.mark.parametrize("request_", [a_request(DualRunStep.RAISE_SHARE, reason=""), a_request(DualRunStep.RAISE_SHARE, percent="101")])
def test_a_request_that_does_not_fit_is_refused(store: Store, request_: DualRunRequest) -> None:
    with pytest.raises(OwnershipConflictError, match="Nothing was changed"):
        run_step(request_, a_dual_run(store, share=0))


def test_the_steps_show_where_the_region_stands(store: Store) -> None:
    run = a_dual_run(store)
    booked(store, a_journal_entry())

    told = run_step(a_request(DualRunStep.SHOW), run)

    assert f"ledger: dual_run, owner {LEGACY}, candidate {CLOUD}, 100.00% copied" in told
    assert "DE01 ledger: 1 copies waiting" in told
