"""Ledger documents: journal entries, revenue schedules, and the opening figures of a load."""

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
    ShortText,
    Value,
    check_digits,
    customer_key,
    project_key,
)
from hybrid_erp.model.errors import UnbalancedEntryError
from hybrid_erp.model.money import ZERO, Amount, Currency, ExchangeRate, PositiveAmount, UnsignedAmount
from hybrid_erp.model.ownership import AccountingPeriod, LegalEntity, PostingKind


class LedgerDocument(EntityDocument):
    """Owned with the ledger."""

    kind: ClassVar[PostingKind] = PostingKind.LEDGER

    accounting_date: Day
    currency: Currency
    exchange_rate: ExchangeRate | None = None

    @property
    def accounting_on(self) -> date | None:
        """The accounting date."""
        return self.accounting_date

    @property
    def monetary(self) -> tuple[str, Decimal | None] | None:
        """Its currency."""
        return self.currency, self.exchange_rate


class JournalLine(Value):
    """One account debited or credited."""

    account: Code
    debit: UnsignedAmount = ZERO
    credit: UnsignedAmount = ZERO
    tax_code: Code | None = None
    partner: LegalEntity | None = None
    description: ShortText = ""
    dimensions: Dimensions = NO_DIMENSIONS

    @property
    def signed_amount(self) -> Decimal:
        """Debit positive, credit negative."""
        return self.debit - self.credit

    @model_validator(mode="after")
    def debits_or_credits(self) -> Self:
        """Exactly one side, and not zero."""
        if (self.debit > 0) == (self.credit > 0):
            raise ValueError("a line has either a debit or a credit, above zero")
        return self


class JournalType(StrEnum):
    """Why an entry is made; a control account allows only some of them."""

    GENERAL = "general"
    ACCRUAL = "accrual"
    RECOGNITION = "recognition"
    INTERCOMPANY = "intercompany"
    BRIDGE = "bridge"
    CURRENCY_ADJUSTMENT = "currency_adjustment"
    OPENING_BALANCE = "opening_balance"
    CANARY = "canary"


class JournalEntry(LedgerDocument):
    """A balanced set of lines of one legal entity, in one currency."""

    document_type: ClassVar[DocumentType] = DocumentType.JOURNAL_ENTRY

    journal_type: JournalType = JournalType.GENERAL
    description: ShortText = ""
    project: DocumentNumber | None = None
    reverses: DocumentNumber | None = Field(default=None, description="The number of the entry that this one takes back.")
    intercompany: Intercompany | None = None
    lines: Annotated[tuple[JournalLine, ...], Field(min_length=2, max_length=2000)]

    @property
    def routing_key(self) -> str | None:
        """Its project, if it names one."""
        return project_key(self.project) if self.project else None

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """The entry it reverses; the other half of its pair must be known; the project if it names one."""
        found = []
        if self.reverses:
            found.append(Dependency(DocumentType.JOURNAL_ENTRY, self.reverses))
        if self.intercompany:
            pair, partner = self.intercompany.pair, self.intercompany.partner
            found.append(Dependency(DocumentType.JOURNAL_ENTRY, f"{pair}/{partner}", until="accepted", legal_entity=partner))
        if self.project:
            found.append(Dependency(DocumentType.PROJECT, self.project))
        return tuple(found)

    @model_validator(mode="after")
    def debits_equal_credits(self) -> Self:
        """To the cent, in the entry's currency."""
        amounts = [line.signed_amount for line in self.lines]
        check_digits(self.currency, amounts)
        if (gap := sum(amounts, ZERO)) != 0:
            raise UnbalancedEntryError(f"Debits exceed credits by {gap} {self.currency}.", field="lines")
        if self.intercompany and self.number != f"{self.intercompany.pair}/{self.legal_entity}":
            raise ValueError("an intercompany entry is numbered <pair>/<its legal entity>, so that each side can name the other")
        return self

    def reversed(self, number: str, accounting_date: date) -> JournalEntry:
        """The entry that takes this one back."""
        lines = tuple(line.model_copy(update={"debit": line.credit, "credit": line.debit}) for line in self.lines)
        changes = {"number": number, "version": 1, "accounting_date": accounting_date, "reverses": self.number, "lines": lines}
        return self.model_copy(update=changes)


