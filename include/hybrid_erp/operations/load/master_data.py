"""Customers, projects, tasks and unbilled time: what the store knows goes on its own way to the cloud ERP too, the rest becomes documents.

A document that the load makes of these never takes the business key: the source that owns the customer or project may still send it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from hybrid_erp.model.books import CustomerFigures, ProjectFigures, TaskFigures, TimeFigures
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import RefusedEventError
from hybrid_erp.model.load import Gap, GapClass, KnownToStore, LoadItem, Named, words
from hybrid_erp.model.money import ZERO
from hybrid_erp.operations.load.opening import PREFIX
from hybrid_erp.operations.load.terms import LoadTerms

#: Reference documents, in the order in which they name each other.
REFERENCES: Final = (DocumentType.CUSTOMER, DocumentType.WORKER, DocumentType.RATE_CARD, DocumentType.CONTRACT)
#: Their bookings are in the opening balances; as entries that can be billed or recognised they stay with whoever owns them.
BOOKED_ONLY: Final = (DocumentType.EXPENSE, DocumentType.REVENUE_SCHEDULE)


@dataclass(slots=True)
class MasterData:
    """What is brought, and what is not."""

    items: list[LoadItem] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MasterDataLoad:
    """Makes the documents of one legal entity."""

    terms: LoadTerms
    known: KnownToStore
    ordinal: int
    accounting_on: date
    found: MasterData = field(default_factory=MasterData)

    def of(
        self, customers: Iterable[CustomerFigures], projects: Iterable[ProjectFigures], time: Iterable[TimeFigures], wanted: frozenset[str]
    ) -> MasterData:
        """Everything in the order in which it depends on each other. `wanted`: customers that open items name."""
        projects = list(projects)
        wanted |= {project.customer for project in projects if project.customer}
        for customer in customers:
            self._customer(customer, wanted)
        for document_type in REFERENCES:
            self._copy_rest(document_type)
        for project in projects:
            self._project(project)
        self._copy_rest(DocumentType.PROJECT)
        for project in projects:
            for task in project.tasks if project.status != "closed" else ():
                self._task(project, task)
        for document_type in (DocumentType.PROJECT_TASK, DocumentType.RESOURCE_ASSIGNMENT, DocumentType.MILESTONE):
            self._copy_rest(document_type)
        for entry in sorted(time, key=lambda each: (each.worked_on, each.native_id)):
            self._time(entry)
        self.found.gaps.extend(self._not_brought())
        return self.found

    def _customer(self, customer: CustomerFigures, wanted: frozenset[str]) -> None:
        if not customer.number:
            self._gap(GapClass.CUSTOMER_UNKNOWN, f"customer {customer.native_id}", "It has no number, so that no document can name it.")
            return
        named = DocumentType.CUSTOMER, customer.number
        if self._is_settled(named):
            return
        lacking = [name for name in ("currency", "payment_term", "country") if getattr(customer, name) is None]
        if lacking:
            reason = f"The ERP or its mapping does not tell its {' and '.join(lacking).replace('_', ' ')}."
            self._gap(GapClass.INCOMPLETE, f"customer {customer.number}", reason, blocks=customer.number in wanted)
            return
        data = {
            "number": customer.number,
            "concerns": [self.terms.legal_entity],
            "name": customer.name,
            "currency": customer.currency,
            "payment_term": customer.payment_term,
            "country": customer.country,
            "tax_number": customer.tax_number,
        }
        self._make(named, data, blocks=customer.number in wanted)

    def _project(self, project: ProjectFigures) -> None:
        named = DocumentType.PROJECT, project.number
        if self._is_settled(named):
            return
        if not project.customer:
            self._gap(GapClass.INCOMPLETE, f"project {project.number}", "It has no customer.")
            return
        data = {
            "number": project.number,
            "legal_entity": self.terms.legal_entity,
            "name": project.name or project.number,
            "customer": project.customer,
            "currency": self.terms.functional_currency,
            # An ERP does not say how a project is billed, and neither connector keeps it: its source does.
            "billing_method": "time_and_materials",
            "starts_on": (project.starts_on or self.accounting_on).isoformat(),
            "ends_on": project.ends_on.isoformat() if project.ends_on else None,
            "status": project.status,
            "contract_value": format(project.contract_value, "f") if project.contract_value is not None else None,
        }
        self._make(named, data)

    def _task(self, project: ProjectFigures, task: TaskFigures) -> None:
        named = DocumentType.PROJECT_TASK, task.number
        if self._is_settled(named):
            return
        data = {
            "number": task.number,
            "legal_entity": self.terms.legal_entity,
            "project": project.number,
            "name": task.name or task.number,
            "planned_hours": format(task.planned_hours, "f") if task.planned_hours is not None else None,
        }
        self._make(named, data)

    def _time(self, entry: TimeFigures) -> None:
        if entry.posting_id in self.known.time:
            assert entry.posting_id is not None
            if DocumentType.TIME_ENTRY not in self.terms.not_kept:
                copy = LoadItem(DocumentType.TIME_ENTRY, entry.native_id, entry.posting_id, amount=entry.hours)
                self.found.items.append(copy)
            return
        data = {
            "number": f"{PREFIX}/{entry.native_id}",
            "legal_entity": self.terms.legal_entity,
            "project": entry.project,
            "task": entry.task,
            "worker": entry.worker,
            "worked_on": entry.worked_on.isoformat(),
            "hours": format(entry.hours, "f"),
            "billable": entry.billable,
            "currency": entry.currency,
            "rate": format(entry.rate, "f") if entry.rate is not None else None,
            "description": entry.text[:200],
        }
        self._make((DocumentType.TIME_ENTRY, entry.native_id), data, hours=entry.hours)

    def _is_settled(self, named: Named) -> bool:
        """Whether nothing has to be made: the store's own document goes there, or the cloud ERP holds it."""
        return named in self.known.postings or named in self.known.at_cloud

    def _make(self, named: Named, data: dict[str, Any], *, hours: Decimal = ZERO, blocks: bool = False) -> None:
        document_type, number = named
        if document_type in self.terms.not_kept:
            return
        stated = {name: value for name, value in data.items() if value is not None}
        try:
            item = self.terms.item(self.ordinal, document_type, quote(number, safe=",/"), stated)
        except RefusedEventError as refusal:
            self._gap(GapClass.REFUSED, f"{document_type.replace('_', ' ')} {number}", refusal.message, blocks=blocks)
        else:
            self.found.items.append(replace(item, amount=hours))

    def _copy_rest(self, document_type: DocumentType) -> None:
        """What the store knows of the type, in the state that it has now."""
        if document_type not in self.terms.not_kept:
            known = sorted(item for item in self.known.postings.items() if item[0][0] is document_type)
            self.found.items.extend(LoadItem(document_type, number, posting_id) for (_, number), posting_id in known)

    def _not_brought(self) -> Iterator[Gap]:
        for document_type, count in self.known.counts.items():
            if document_type in self.terms.not_kept:
                reason = f"{self.terms.cloud} does not hold them."
                yield Gap(GapClass.NOT_KEPT, f"{count:,} {words(document_type)}", reason, blocks=False)
            elif document_type in BOOKED_ONLY:
                reason = "What they booked is in the opening balances; no ERP holds them as entries of their own."
                yield Gap(GapClass.NO_DOCUMENT, f"{count:,} {words(document_type)}", reason, blocks=False)

    def _gap(self, gap_class: GapClass, subject: str, reason: str, *, blocks: bool = False) -> None:
        self.found.gaps.append(Gap(gap_class, subject, reason, blocks))
