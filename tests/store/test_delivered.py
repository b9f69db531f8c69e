"""What became of a posting at one company of one ERP, for the sweeper of late drafts."""

from __future__ import annotations

from uuid import uuid4

from hybrid_erp.adapters.store.dead_letters import PostgresDeadLetters
from hybrid_erp.adapters.store.delivered import PostgresDeliveries
from hybrid_erp.model.claim import SettledDead
from hybrid_erp.model.delivery import DeliveredAs, FailureClass, PostingState
from hybrid_erp.model.documents import DocumentType
from tests.builders import a_journal_entry
from tests.stores import CLOUD, LEGACY, Store

ENTRY = DocumentType.JOURNAL_ENTRY


def test_a_posting_is_told_as_it_was_delivered_at_that_company_and_nowhere_else(store: Store) -> None:
    (posted,) = store.accept(a_journal_entry("DE01"))
    store.settle_posted(store.claim_one(), "move,7")
    (waiting,) = store.accept(a_journal_entry("DE01"))
    deliveries = PostgresDeliveries(store.connect("reader"))

    assert deliveries.delivered_as(LEGACY, "DE01", [posted, waiting]) == {
        posted: DeliveredAs(ENTRY, PostingState.POSTED, "move,7"),
        waiting: DeliveredAs(ENTRY, PostingState.WAITING, None),
    }
    for erp, company in ((CLOUD, "DE01"), (LEGACY, "UK01")):
        assert deliveries.delivered_as(erp, company, [posted])[posted].state is PostingState.WAITING


def test_a_posting_that_a_person_gave_up_is_told_as_cancelled(store: Store) -> None:
    (posting_id,) = store.accept(a_journal_entry("DE01"))
    store.settlements().settle(store.claim_one(), SettledDead(FailureClass.VALIDATION, "no such account"))
    PostgresDeadLetters(store.connect("delivery")).cancel([posting_id], by="a person", reason="wrong")

    found = PostgresDeliveries(store.connect("reader")).delivered_as(LEGACY, "DE01", [posting_id])

    assert found[posting_id].state is PostingState.CANCELLED


def test_a_posting_that_the_store_does_not_know_is_left_out(store: Store) -> None:
    assert PostgresDeliveries(store.connect("reader")).delivered_as(LEGACY, "DE01", [uuid4()]) == {}
