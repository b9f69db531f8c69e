"""Project documents: projects and their tasks, who works on them, time, expenses and milestones."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StrictBool, model_validator

from hybrid_erp.model.documents.base import (
    NO_DIMENSIONS,
    Code,
    Day,
    Dependency,
    Dimensions,
    DocumentNumber,
    DocumentType,
    EntityDocument,
    Intercompany,
    Name,
    ShortText,
    TaxLine,
    check_digits,
    project_key,
)
from hybrid_erp.model.documents.reference import BillingMethod
from hybrid_erp.model.money import ZERO, Currency, ExchangeRate, PositiveAmount, Quantity, UnsignedAmount
from hybrid_erp.model.ownership import PostingKind

Hours = Annotated[Quantity, Field(gt=0, le=24)]


class ProjectDocument(EntityDocument):
    """Belongs to one project and is owned with it."""

    kind: ClassVar[PostingKind] = PostingKind.PROJECT

    project: DocumentNumber

    @property
    def routing_key(self) -> str | None:
        """Its project."""
        return project_key(self.project)

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its project."""
        return (Dependency(DocumentType.PROJECT, self.project),)


class ProjectStatus(StrEnum):
    """Where a project stands."""

    PLANNED = "planned"
    ACTIVE = "active"
    CLOSED = "closed"


class Project(EntityDocument):
    """Work for a customer."""

    document_type: ClassVar[DocumentType] = DocumentType.PROJECT
    kind: ClassVar[PostingKind] = PostingKind.PROJECT

    name: Name
    customer: DocumentNumber
    contract: DocumentNumber | None = None
    currency: Currency
    billing_method: BillingMethod
    starts_on: Day
    ends_on: Day | None = None
    status: ProjectStatus = ProjectStatus.ACTIVE
    contract_value: UnsignedAmount | None = None

    @property
    def routing_key(self) -> str | None:
        """Itself."""
        return project_key(self.number)

    @property
    def lane(self) -> str | None:
        """Per project."""
        return f"{self.legal_entity}/{project_key(self.number)}"

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its customer, and its contract if it names one."""
        customer = Dependency(DocumentType.CUSTOMER, self.customer)
        return (customer, Dependency(DocumentType.CONTRACT, self.contract, until="accepted")) if self.contract else (customer,)


class ProjectTask(ProjectDocument):
    """A part of a project that time is booked on."""

    document_type: ClassVar[DocumentType] = DocumentType.PROJECT_TASK

    name: Name
    planned_hours: Quantity | None = None

    @property
    def lane(self) -> str | None:
        """Per project."""
        return f"{self.legal_entity}/{project_key(self.project)}"


class ResourceAssignment(ProjectDocument):
    """A worker planned on a project's task."""

    document_type: ClassVar[DocumentType] = DocumentType.RESOURCE_ASSIGNMENT

    task: DocumentNumber | None = None
    worker: DocumentNumber
    role: Code
    starts_on: Day
    ends_on: Day
    planned_hours: Quantity

    @property
    def lane(self) -> str | None:
        """Per project."""
        return f"{self.legal_entity}/{project_key(self.project)}"


class TimeEntry(ProjectDocument):
    """Hours of one worker on one day. Entries commute; a correction waits for its original."""

    document_type: ClassVar[DocumentType] = DocumentType.TIME_ENTRY

    task: DocumentNumber | None = None
    worker: DocumentNumber
    worked_on: Day
    hours: Hours
    billable: StrictBool = True
    currency: Currency | None = None
    rate: UnsignedAmount | None = None
    corrects: DocumentNumber | None = Field(default=None, description="The number of the entry that this one replaces.")
    intercompany: Intercompany | None = Field(default=None, description="Set when the worker's employer is another legal entity.")
    description: ShortText = ""

    @property
    def accounting_on(self) -> date | None:
        """The day worked."""
        return self.worked_on

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its project, its task, the entry it corrects."""
        found = [Dependency(DocumentType.PROJECT, self.project)]
        if self.task:
            found.append(Dependency(DocumentType.PROJECT_TASK, self.task))
        if self.corrects:
            found.append(Dependency(DocumentType.TIME_ENTRY, self.corrects))
        return tuple(found)


class Expense(ProjectDocument):
    """What a worker spent for a project."""

    document_type: ClassVar[DocumentType] = DocumentType.EXPENSE

    worker: DocumentNumber
    category: Code
    accounting_date: Day
    currency: Currency
    exchange_rate: ExchangeRate | None = None
    amount: PositiveAmount = Field(description="What was paid, tax included.")
    tax_lines: tuple[TaxLine, ...] = ()
    billable: StrictBool = False
    corrects: DocumentNumber | None = None
    dimensions: Dimensions = NO_DIMENSIONS
    description: ShortText = ""

    @property
    def net_amount(self) -> Decimal:
        """Without the tax that can be claimed back."""
        return self.amount - sum((tax.amount for tax in self.tax_lines), ZERO)

    @property
    def accounting_on(self) -> date | None:
        """The accounting date."""
        return self.accounting_date

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its project, the expense it corrects."""
        project = Dependency(DocumentType.PROJECT, self.project)
        return (project, Dependency(DocumentType.EXPENSE, self.corrects)) if self.corrects else (project,)

    @property
    def monetary(self) -> tuple[str, Decimal | None] | None:
        """Its currency."""
        return self.currency, self.exchange_rate

    @model_validator(mode="after")
    def amounts_fit_the_currency(self) -> Self:
        """No more digits than the currency has."""
        check_digits(self.currency, (self.amount, *(amount for tax in self.tax_lines for amount in (tax.base, tax.amount))))
        return self


class MilestoneState(StrEnum):
    """Where a milestone stands."""

    PLANNED = "planned"
    REACHED = "reached"
    INVOICED = "invoiced"


class Milestone(ProjectDocument):
    """A result that is billed when it is reached."""

    document_type: ClassVar[DocumentType] = DocumentType.MILESTONE

    name: Name
    currency: Currency
    amount: PositiveAmount
    due_on: Day
    state: MilestoneState = MilestoneState.PLANNED

    @property
    def lane(self) -> str | None:
        """Per milestone."""
        return f"{self.legal_entity}/milestone:{self.number}"
