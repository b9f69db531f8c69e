"""Read through on the real LedgerSMB and the real Tryton: what was delivered is read back, as it is there now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.documents import PostgresDocuments
from hybrid_erp.adapters.store.intake import PostgresIntake
from hybrid_erp.flow.intake import Intake, Verdict
from hybrid_erp.model.delivery import Posted, PostingState
from hybrid_erp.model.documents import DocumentType, JournalEntry
from hybrid_erp.model.errors import DocumentWaitingError
from hybrid_erp.model.read_through import DocumentPlace, ReadDocument
from hybrid_erp.operations.read_through import ReadThrough
from hybrid_erp.wiring import configuration
from hybrid_erp.wiring.connectors import connector, reading_connector
from hybrid_erp.wiring.tasks import deliver_company
from sandbox.site import Site
from sandbox.store_setup import DATABASE, login_of
from tests.builders import a_customer, a_journal_entry, a_project, an_invoice, the_settings
from tests.contracts.erp_under_test import a_submission

#: A legal entity that each ERP owns, in a region that moves and in one that has moved.
OWNED = {"ledgersmb-emea": "DE01", "tryton-apac": "AU01"}


@pytest.fixture
def through(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadThrough]:
    """As the API has it; this process speaks to the site as a task would."""
    for name, value in site.environment().items():
        if name.startswith(("AIRFLOW_CONN_", "HYBRID_ERP_")):
            monkeypatch.setenv(name, value)
    configuration.settings.cache_clear()
    settings = configuration.settings()
    with ConnectionPool(site.cluster.dsn(DATABASE, login_of("reader")), min_size=1, max_size=2, open=True) as pool:
        yield ReadThrough(
            PostgresDocuments(pool), lambda erp, company: reading_connector(settings, erp, company), tuple(settings.region_of), 30
        )
    configuration.settings.cache_clear()


def accept(site: Site, *events: dict[str, Any]) -> None:
    with ConnectionPool(site.cluster.dsn(DATABASE, login_of("intake")), min_size=1, max_size=1, open=True) as pool:
        answers = Intake(the_settings().firm, PostgresIntake(pool)).accept(events, accepted_by="tests")
    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}, [answer.refusal for answer in answers if answer.refusal]


def read(through: ReadThrough, event: dict[str, Any], document_type: DocumentType) -> ReadDocument:
    found = through.document(document_type, event["data"]["number"])
    assert found is not None
    return found


@pytest.mark.parametrize(("erp", "legal_entity"), OWNED.items())
def test_what_was_delivered_is_read_back_from_the_erp_that_owns_it(site: Site, through: ReadThrough, erp: str, legal_entity: str) -> None:
    currency = the_settings().legal_entity(legal_entity).functional_currency
    customer = a_customer(legal_entity, currency=currency)
    number = customer["data"]["number"]
    project = a_project(number, legal_entity, currency=currency)
    invoice = an_invoice(number, legal_entity, "250.00", currency=currency)
    entry = a_journal_entry(legal_entity, "77.70")
    accept(site, customer, project, invoice, entry)
    with pytest.raises(DocumentWaitingError):
        through.document(DocumentType.INVOICE, invoice["data"]["number"])
    deliver_company(erp, legal_entity, seconds=60)

    for event, document_type in ((customer, DocumentType.CUSTOMER), (project, DocumentType.PROJECT)):
        found = read(through, event, document_type)
        assert found.place.erp == erp
        assert found.native is not None
        assert found.native.native_id == found.place.native_id
    for event, document_type, amount in ((invoice, DocumentType.INVOICE, "250.00"), (entry, DocumentType.JOURNAL_ENTRY, "77.70")):
        found = read(through, event, document_type)
        assert found.place.erp == erp
        assert found.native is not None
        assert found.native.posted
        assert found.native.booking is not None
        assert found.native.booking.accounting_on == date(2026, 3, 5)
        assert sum(line.amount for line in found.native.booking.lines if line.amount > 0) == Decimal(amount)
    billed = read(through, invoice, DocumentType.INVOICE).native
    assert billed is not None
    assert billed.legal_number


def test_the_new_owner_is_read_with_the_credential_that_a_lock_out_leaves_alone(through: ReadThrough) -> None:
    """In a region that moves: Tryton holds what control has posted there, and the credential for copies sees it."""
    settings = the_settings()
    entry = JournalEntry.model_validate(a_journal_entry("DE01", "12.30")["data"])
    submission = a_submission(settings, entry)
    with closing(connector(settings, "tryton-emea", "DE01")) as control:
        posted = control.submit(submission, lambda draft: None)
    assert isinstance(posted, Posted)
    place = DocumentPlace(
        entry.document_type,
        entry.number,
        1,
        "tests",
        submission.posting_id,
        "DE01",
        "emea",
        PostingState.POSTED,
        None,
        "tryton-emea",
        posted.native_id,
        None,
        None,
        submission.posting_id,
    )

    found = replace(through, store=OnePlace(place)).document(entry.document_type, entry.number)

    assert found is not None
    assert found.native is not None
    assert (found.native.posting_id, found.native.posted) == (submission.posting_id, True)


@dataclass(frozen=True)
class OnePlace:
    place: DocumentPlace

    def places(self, document_type: DocumentType, number: str, *, legal_entities: Collection[str]) -> Sequence[DocumentPlace]:
        return [self.place]
