"""What every canonical document states: what it is, whose it is, what it waits for and what it is ordered in (ACCOUNTING B7, B8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from hybrid_erp.model.errors import MalformedEventError
from hybrid_erp.model.money import Amount, has_too_many_digits
from hybrid_erp.model.ownership import LegalEntity, PostingKind

FIRM = "*"
"""In place of a legal entity: the document is identified across the whole firm."""


class DocumentType(StrEnum):
    """The canonical documents."""

    CUSTOMER = "customer"
    WORKER = "worker"
    RATE_CARD = "rate_card"
    CONTRACT = "contract"
    PROJECT = "project"
    PROJECT_TASK = "project_task"
    RESOURCE_ASSIGNMENT = "resource_assignment"
    TIME_ENTRY = "time_entry"
    EXPENSE = "expense"
    MILESTONE = "milestone"
    INVOICE = "invoice"
    CREDIT_MEMO = "credit_memo"
    PAYMENT = "payment"
    JOURNAL_ENTRY = "journal_entry"
    REVENUE_SCHEDULE = "revenue_schedule"
    OPENING_BALANCE = "opening_balance"
    OPEN_ITEM = "open_item"


DocumentNumber = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\s*](.*[^\s])?$")]
"""The source's own number of a document: its identity in the firm or in its legal entity."""
ShortText = Annotated[str, StringConstraints(max_length=200)]
"""One line for people."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
"""A name for people."""
Code = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^\S+$")]
"""A short code without blanks: a dimension's value, a role, a category, a tax code."""


def _calendar_day(value: Any) -> Any:
    if type(value) is date or (isinstance(value, str) and _DAY.match(value)):
        return value
    raise ValueError('write the day as a string, like "2026-03-05"')


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
Day = Annotated[date, BeforeValidator(_calendar_day)]
"""A calendar day. A number is refused: it would be read as seconds since 1970."""


class Value(BaseModel):
    """A part of a document; frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FreeDimension(Value):
    """A reporting dimension that the firm has added."""

    name: Code
    value: Code


class Dimensions(Value):
    """What a line is reported by."""

    project: DocumentNumber | None = None
    cost_centre: Code | None = None
    department: Code | None = None
    other: tuple[FreeDimension, ...] = ()

    def items(self) -> tuple[tuple[str, str], ...]:
        """The dimensions that are set, as (name, value), in a fixed order."""
        named = (("project", self.project), ("cost_centre", self.cost_centre), ("department", self.department))
        return tuple((name, value) for name, value in (*named, *((free.name, free.value) for free in self.other)) if value is not None)


NO_DIMENSIONS = Dimensions()


class Intercompany(Value):
    """The other side of a document between two legal entities (ACCOUNTING B14)."""

    pair: DocumentNumber = Field(description="The id that both sides carry.")
    partner: LegalEntity


class TaxLine(Value):
    """Tax as it was determined: base and amount are booked as stated, never computed again."""

    tax_code: Code
    base: Amount
    amount: Amount


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another document that must be in place first.

    `posted`: booked at the same ERP (PROTOCOL C5). `accepted`: known to the facade, for example the other half of a pair.
    """

    document_type: DocumentType
    number: str
    until: Literal["posted", "accepted"] = "posted"
    legal_entity: str | None = None
    """Of which legal entity, if not the document's own."""


class CanonicalDocument(BaseModel):
    """One state of one business document, as its source knows it. It cannot exist in a wrong state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document_type: ClassVar[DocumentType]
    schema_version: ClassVar[int] = 1
    kind: ClassVar[PostingKind]

    number: DocumentNumber = Field(description="The source's own document number: with the version, the business key.")
    version: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = Field(default=1, description="Which state of the document this is.")

    @property
    def legal_entities(self) -> tuple[str, ...]:
        """The legal entities that must hold the document; exactly one unless it is a reference document."""
        raise AttributeError(f"{type(self).__name__} does not state its legal entities")

    @property
    def identified_in(self) -> str:
        """The legal entity in which `number` is unique, or `*` for the whole firm."""
        return FIRM

    @property
    def routing_key(self) -> str | None:
        """The business object that decides the owner and that a pin holds, like `project:P-1001`."""
        return None

    @property
    def lane(self) -> str | None:
        """What the document is ordered in; None if it commutes with all others."""
        return None

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """What must be in place before this can be booked."""
        return ()

    @property
    def accounting_on(self) -> date | None:
        """The accounting date; None leaves the day to the control ERP's booking (ACCOUNTING A3)."""
        return None

    @property
    def monetary(self) -> tuple[str, Decimal | None] | None:
        """Currency and exchange rate, for a document that states money."""
        return None


class ReferenceDocument(CanonicalDocument):
    """Owned by its source, delivered to every ERP concerned, counted in none."""

    kind: ClassVar[PostingKind] = PostingKind.REFERENCE

    @property
    def lane(self) -> str | None:
        """In order of version."""
        return f"{self.document_type}:{self.number}"


class EntityDocument(CanonicalDocument):
    """A document of exactly one legal entity."""

    legal_entity: LegalEntity

    @property
    def legal_entities(self) -> tuple[str, ...]:
        """The one."""
        return (self.legal_entity,)

    @property
    def identified_in(self) -> str:
        """Its legal entity."""
        return self.legal_entity


def check_digits(currency: str, amounts: Iterable[Decimal]) -> None:
    """Refuse amounts that the currency cannot express.

    Raises:
        MalformedEventError: An amount has more digits than the currency.
    """
    for amount in amounts:
        if has_too_many_digits(amount, currency):
            raise MalformedEventError(f"{amount} has more digits than {currency} has.", field="amount", currency=currency)


def project_key(project: str) -> str:
    """The routing key of everything that belongs to a project."""
    return f"project:{project}"


def customer_key(customer: str) -> str:
    """The routing key of what belongs to a customer and no project."""
    return f"customer:{customer}"
