"""Posting rules: what a document must book, stated in versioned config and evaluated here (ACCOUNTING A5).

A rule makes lines from a document: one line, or one for each of its lines. It names the account outright, takes it from an attribute,
or chooses it by an attribute's value. Only attributes that the document's own type has can be named; the check at load time says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE, CanonicalDocument, Dimensions, DocumentType
from hybrid_erp.model.errors import UnmappedError
from hybrid_erp.model.money import ZERO, convert_all


class AccountBy(BaseModel):
    """Choose the account by the value of an attribute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: str
    accounts: Annotated[dict[str, str], Field(min_length=1)]


class LineRule(BaseModel):
    """How one kind of line of a booking is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: Literal["debit", "credit"]
    account: str | None = None
    account_from: str | None = None
    account_by: AccountBy | None = None
    each: str | None = Field(default=None, description="The attribute that holds the document's lines; one booking line for each.")
    amount: str = Field(description="The attribute that holds the amount.")
    party: str | None = Field(default=None, description="The attribute that holds the customer.")

    @model_validator(mode="after")
    def names_one_account(self) -> Self:
        """Exactly one way to find the account."""
        if sum(way is not None for way in (self.account, self.account_from, self.account_by)) != 1:
            raise ValueError("state exactly one of account, account_from, account_by")
        return self


class PostingRules(BaseModel):
    """What each document type books. A type without rules books nothing, like a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    rules: dict[DocumentType, tuple[LineRule, ...]]

    @model_validator(mode="after")
    def names_what_documents_have(self) -> Self:
        """Only attributes that the document's own type has, and only documents that state money and a day."""
        for document_type, rules in self.rules.items():
            document = _DOCUMENTS[document_type]
            if document.monetary is CanonicalDocument.monetary or document.accounting_on is CanonicalDocument.accounting_on:
                raise ValueError(f"a {document_type} states no money or no accounting date: it cannot be booked")
            for rule in rules:
                _check(rule, document, document_type)
        return self

    @property
    def accounts(self) -> frozenset[str]:
        """Every account that a rule names."""
        rules = [rule for each in self.rules.values() for rule in each]
        chosen = {account for rule in rules if rule.account_by for account in rule.account_by.accounts.values()}
        return frozenset({rule.account for rule in rules if rule.account} | chosen)

    def books(self, document_type: DocumentType) -> bool:
        """Whether a document of this type books anything."""
        return bool(self.rules.get(document_type))

    def require_accounts(self, document: CanonicalDocument) -> None:
        """Raise where a rule chooses an account by a value that it does not know.

        Raises:
            UnmappedError: With the value.
        """
        for rule in self.rules.get(document.document_type, ()):
            if rule.account_by is not None:
                for part in getattr(document, rule.each) if rule.each else (document,):
                    _account(rule, part, document)

    def book(self, document: CanonicalDocument, *, functional_currency: str, accounting_on: date) -> Booking | None:
        """The booking that the document demands, balanced in both currencies; None if it books nothing.

        Raises:
            UnmappedError: A rule finds no account.
            UnbalancedEntryError: The rules do not make a balanced booking of this document.
        """
        rules, monetary = self.rules.get(document.document_type), document.monetary
        if not rules or monetary is None:
            return None
        currency, rate = monetary
        booked = tuple(line for rule in rules for line in _lines(rule, document))
        if currency != functional_currency:
            functional = convert_all([line.amount for line in booked], rate or ZERO, functional_currency)
            booked = tuple(replace(line, functional_amount=amount) for line, amount in zip(booked, functional, strict=True))
        booking = Booking(document.legal_entities[0], accounting_on, currency, functional_currency, booked)
        booking.require_balance()
        return booking


_DOCUMENTS: Final = {document.document_type: document for document in DOCUMENTS_BY_TYPE.values()}


def _check(rule: LineRule, document: type[CanonicalDocument], document_type: DocumentType) -> None:
    """Raises ValueError if a rule names what its document, or each of its lines, does not have."""
    line: type[BaseModel] = document
    if rule.each is not None:
        field = document.model_fields.get(rule.each)
        kinds = get_args(field.annotation) if field else ()
        if not kinds or get_origin(field.annotation if field else None) is not tuple:
            raise ValueError(f"a {document_type} has no lines {rule.each!r}")
        line = kinds[0]
    chosen_by = rule.account_by.attribute if rule.account_by else None
    for name, owners in ((rule.amount, (line,)), (rule.account_from, (line,)), (chosen_by, (line, document)), (rule.party, (document,))):
        if name is not None and not any(name in owner.model_fields or hasattr(owner, name) for owner in owners):
            raise ValueError(f"a {document_type} has no {name!r}" + (f" in its {rule.each}" if rule.each else ""))


def _lines(rule: LineRule, document: CanonicalDocument) -> Sequence[BookingLine]:
    parts: Sequence[Any] = getattr(document, rule.each) if rule.each else (document,)
    return [line for part in parts if (line := _line(rule, part, document)).amount]


def _line(rule: LineRule, part: Any, document: CanonicalDocument) -> BookingLine:
    sign = 1 if rule.side == "debit" else -1
    base = getattr(part, "base", None)
    amount: Decimal = sign * getattr(part, rule.amount)
    return BookingLine(
        account=_account(rule, part, document),
        amount=amount,
        functional_amount=amount,
        dimensions=_dimensions(part, document),
        party=getattr(document, rule.party) if rule.party else None,
        tax_code=getattr(part, "tax_code", None) if base is not None else None,
        tax_base=sign * base if base is not None else None,
        description=getattr(part, "description", ""),
    )


def _dimensions(part: Any, document: CanonicalDocument) -> tuple[tuple[str, str], ...]:
    dimensions: Dimensions | None = getattr(part, "dimensions", None)
    if dimensions is None:  # a receivable, a tax line, a bank line: reported by account and party alone
        return ()
    items = dimensions.items()
    project = getattr(document, "project", None)
    # A line belongs to its document's project unless it names another.
    return items if project is None or dimensions.project is not None else (("project", project), *items)


def _account(rule: LineRule, part: Any, document: CanonicalDocument) -> str:
    if rule.account is not None:
        return rule.account
    if rule.account_from is not None:
        return str(getattr(part, rule.account_from))
    assert rule.account_by is not None
    value = str(getattr(part, rule.account_by.attribute, getattr(document, rule.account_by.attribute, "")))
    accounts: Mapping[str, str] = rule.account_by.accounts
    found = accounts.get(value, accounts.get("*"))
    if found is None:
        raise UnmappedError(f"The posting rules of {document.document_type} name no account for {rule.account_by.attribute} {value!r}.")
    return found
