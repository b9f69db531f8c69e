"""Billing documents: invoices, credit memos, payments."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

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
    ShortText,
    TaxLine,
    Value,
    check_digits,
    customer_key,
    project_key,
)
from hybrid_erp.model.errors import MalformedEventError, UnbalancedEntryError
from hybrid_erp.model.money import ZERO, Amount, Currency, ExchangeRate, PositiveAmount, Quantity, UnsignedAmount
from hybrid_erp.model.ownership import PostingKind


class InvoiceLine(Value):
    """What is charged. The item, by the posting rules, decides the revenue account."""

    item: Code
    description: ShortText = ""
    quantity: Quantity = Decimal(1)
    unit_price: Amount
    amount: Amount = Field(description="Net of tax, as charged: quantity times unit price, rounded by the source.")
    tax_code: Code | None = None
    milestone: DocumentNumber | None = None
    dimensions: Dimensions = NO_DIMENSIONS


class _CustomerDocument(EntityDocument):
    kind: ClassVar[PostingKind] = PostingKind.BILLING

    customer: DocumentNumber
    project: DocumentNumber | None = None
    series: Code = Field(default="main", description="The number series that the document is ordered in.")
    issued_on: Day
    accounting_date: Day
    currency: Currency
    exchange_rate: ExchangeRate | None = None
    lines: Annotated[tuple[InvoiceLine, ...], Field(min_length=1, max_length=1000)]
    tax_lines: tuple[TaxLine, ...] = ()
    total: PositiveAmount = Field(description="With tax; checked against lines and tax lines.")
    legal_number: DocumentNumber | None = Field(default=None, description="Only where the upstream billing system issues it.")
    intercompany: Intercompany | None = None

    @property
    def routing_key(self) -> str | None:
        """Its project, else its customer."""
        return project_key(self.project) if self.project else customer_key(self.customer)

    @property
    def lane(self) -> str | None:
        """Per number series."""
        return f"{self.legal_entity}/series:{self.series}"

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its customer and its project."""
        customer = Dependency(DocumentType.CUSTOMER, self.customer)
        return (customer, Dependency(DocumentType.PROJECT, self.project)) if self.project else (customer,)

    @property
    def accounting_on(self) -> date | None:
        """The accounting date."""
        return self.accounting_date

    @property
    def monetary(self) -> tuple[str, Decimal | None] | None:
        """Its currency."""
        return self.currency, self.exchange_rate

    @model_validator(mode="after")
    def total_is_lines_and_tax(self) -> Self:
        """What is asked of the customer is what the lines say."""
        stated = sum((line.amount for line in self.lines), ZERO) + sum((tax.amount for tax in self.tax_lines), ZERO)
        if stated != self.total:
            raise UnbalancedEntryError(f"The lines and tax come to {stated}, the total says {self.total} {self.currency}.", field="total")
        taxes = (amount for tax in self.tax_lines for amount in (tax.base, tax.amount))
        check_digits(self.currency, (self.total, *(line.amount for line in self.lines), *taxes))
        return self


class Invoice(_CustomerDocument):
    """What a customer owes."""

    document_type: ClassVar[DocumentType] = DocumentType.INVOICE

    due_on: Day
    payment_term: Code | None = None


class CreditMemo(_CustomerDocument):
    """Takes an invoice back, wholly or in part, or stands for itself. Amounts are positive: what the customer is given back."""

    document_type: ClassVar[DocumentType] = DocumentType.CREDIT_MEMO

    corrects: DocumentNumber | None = Field(default=None, description="The number of the invoice; none if it is on account.")
    on_account: bool = Field(
        default=False, description="It takes back no invoice: a rebate, or a credit that an ERP holds without one. Left out is not implied."
    )
    due_on: Day | None = Field(default=None, description="From when it may be set off or paid out; the day of issue where nothing is said.")
    reason: ShortText = ""

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its customer, its project, the invoice."""
        before = super().depends_on
        return (*before, Dependency(DocumentType.INVOICE, self.corrects)) if self.corrects is not None else before

    @model_validator(mode="after")
    def names_its_invoice_or_says_that_there_is_none(self) -> Self:
        """A correction names its original (ACCOUNTING B13): what was forgotten is not taken for a credit on account."""
        if (self.corrects is None) is not self.on_account:
            raise MalformedEventError("A credit memo names the invoice that it corrects, or is on_account.", field="corrects")
        return self


class Application(Value):
    """What of a payment settles one invoice."""

    invoice: DocumentNumber
    amount: PositiveAmount
    discount: UnsignedAmount = ZERO
    withholding: UnsignedAmount = ZERO

    @property
    def settled(self) -> Decimal:
        """By how much the invoice's open amount falls."""
        return self.amount + self.discount + self.withholding


class Payment(EntityDocument):
    """Money received from a customer, and what it settles (ACCOUNTING B15)."""

    document_type: ClassVar[DocumentType] = DocumentType.PAYMENT
    kind: ClassVar[PostingKind] = PostingKind.BILLING

    customer: DocumentNumber
    bank_account: Code
    accounting_date: Day
    currency: Currency
    exchange_rate: ExchangeRate | None = None
    amount: PositiveAmount = Field(description="What reached the bank, before charges.")
    applications: tuple[Application, ...] = ()
    bank_charge: UnsignedAmount = ZERO
    project: DocumentNumber | None = Field(default=None, description="The project of the invoices, if they have one.")

    @property
    def unapplied(self) -> Decimal:
        """What settles nothing yet."""
        return self.amount - sum((each.amount for each in self.applications), ZERO)

    @property
    def net_received(self) -> Decimal:
        """What the bank credited."""
        return self.amount - self.bank_charge

    @property
    def given_up(self) -> Decimal:
        """Charges, discounts and withholding."""
        return self.bank_charge + sum((each.discount + each.withholding for each in self.applications), ZERO)

    @property
    def settled(self) -> Decimal:
        """By how much the customer's balance falls, unapplied cash included."""
        return self.unapplied + sum((each.settled for each in self.applications), ZERO)

    @property
    def routing_key(self) -> str | None:
        """The invoices' key."""
        return project_key(self.project) if self.project else customer_key(self.customer)

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """The customer, the invoices that it settles."""
        invoices = (Dependency(DocumentType.INVOICE, each.invoice) for each in self.applications)
        return (Dependency(DocumentType.CUSTOMER, self.customer), *invoices)

    @property
    def accounting_on(self) -> date | None:
        """The accounting date."""
        return self.accounting_date

    @property
    def monetary(self) -> tuple[str, Decimal | None] | None:
        """Its currency."""
        return self.currency, self.exchange_rate

    @model_validator(mode="after")
    def applies_no_more_than_it_brings(self) -> Self:
        """The rest is not negative."""
        applied = (amount for each in self.applications for amount in (each.amount, each.discount, each.withholding))
        check_digits(self.currency, (self.amount, self.bank_charge, *applied))
        if self.unapplied < 0:
            raise UnbalancedEntryError(f"{-self.unapplied} {self.currency} more is applied than was received.", field="applications")
        return self
