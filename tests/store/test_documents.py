"""Where a document lives: with the ERP that owns it now if that holds it, else with the one that took it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hybrid_erp.adapters.store.documents import PostgresDocuments
from hybrid_erp.model.claim import SettledPosted
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.read_through import DocumentPlace
from tests.builders import a_customer, a_journal_entry, a_project
from tests.store.cutovers import dual_run
from tests.stores import CLOUD, LEGACY, Store

ENTRY, CUSTOMER, PROJECT = DocumentType.JOURNAL_ENTRY, DocumentType.CUSTOMER, DocumentType.PROJECT


@pytest.fixture
def documents(store: Store) -> PostgresDocuments:
    return PostgresDocuments(store.pool("reader"))


def places(documents: PostgresDocuments, document_type: DocumentType, event: dict[str, Any], *entities: str) -> list[DocumentPlace]:
    return list(documents.places(document_type, event["data"]["number"], legal_entities=entities or ("DE01", "UK01")))


def posted(store: Store, event: dict[str, Any], native_id: str = "77", *, on: date = date(2026, 3, 5)) -> dict[str, Any]:
    store.accept(event)
    for claim in store.claim():
        store.settlements().settle(claim, SettledPosted(native_id, f"JE-{native_id}", "2026/77", on))
    return event


def test_a_document_lives_where_it_was_posted(store: Store, documents: PostgresDocuments) -> None:
    entry = posted(store, a_journal_entry())

    (place,) = places(documents, ENTRY, entry)

    assert (place.erp, place.native_id, place.native_number, place.legal_number) == (LEGACY, "77", "JE-77", "2026/77")
    assert (place.source, place.legal_entity, place.region, place.state, place.version) == ("tests", "DE01", "emea", "posted", 1)
    assert place.posted_as == place.posting_id


def test_a_document_that_waits_lives_nowhere(store: Store, documents: PostgresDocuments) -> None:
    entry = a_journal_entry()
    store.accept(entry)

    (place,) = places(documents, ENTRY, entry)

    assert (place.state, place.erp, place.native_id) == ("waiting", None, None)


def test_what_was_never_accepted_or_is_another_type_or_elsewhere_is_not_found(store: Store, documents: PostgresDocuments) -> None:
    entry = posted(store, a_journal_entry())

    assert places(documents, ENTRY, a_journal_entry()) == []
    assert places(documents, CUSTOMER, entry) == []
    assert places(documents, ENTRY, entry, "UK01") == []


def test_one_number_in_two_legal_entities_is_two_documents(store: Store, documents: PostgresDocuments) -> None:
    store.accept(a_journal_entry("DE01", number="JE-1"), a_journal_entry("UK01", number="JE-1"))

    assert [place.legal_entity for place in documents.places(ENTRY, "JE-1", legal_entities=("DE01", "UK01"))] == ["DE01", "UK01"]


def test_a_later_version_that_waits_shows_beside_the_one_that_is_there(store: Store, documents: PostgresDocuments) -> None:
    customer = posted(store, a_customer())
    (latest,) = store.accept(a_customer(number=customer["data"]["number"], version=2, name="Acme plc"))

    (place,) = places(documents, CUSTOMER, customer)

    assert (place.version, place.state, place.posting_id) == (2, "waiting", latest)
    assert (place.erp, place.native_id) == (LEGACY, "77")
    assert place.posted_as != latest


def test_after_a_switch_a_document_lives_with_its_new_owner_which_has_its_copy(store: Store, documents: PostgresDocuments) -> None:
    dual_run(store)
    entry = posted(store, a_journal_entry(accounting_date="2026-09-05"), on=date(2026, 9, 5))
    (copy,) = store.claim(CLOUD, role=Role.CANDIDATE)
    store.settlements().settle(copy, SettledPosted("c-1", None, None, date(2026, 9, 5)))
    assert places(documents, ENTRY, entry)[0].erp == LEGACY, "a copy is nobody's document"

    store.move(CLOUD, from_period="2026-09")

    (place,) = places(documents, ENTRY, entry)
    assert (place.erp, place.native_id) == (CLOUD, "c-1")


def test_what_the_new_owner_has_no_copy_of_lives_where_it_was(store: Store, documents: PostgresDocuments) -> None:
    entry = posted(store, a_journal_entry(accounting_date="2026-09-05"), on=date(2026, 9, 5))
    store.move(CLOUD, from_period="2026-09")

    assert places(documents, ENTRY, entry)[0].erp == LEGACY


def test_a_period_that_stays_keeps_its_documents(store: Store, documents: PostgresDocuments) -> None:
    dual_run(store)
    entry = posted(store, a_journal_entry(accounting_date="2026-08-05"), on=date(2026, 8, 5))
    (copy,) = store.claim(CLOUD, role=Role.CANDIDATE)
    store.settlements().settle(copy, SettledPosted("c-1", None, None, date(2026, 8, 5)))
    store.move(CLOUD, from_period="2026-09")

    assert places(documents, ENTRY, entry)[0].erp == LEGACY


def test_a_pinned_entity_stays_where_it_is_pinned(store: Store, documents: PostgresDocuments) -> None:
    customer = posted(store, a_customer())
    project = posted(store, a_project(customer["data"]["number"]), "P-1")
    key = f"project:{project['data']['number']}"
    store.ownership().move_pin(region="emea", routing_key=key, erp=LEGACY, bridge_account="2900", by="lead", reason="a test")
    store.sql(
        "INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id) VALUES (%s, 'DE01', 'project', %s, 'c-1')",
        CLOUD,
        project["data"]["number"],
    )
    store.move(CLOUD)

    assert places(documents, PROJECT, project)[0].erp == LEGACY

    store.sql("DELETE FROM pin")
    assert places(documents, PROJECT, project)[0].erp == CLOUD