class PlannedRecognition(Value):
    """What a later period will recognise."""

    period: AccountingPeriod
    amount: Amount


class RevenueSchedule(LedgerDocument):
    """Revenue of one contract line recognised on a day, and the plan that remains."""

    document_type: ClassVar[DocumentType] = DocumentType.REVENUE_SCHEDULE

    contract: DocumentNumber
    contract_line: DocumentNumber
    project: DocumentNumber | None = None
    recognised: PositiveAmount
    recognised_to_date: UnsignedAmount
    remaining: tuple[PlannedRecognition, ...] = ()

    @property
    def routing_key(self) -> str | None:
        """Its project, if it names one."""
        return project_key(self.project) if self.project else None

    @property
    def lane(self) -> str | None:
        """Per contract line."""
        return f"{self.legal_entity}/contract_line:{self.contract}/{self.contract_line}"

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its contract."""
        return (Dependency(DocumentType.CONTRACT, self.contract, until="accepted"),)

    @model_validator(mode="after")
    def amounts_fit_the_currency(self) -> Self:
        """No more digits than the currency has."""
        check_digits(self.currency, (self.recognised, self.recognised_to_date, *(plan.amount for plan in self.remaining)))
        return self


class OpeningLine(Value):
    """The opening figure of one account."""

    account: Code
    amount: Amount = Field(description="Debit positive.")
    dimensions: Dimensions = NO_DIMENSIONS


class OpeningBalance(LedgerDocument):
    """Opening figures of accounts, against the migration clearing account (ACCOUNTING C17)."""

    document_type: ClassVar[DocumentType] = DocumentType.OPENING_BALANCE

    lines: Annotated[tuple[OpeningLine, ...], Field(min_length=1, max_length=2000)]

    @property
    def total(self) -> Decimal:
        """What the clearing account takes, with the other sign."""
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def lane(self) -> str | None:
        """By load step."""
        return f"{self.legal_entity}/load:opening_balance"

    @model_validator(mode="after")
    def amounts_fit_the_currency(self) -> Self:
        """No more digits than the currency has."""
        check_digits(self.currency, (line.amount for line in self.lines))
        return self


class OpenItem(LedgerDocument):
    """A receivable that was open when the ledger moved: no revenue, no tax (ACCOUNTING C17)."""

    document_type: ClassVar[DocumentType] = DocumentType.OPEN_ITEM
    kind: ClassVar[PostingKind] = PostingKind.BILLING

    customer: DocumentNumber
    legal_number: DocumentNumber
    issued_on: Day
    due_on: Day
    tax_point_on: Day | None = None
    original_amount: PositiveAmount
    open_amount: Amount = Field(description="Negative for an open credit memo or unapplied cash.")
    dunning_level: Annotated[int, Field(ge=0, le=9, strict=True)] = 0
    disputed: StrictBool = False

    @property
    def routing_key(self) -> str | None:
        """Its customer."""
        return customer_key(self.customer)

    @property
    def lane(self) -> str | None:
        """By load step."""
        return f"{self.legal_entity}/load:open_item"

    @property
    def depends_on(self) -> tuple[Dependency, ...]:
        """Its customer."""
        return (Dependency(DocumentType.CUSTOMER, self.customer),)

    @model_validator(mode="after")
    def amounts_fit_the_currency(self) -> Self:
        """No more digits than the currency has."""
        check_digits(self.currency, (self.original_amount, self.open_amount))
        return self


__all__ = ["Dimensions", "JournalEntry", "JournalLine", "JournalType", "OpenItem", "OpeningBalance", "OpeningLine", "RevenueSchedule"]
