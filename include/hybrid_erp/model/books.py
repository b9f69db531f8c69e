"""What an ERP's books hold, as load, capture and reconciliation read it: by the ERP's own word, in canonical accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from hybrid_erp.model.booking import Booking
from hybrid_erp.model.documents import DocumentType


class Origin(StrEnum):
    """How a document came into an ERP (ACCOUNTING C20)."""

    FACADE = "facade"
    """It bears a key of ours: a posting, a candidate's copy, a loaded figure."""
    NATIVE = "native"
    """A person or a foreign interface posted it."""
    DERIVED = "derived"
    """The ERP made it from another document; never mirrored."""
    PERIOD_RUN = "period_run"
    """A periodic run of the ERP: depreciation, revaluation, accrual, recognition."""


#: The run whose entries only move a year's profit into equity: told as documents, and part of no balance (ACCOUNTING A6).
YEAR_END: Final = "year_end"


@dataclass(frozen=True, slots=True)
class NativeAccount:
    """One account of an ERP's own chart."""

    number: str
    name: str
    type: str
    """The ERP's own word."""
    canonical: str | None
    """The canonical account that it stands for by the mapping; None: the mapping does not know it."""


@dataclass(frozen=True, slots=True)
class AccountMovement:
    """What an accounting period moved on one native account, by the ERP's own total. Debit positive."""

    period: str
    account: str
    """The ERP's own number."""
    canonical: str | None
    debit: Decimal
    """In functional currency; not negative."""
    credit: Decimal
    """In functional currency; not negative."""
    lines: int | None = None
    """Where the ERP counts them."""

    @property
    def amount(self) -> Decimal:
        """The net movement in functional currency."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class Entry:
    """One document that the ERP's ledger holds, whoever made it."""

    native_id: str
    """Unique in the company, with the ERP's own word before it: `ar,17`, `account.move,5`."""
    number: str
    """The ERP's number of it."""
    origin: Origin
    posted: bool
    """False: a draft, outside every balance."""
    booking: Booking
    """What it books, line by line as the ERP tells it; an account or tax code that the mapping does not know is `<number> of the ERP`."""
    document_type: DocumentType | None = None
    """The canonical type that it is, or would be; None: like none."""
    posting_id: UUID | None = None
    """Our key, if it bears one."""
    content_hash: str = ""
    legal_number: str | None = None
    party: str | None = None
    """The customer's number."""
    issued_on: date | None = None
    due_on: date | None = None
    text: str = ""
    """Its description, for people."""
    from_native_id: str | None = None
    """Of a derived document: what it was derived from. Of a correction: what it corrects."""
    settles: tuple[tuple[str, Decimal], ...] = ()
    """Of a payment: native ids of the items that it settles, with the amounts in the document's currency."""
    period_run: str | None = None
    """Of a periodic run: its name in the region's plan, for example `depreciation`; YEAR_END is outside every balance told."""
    entered_by: str | None = None
    """The ERP's name of the login."""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """The documents that changed after a cursor, and the cursor to go on from."""

    entries: tuple[Entry, ...]
    cursor: str
    """Opaque; of this ERP alone. Nothing that commits later lies before it (PROTOCOL F4)."""
    more: bool
    """Whether there may be more at once."""
    deleted: tuple[str, ...] = ()
    """Native ids of documents that are gone, where the ERP tells."""


@dataclass(frozen=True, slots=True)
class OpenReceivable:
    """An item of the receivables subledger that is not wholly settled."""

    native_id: str
    posting_id: UUID | None
    document_type: DocumentType
    """`invoice`, `credit_memo`, `open_item`, or `payment` for unapplied cash."""
    customer: str
    number: str
    legal_number: str | None
    project: str | None
    account: str
    """The canonical control account."""
    currency: str
    original_amount: Decimal
    """In the item's currency; negative for a credit."""
    open_amount: Decimal
    functional_open_amount: Decimal
    """At the booked rate."""
    exchange_rate: Decimal | None
    issued_on: date
    due_on: date
    tax_point_on: date | None = None
    dunning_level: int = 0
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class CustomerBalance:
    """What a customer owes on one control account, all items together."""

    account: str
    """The canonical control account."""
    customer: str
    amount: Decimal
    """In functional currency; negative for what we owe."""


@dataclass(frozen=True, slots=True)
class ProjectFigures:
    """A project as the ERP holds it. Amounts in functional currency; None where the ERP does not keep it."""

    native_id: str
    number: str
    name: str
    customer: str | None
    status: str
    """`planned`, `active` or `closed`."""
    starts_on: date | None = None
    ends_on: date | None = None
    contract_value: Decimal | None = None
    billed: Decimal | None = None
    unbilled: Decimal | None = None
    cost: Decimal | None = None
    unbilled_hours: Decimal | None = None
    """Of the project and its tasks, in hours."""
    counts_unbillable: bool = False
    """Whether hours that are never to be billed are among them: the ERP keeps no mark of that."""
    tasks: tuple[TaskFigures, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerFigures:
    """A customer as the ERP holds it; None where the ERP does not say."""

    native_id: str
    number: str | None
    """The number that canonical documents name it by; None: it has none, and no document can name it."""
    name: str
    currency: str | None = None
    payment_term: str | None = None
    """Canonical; None where the mapping does not know the ERP's own."""
    country: str | None = None
    """Two letters."""
    tax_number: str | None = None


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """A task of a project."""

    native_id: str
    number: str
    name: str
    planned_hours: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TimeFigures:
    """A time entry that is not billed yet."""

    native_id: str
    posting_id: UUID | None
    project: str
    task: str | None
    worker: str
    worked_on: date
    hours: Decimal
    rate: Decimal | None
    currency: str | None
    billable: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class NumberSeries:
    """The legal numbers of one series (ACCOUNTING D28)."""

    series: str
    first: str
    last: str
    count: int
    missing: tuple[str, ...]
    cancelled: tuple[str, ...]
    gapless: bool = False
    """Whether the ERP promises that every number that it drew is there: then one that is missing is a document that is gone."""


@dataclass(frozen=True, slots=True)
class DocumentTotal:
    """Count and sum of the posted documents of a native type in one period."""

    native_type: str
    document_type: DocumentType | None
    period: str
    currency: str
    documents: int
    amount: Decimal
    """The debit side, in the documents' currency."""


@dataclass(frozen=True, slots=True)
class DayMovement:
    """What one day moved on a native account."""

    day: date
    amount: Decimal
    """In functional currency, debit positive."""
    lines: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """Of what state a set of figures is, and how it was asked: evidence (ACCOUNTING D28)."""

    instant: datetime
    """By the ERP's own clock."""
    cursor: str
    """The high-water mark: `changes` after it are not in the figures."""
    queries: tuple[str, ...] = field(default=())
    """What was asked, for people."""
