"""What our credentials submit while a company is locked out, and after: a new document of each type that posts something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, TypeVar

from hybrid_erp.model.delivery import Outcome, Posted, Role
from hybrid_erp.model.documents import CanonicalDocument, Customer, Invoice, JournalEntry, Payment, Project, TimeEntry
from hybrid_erp.model.ownership import PostingKind
from hybrid_erp.ports import BooksReader
from hybrid_erp.settings import Settings
from tests.contracts.erp_under_test import ErpUnderTest, a_submission
from tests.contracts.kept_drafts import submit

_numbers = count(1)
D = TypeVar("D", bound=CanonicalDocument)
ENTRY = {"lines": [{"account": "5200", "debit": "100.10"}, {"account": "1000", "credit": "100.10"}]}
INVOICE = {
    "issued_on": "2026-03-05",
    "due_on": "2028-04-04",
    "payment_term": "NET30",
    "total": "119.00",
    "lines": [{"item": "time", "unit_price": "100.00", "amount": "100.00", "tax_code": "DE-STD"}],
    "tax_lines": [{"tax_code": "DE-STD", "base": "100.00", "amount": "19.00"}],
}


def all_is_read(reader: BooksReader) -> bool:
    """What verifies a region while it is locked out: every figure of the books, and what was changed. Raises where one is refused."""
    reader.unbilled_time()  # of which there may be none
    figures = (reader.chart(), reader.movements(), reader.open_receivables(), reader.customers(), reader.projects(), reader.series())
    return all(figures) and bool(reader.document_totals() and reader.changes(None, limit=1).entries)


@dataclass
class Documents:
    """Of the German company."""

    erp: ErpUnderTest
    settings: Settings

    def submits(self, role: Role, kind: PostingKind) -> list[Outcome]:
        number = f"LOCK-{next(_numbers)}"
        with closing(self.erp.connector()) as connector:
            return [
                submit(connector, a_submission(self.settings, document, role=role, legal_number=self._legal_number(document, role)))
                for document in self._documents(role, kind, number)
            ]

    @cached_property
    def customer(self) -> str:
        """A customer, whom no lock-out keeps from being there."""
        return self._given(
            Customer(number="C-LOCK", concerns=("DE01",), name="Acme", currency="EUR", payment_term="NET30", country="DE")
        ).number

    @cached_property
    def project(self) -> str:
        """A project that was there before."""
        terms: Any = {"currency": "EUR", "billing_method": "time_and_materials", "starts_on": "2026-01-01"}
        return self._given(Project(number="P-LOCK", legal_entity="DE01", name="Bridge", customer=self.customer, **terms)).number

    def an_invoice(self) -> Invoice:
        """A posted invoice, by the credential that no lock-out stops."""
        return self._given(self._invoice(f"PAID-{next(_numbers)}"))

    def _documents(self, role: Role, kind: PostingKind, number: str) -> Iterator[CanonicalDocument]:
        terms: dict[str, Any] = {"legal_entity": "DE01", "accounting_date": "2026-03-05", "currency": "EUR"}
        if kind is PostingKind.REFERENCE:
            facts: Any = {"name": "Acme", "currency": "EUR", "payment_term": "NET30", "country": "DE"}
            yield Customer(number=f"C-{number}", concerns=("DE01",), **facts)
        if kind is PostingKind.LEDGER:
            yield JournalEntry.model_validate(ENTRY | terms | {"number": number})
        if kind is PostingKind.BILLING:
            yield self._invoice(number)
            if role is not Role.CANDIDATE:  # its copies of payments settle its own copies of invoices
                paid = {"customer": self.customer, "bank_account": "MAIN", "amount": "19.00"}
                applied = {"applications": [{"invoice": self.an_invoice().number, "amount": "19.00"}]}
                yield Payment.model_validate(terms | paid | applied | {"number": f"{number}-P"})
        if kind is PostingKind.PROJECT:
            project: Any = {"currency": "EUR", "billing_method": "time_and_materials", "starts_on": "2026-01-01"}
            yield Project(number=f"P-{number}", legal_entity="DE01", name="Bridge", customer=self.customer, **project)
            time: Any = {"worked_on": "2026-03-02", "hours": "7.5", "rate": "80.00", "currency": "EUR"}
            yield TimeEntry(number=f"H-{number}", legal_entity="DE01", project=self.project, worker="W-7", **time)

    def _invoice(self, number: str) -> Invoice:
        terms = {"legal_entity": "DE01", "customer": self.customer, "accounting_date": "2026-03-05", "currency": "EUR"}
        return Invoice.model_validate(INVOICE | terms | {"number": number})

    def _given(self, document: D) -> D:
        with closing(self.erp.connector()) as connector:
            outcome = submit(connector, a_submission(self.settings, document, role=Role.RUN_OFF))
        assert isinstance(outcome, Posted), outcome
        return document

    def _legal_number(self, document: CanonicalDocument, role: Role) -> str | None:
        return f"LEG-{document.number}" if isinstance(document, Invoice) and role is Role.CANDIDATE else None
