"""Between the canonical chart and one ERP's own: accounts, tax codes, payment terms, dimensions (ACCOUNTING B16).

A rule selects by account, legal entity, document type and dimensions, from a day on. Exactly one rule may match a line: an overlap is
refused when the file is read, a gap when a line meets it. Several native accounts may stand for one canonical account, never the reverse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import date
from functools import cached_property
from itertools import combinations
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import UnmappedError
from hybrid_erp.model.ownership import LegalEntity

Dimensions = tuple[tuple[str, str], ...]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountRule(_Rule):
    """A canonical account's native account, for the lines that it selects. What is left out selects everything."""

    canonical: str
    native: str
    legal_entities: frozenset[LegalEntity] | None = None
    document_types: frozenset[DocumentType] | None = None
    dimensions: dict[str, str] = Field(default_factory=dict)
    valid_from: date = date.min
    valid_to: date = date.max

    def selects(self, legal_entity: str, document_type: DocumentType, dimensions: Dimensions, on: date) -> bool:
        """Whether a line is this rule's."""
        return (
            (self.legal_entities is None or legal_entity in self.legal_entities)
            and (self.document_types is None or document_type in self.document_types)
            and self.valid_from <= on <= self.valid_to
            and (not self.dimensions or self.dimensions.items() <= set(dimensions))
        )

    def overlaps(self, other: AccountRule) -> bool:
        """Whether one line could be both rules'."""
        return (
            self.canonical == other.canonical
            and _meet(self.legal_entities, other.legal_entities)
            and _meet(self.document_types, other.document_types)
            and self.valid_from <= other.valid_to
            and other.valid_from <= self.valid_to
            and all(other.dimensions.get(name, value) == value for name, value in self.dimensions.items())
        )


def _meet(one: Set[str] | None, other: Set[str] | None) -> bool:
    return one is None or other is None or bool(one & other)


class CodeRule(_Rule):
    """A canonical code's native code."""

    canonical: str
    native: str
    legal_entities: frozenset[LegalEntity] | None = None


class Mapping(_Rule):
    """The versioned mapping of one ERP."""

    version: str
    erp: str
    accounts: Annotated[tuple[AccountRule, ...], Field(min_length=1)]
    tax_codes: tuple[CodeRule, ...] = ()
    payment_terms: tuple[CodeRule, ...] = ()
    dimensions: dict[str, str] = Field(default_factory=dict, description="Canonical dimension to the ERP's own.")

    @model_validator(mode="after")
    def every_line_has_at_most_one_rule(self) -> Self:
        """No two rules for one line, no two canonical accounts on one native account."""
        for one, other in combinations(self.accounts, 2):
            if one.overlaps(other):
                raise ValueError(f"account {one.canonical}: the rules to {one.native} and {other.native} both select the same lines")
            if one.native == other.native and one.canonical != other.canonical and _meet(one.legal_entities, other.legal_entities):
                raise ValueError(f"native account {one.native} stands for both {one.canonical} and {other.canonical}")
        return self

    @cached_property
    def _by_canonical(self) -> dict[str, list[AccountRule]]:
        rules = defaultdict(list)
        for rule in self.accounts:
            rules[rule.canonical].append(rule)
        return dict(rules)

    @cached_property
    def _by_native(self) -> dict[str, list[AccountRule]]:
        rules = defaultdict(list)
        for rule in self.accounts:
            rules[rule.native].append(rule)
        return dict(rules)

    @cached_property
    def canonical_dimensions(self) -> dict[str, str]:
        """The ERP's own name of a dimension to the canonical one."""
        return {native: canonical for canonical, native in self.dimensions.items()}

    def native_account(self, account: str, *, legal_entity: str, document_type: DocumentType, dimensions: Dimensions, on: date) -> str:
        """The one native account of a line.

        Raises:
            UnmappedError: No rule, with the line as the example.
        """
        for rule in self._by_canonical.get(account, ()):
            if rule.selects(legal_entity, document_type, dimensions, on):
                return rule.native
        where = f"{legal_entity}, {document_type}, {on}" + "".join(f", {name} {value}" for name, value in dimensions)
        raise UnmappedError(f"{self.erp} has no account for canonical account {account} ({where}).")

    def canonical_account(self, native: str, *, legal_entity: str) -> str | None:
        """The canonical account that a native one stands for; None if the mapping does not know it."""
        for rule in self._by_native.get(native, ()):
            if rule.legal_entities is None or legal_entity in rule.legal_entities:
                return rule.canonical
        return None

    def native_tax_code(self, code: str, *, legal_entity: str) -> str:
        """The ERP's tax code.

        Raises:
            UnmappedError: There is none.
        """
        return self._code(self.tax_codes, code, legal_entity, "tax code")

    def canonical_tax_code(self, native: str, *, legal_entity: str) -> str | None:
        """The canonical tax code that a native one stands for."""
        matching = (rule for rule in self.tax_codes if rule.native == native)
        return next((rule.canonical for rule in matching if rule.legal_entities is None or legal_entity in rule.legal_entities), None)

    def native_payment_term(self, code: str, *, legal_entity: str) -> str:
        """The ERP's payment term.

        Raises:
            UnmappedError: There is none.
        """
        return self._code(self.payment_terms, code, legal_entity, "payment term")

    def _code(self, rules: Sequence[CodeRule], code: str, legal_entity: str, what: str) -> str:
        for rule in rules:
            if rule.canonical == code and (rule.legal_entities is None or legal_entity in rule.legal_entities):
                return rule.native
        raise UnmappedError(f"{self.erp} has no {what} for {code} ({legal_entity}).")
