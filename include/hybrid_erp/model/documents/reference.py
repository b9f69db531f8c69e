"""Reference documents: customers, workers, rate cards, contracts. Their source owns them; every ERP concerned holds a copy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StrictBool, model_validator

from hybrid_erp.model.documents.base import Code, Day, Dependency, DocumentNumber, DocumentType, Name, ReferenceDocument, ShortText, Value
from hybrid_erp.model.money import Currency, PositiveAmount, UnsignedAmount
from hybrid_erp.model.ownership import LegalEntity

Concerned = Annotated[tuple[LegalEntity, ...], Field(min_length=1, max_length=200)]


class BillingMethod(StrEnum):
    """How a contract line or a project is billed."""

    TIME_AND_MATERIALS = "time_and_materials"
    MILESTONE = "milestone"
    FIXED_FEE = "fixed_fee"
    RETAINER = "retainer"


class Customer(ReferenceDocument):
    """A party that is invoiced."""

    document_type: ClassVar[DocumentType] = DocumentType.CUSTOMER

    concerns: Concerned
    name: Name
    currency: Currency
    payment_term: Code
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    tax_number: Code | None = None

    @property
    def legal_entities(self) -> tuple[str, ...]:
        """The legal entities that do business with it."""
        return self.concerns


class Worker(ReferenceDocument):
    """A person who works, by a pseudonymous number (ACCOUNTING D30): no name, no contact."""

    document_type: ClassVar[DocumentType] = DocumentType.WORKER

    legal_entity: LegalEntity
    role: Code
    cost_centre: Code | None = None
    department: Code | None = None
    active: StrictBool = True

    @property
    def legal_entities(self) -> tuple[str, ...]:
        """The employer."""
        return (self.legal_entity,)


class Rate(Value):
    """What one hour or day of a role is sold for."""

    role: Code
    unit: Annotated[str, Field(pattern="^(hour|day)$")]
    price: UnsignedAmount


class RateCard(ReferenceDocument):
    """Prices by role, in one currency, from a day on."""

    document_type: ClassVar[DocumentType] = DocumentType.RATE_CARD

    concerns: Concerned
    currency: Currency
    valid_from_on: Day
    rates: Annotated[tuple[Rate, ...], Field(min_length=1)]

    @property
    def legal_entities(self) -> tuple[str, ...]:
        """The legal entities that sell by it."""
        return self.concerns


class ContractLine(Value):
    """What one legal entity performs or bills under a contract."""

    number: DocumentNumber
    legal_entity: LegalEntity
    billing_method: BillingMethod
    amount: PositiveAmount | None = Field(default=None, description="The agreed price; open for time and materials.")
    rate_card: DocumentNumber | None = None
    description: ShortText = ""

    @model_validator(mode="after")
    def agrees_a_price_or_rates(self) -> Self:
        """A fixed price, or a rate card to work by."""
        if self.amount is None and self.rate_card is None:
            raise ValueError("a contract line states an amount or a rate card")
        return self


class Contract(ReferenceDocument):
    """What was agreed with a customer; a change request is a new version."""

    document_type: ClassVar[DocumentType] = DocumentType.CONTRACT

    customer: DocumentNumber
    currency: Currency
    starts_on: Day
    ends_on: Day | None = None
    lines: Annotated[tuple[ContractLine, ...], Field(min_length=1)]

    @property
    def legal_entities(self) -> tuple[str, ...]:
        """The legal entities of its lines."""
        return tuple(dict.fromkeys(line.legal_entity for line in self.lines))

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its customer."""
        return (Dependency(DocumentType.CUSTOMER, self.customer),)
