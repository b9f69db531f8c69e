"""A load in the store: kept once, sent once, resumed wherever it was, and never beside a dual run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from psycopg import errors

from hybrid_erp.adapters.store.claims import PostgresClaims
from hybrid_erp.adapters.store.dual_run import PostgresDualRun
from hybrid_erp.adapters.store.loads import PostgresLoads
from hybrid_erp.adapters.store.loads_reading import PostgresLoadReading
from hybrid_erp.model.claim import Claim, SettledDead, SettledPosted
from hybrid_erp.model.delivery import FailureClass, Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import LoadRefusedError
from hybrid_erp.model.load import Check, LoadPlan, LoadState, LoadVerdict, NativeDocumentSeen, StoredLoad
from tests.builders import a_customer, a_journal_entry, a_project
from tests.operations.books import FakeBooks, a_movement, a_party, a_receivable
from tests.operations.loads import a_plan
from tests.stores import CLOUD, LEGACY, Store

POSTED = SettledPosted("77", "77", None, None)


def loads(store: Store) -> PostgresLoads:
    return PostgresLoads(store.connect("cutover"))


def reading(store: Store) -> PostgresLoadReading:
    return PostgresLoadReading(store.connect("reader"))


def plan(store: Store | None = None, **changes: Any) -> LoadPlan:
    """One open item of one customer."""
    legacy = FakeBooks([a_movement("1100", "119.00"), a_movement("4000", "-119.00")], [a_receivable()], [a_party()])
    known = reading(store).known("DE01", LEGACY, CLOUD) if store else None
    return a_plan(legacy, known=known, **changes)


def kept(store: Store, made: LoadPlan | None = None) -> StoredLoad:
    return loads(store).keep(made or plan(store), by="lead", configuration="c" * 64)


def copies(store: Store, limit: int = 100) -> list[Claim]:
    """What a worker of the candidate may send now."""
    claims = PostgresClaims(store.connect("delivery"), "shadow-1", Role.CANDIDATE)
    return [claim for queue in claims.due(CLOUD) for claim in claims.claim(CLOUD, queue, limit=limit, lease_seconds=60)]


def deliver_all(store: Store) -> list[Claim]:
    """Let the candidate take everything, until nothing is due."""
    delivered: list[Claim] = []
    while due := copies(store):
        for claim in due:
            store.settlements("shadow-1").settle(claim, replace(POSTED, native_id=str(len(delivered))))
            delivered.append(claim)
    return delivered


def numbers(claims: Sequence[Claim]) -> list[str]:
    return [claim.document.number for claim in claims]


def test_what_is_sent_waits_for_the_candidate_behind_live_traffic_and_in_order(store: Store) -> None:
    load = kept(store)

    assert loads(store).send(load.load_id, limit=100, by="lead") == 3

    assert store.claim() == []
    assert store.claim(CLOUD) == []
    rows = store.sql("SELECT role, priority, destination, lane, kind FROM outbox ORDER BY kind")
    assert {(row["role"], row["priority"], row["destination"]) for row in rows} == {("candidate", 1, CLOUD)}
    assert [row["lane"] for row in rows] == [None, None, f"{CLOUD}/DE01/customer:C-100"]
    delivered = deliver_all(store)
    assert numbers(delivered[:1]) == ["C-100"] or "LOAD/EUR" in numbers(delivered[:1])
    assert set(numbers(delivered)) == {"C-100", "LOAD/INV-17", "LOAD/EUR"}
    assert numbers(delivered).index("C-100") < numbers(delivered).index("LOAD/INV-17")
    assert {claim.role for claim in delivered} == {Role.CANDIDATE}


def test_sending_again_sends_nothing_and_a_killed_run_goes_on_where_it_was(store: Store) -> None:
    load = kept(store)

    assert loads(store).send(load.load_id, limit=1, by="lead") == 1  # and then it was killed
    state = loads(store).current("DE01", CLOUD)
    assert state is not None
    assert state.state is LoadState.READ
    assert [loads(store).send(load.load_id, limit=1, by="lead") for _ in range(4)] == [1, 1, 0, 0]

    assert store.counts()["outbox"] == 3
    again = loads(store).current("DE01", CLOUD)
    assert again is not None
    assert again.state is LoadState.SENT
    assert store.one("SELECT count(*) FROM load_item WHERE data IS NOT NULL") == 0


def test_two_runs_at_once_send_each_document_once(store: Store) -> None:
    load = kept(store)
    ends = [loads(store) for _ in range(3)]

    def send(end: PostgresLoads) -> None:
        while end.send(load.load_id, limit=1, by="lead"):
            pass

    threads = [threading.Thread(target=send, args=(end,)) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert store.counts()["outbox"] == store.counts()["posting_key"] == 3


def test_a_second_snapshot_is_not_taken_beside_the_first(store: Store) -> None:
    first = kept(store)

    assert kept(store, plan(ordinal=2)) == first
    assert loads(store).next_ordinal("DE01", CLOUD) == 2


def test_a_plan_with_something_to_mend_is_not_kept(store: Store) -> None:
    wrong = a_plan(FakeBooks([a_movement("1000", "5.00")]))

    with pytest.raises(LoadRefusedError, match=r"out_of_balance.*legacy ERP"):
        kept(store, wrong)

    assert store.one("SELECT count(*) FROM load") == 0


def test_the_trial_balances_and_the_documents_of_the_snapshot_stay_with_the_load(store: Store) -> None:
    load = kept(store)

    assert reading(store).balances(load.load_id, "legacy") == {("2026-03", "1100"): 119, ("2026-03", "4000"): -119}
    assert reading(store).balances(load.load_id, "cloud") == {}
    loaded = reading(store).balances(load.load_id, "loaded")
    assert loaded == {("2026-11", "1100"): 119, ("2026-11", "2950"): 0, ("2026-11", "4000"): -119}


def test_progress_is_told_by_type_and_what_is_refused_by_name(store: Store) -> None:
    load = kept(store)
    loads(store).send(load.load_id, limit=100, by="lead")
    told = [each.told(CLOUD) for each in reading(store).progress(load.load_id)]
    assert told[1] == "0 of 1 open items at tryton-emea"
    (customer,) = [claim for claim in copies(store) if claim.document.document_type is DocumentType.CUSTOMER]
    store.settlements("shadow-1").settle(customer, SettledDead(FailureClass.VALIDATION, "no such term"))

    assert reading(store).refused(load.load_id) == ["customer C-100: validation: no such term"]
    assert reading(store).progress(load.load_id)[0].dead == 1


def test_what_the_store_knows_goes_as_its_own_posting_after_its_earlier_states(store: Store) -> None:
    (customer,) = store.accept(a_customer(number="C-100"))
    store.settle_posted(store.claim_one())
    (project,) = store.accept(a_project("C-100", number="P-1"))
    store.settle_posted(store.claim_one(), "N-2")
    known = reading(store).known("DE01", LEGACY, CLOUD)
    assert known.postings == {(DocumentType.CUSTOMER, "C-100"): customer, (DocumentType.PROJECT, "P-1"): project}

    load = kept(store)
    loads(store).send(load.load_id, limit=100, by="lead")

    delivered = {claim.document.number: claim for claim in deliver_all(store)}
    assert delivered["C-100"].posting_id == customer
    assert delivered["P-1"].posting_id == project
    assert delivered["P-1"].document.customer == "C-100"  # type: ignore[attr-defined]  # a project has a customer
    assert {"C-100", "P-1", "LOAD/INV-17", "LOAD/EUR"} == set(delivered)


def test_the_owner_of_a_loaded_customer_may_still_send_it(store: Store) -> None:
    load = kept(store)
    loads(store).send(load.load_id, limit=100, by="lead")
    deliver_all(store)

    assert len(store.accept(a_customer(number="C-100", name="Acme, renamed"))) == 1


def verify(store: Store, load: StoredLoad) -> None:
    loads(store).verified(load, LoadVerdict("DE01", [Check("clearing", "0.00", "0.00")]), by="lead")


def test_a_verified_load_draws_the_boundary_once_with_what_the_snapshot_showed(store: Store) -> None:
    made = plan(store)
    seen = (NativeDocumentSeen("gl,1", UUID(int=1), True), NativeDocumentSeen("gl,2", UUID(int=2), False))
    load = kept(store, replace(made, seen=seen))
    loads(store).send(load.load_id, limit=100, by="lead")

    verify(store, load)
    verify(store, load)

    boundary = PostgresDualRun(store.connect("cutover")).boundary("DE01", CLOUD)
    assert boundary is not None
    assert (boundary.control, boundary.settle_position, boundary.control_cursor) == (LEGACY, 7, made.reading.cursor)
    assert store.sql("SELECT posting_id FROM dual_run_contained") == [{"posting_id": UUID(int=1)}]


def test_what_names_a_loaded_document_later_finds_it_at_the_cloud(store: Store) -> None:
    (invoice,) = store.accept(a_journal_entry(number="J-1"))
    store.settle_posted(store.claim_one())
    seen = (NativeDocumentSeen("gl,1", invoice, True), NativeDocumentSeen("ar,17", None, True))
    load = kept(store, replace(plan(store, settle_position=1), seen=seen))
    loads(store).send(load.load_id, limit=100, by="lead")
    deliver_all(store)

    verify(store, load)

    named = store.sql("SELECT erp, document_type, number, native_id FROM crosswalk WHERE document_type IN ('journal_entry', 'invoice')")
    found = {(row["erp"], row["document_type"], row["number"]): row["native_id"] for row in named}
    assert found[CLOUD, "journal_entry", "J-1"] == "opening figures"
    assert found[LEGACY, "invoice", "LOAD/INV-17"] == "ar,17"
    item = store.one("SELECT native_id FROM crosswalk WHERE document_type = 'open_item'")
    assert found[CLOUD, "invoice", "LOAD/INV-17"] == item


def test_a_load_that_was_not_sent_is_not_verified(store: Store) -> None:
    verify(store, kept(store))

    assert PostgresDualRun(store.connect("cutover")).boundary("DE01", CLOUD) is None


def test_an_abandoned_load_leaves_nothing_waiting_and_makes_room_for_another(store: Store) -> None:
    load = kept(store)
    loads(store).send(load.load_id, limit=100, by="lead")

    assert loads(store).abandon(load.load_id, by="lead", reason="wrong day") == 3

    assert copies(store) == []
    with pytest.raises(LoadRefusedError, match="abandoned"):
        loads(store).send(load.load_id, limit=100, by="lead")
    second = kept(store, plan(store, ordinal=loads(store).next_ordinal("DE01", CLOUD)))
    assert second.ordinal == 2
    loads(store).send(second.load_id, limit=100, by="lead")
    assert len(deliver_all(store)) == 3


def test_a_load_under_way_is_not_abandoned(store: Store) -> None:
    load = kept(store)
    loads(store).send(load.load_id, limit=100, by="lead")
    assert copies(store)

    with pytest.raises(LoadRefusedError, match="under way"):
        loads(store).abandon(load.load_id, by="lead", reason="wrong day")


def test_a_load_is_not_abandoned_once_the_dual_run_has_begun(store: Store) -> None:
    load = kept(store)
    loads(store).send(load.load_id, limit=100, by="lead")
    deliver_all(store)
    verify(store, load)
    run = PostgresDualRun(store.connect("cutover"))
    uk = kept(store, replace(plan(), legal_entity="UK01"))
    loads(store).send(uk.load_id, limit=0, by="lead")
    store.sql("UPDATE load SET state = 'sent' WHERE legal_entity = 'UK01'")
    verify(store, uk)
    run.start("emea", ["project", "billing", "ledger"], ["DE01", "UK01"], CLOUD, by="lead", reason="loaded")

    with pytest.raises(LoadRefusedError, match="beside"):
        loads(store).abandon(load.load_id, by="lead", reason="wrong day")


def test_what_the_load_brought_is_not_copied_and_what_comes_after_it_is(store: Store) -> None:
    (before,) = store.accept(a_journal_entry())
    store.settle_posted(store.claim_one())
    settled = PostgresDualRun(store.connect("cutover")).settled_so_far("DE01", LEGACY)
    load = kept(store, plan(store, settle_position=settled))
    loads(store).send(load.load_id, limit=100, by="lead")
    deliver_all(store)
    verify(store, load)
    run = PostgresDualRun(store.connect("cutover"))
    run.start("emea", ["project", "billing", "ledger"], ["DE01"], CLOUD, by="lead", reason="loaded")
    run.raise_share("emea", ["project", "billing", "ledger"], 10_000, by="lead", reason="all")
    (after,) = store.accept(a_journal_entry())
    store.settle_posted(store.claim_one(), "N-3")

    assert [claim.posting_id for claim in copies(store)] == [after]
    assert before != after


@pytest.mark.parametrize("duty", ["intake", "delivery", "reader", "capture"])
def test_only_the_cutover_duty_may_load(store: Store, duty: str) -> None:
    load = kept(store)

    with pytest.raises(errors.InsufficientPrivilege):
        PostgresLoads(store.connect(duty)).send(load.load_id, limit=1, by="somebody")
