"""The firm as intake and delivery see it: legal entities, currencies, chart, posting rules. A plain value made from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from hybrid_erp.model.booking import Booking
from hybrid_erp.model.documents import CanonicalDocument, DocumentType, JournalType
from hybrid_erp.model.ownership import period_of
from hybrid_erp.model.posting_rules import PostingRules


@dataclass(frozen=True, slots=True)
class ClosedBooks:
    """Up to which accounting period a legal entity's books are closed, and what becomes of a late posting."""

    through: str | None
    moves_to_next_open: bool

    def closed(self, day: date) -> bool:
        """Whether nothing may be posted on this day any more."""
        return self.through is not None and period_of(day) <= self.through


@dataclass(frozen=True, slots=True)
class Firm:
    """What is the same for every ERP."""

    region_of: Mapping[str, str]
    functional_currency: Mapping[str, str]
    currencies: Mapping[str, frozenset[str]]
    closed_books: Mapping[str, ClosedBooks]
    accounts: Mapping[str, frozenset[JournalType] | None]
    """The canonical chart: the journal types that may post to an account; None: all."""
    posting_rules: PostingRules
    first_period: Mapping[str, str]
    """The first accounting period of each legal entity that the facade answers for."""
    issued_upstream: frozenset[str] = frozenset()
    """Legal entities whose legal numbers the upstream billing system gives (ACCOUNTING B10)."""
    disabled_legal_entities: frozenset[str] = frozenset()

    def takes(self, account: str, journal_type: JournalType) -> bool:
        """Whether a journal entry of this type may post to the account."""
        if account not in self.accounts:
            return False
        allowed = self.accounts[account]
        return allowed is None or journal_type in allowed

    def booking_of(self, document: CanonicalDocument, accounting_on: date | None = None) -> Booking | None:
        """What the document must book, on the given accounting date or else its own; None if it books nothing.

        Raises:
            UnmappedError: The posting rules find no account.
            UnbalancedEntryError: The document does not balance in one of its currencies.
        """
        if not self.posting_rules.books(document.document_type):
            return None
        day = accounting_on or document.accounting_on
        assert day is not None  # posting rules are refused for a document type without an accounting date
        functional = self.functional_currency[document.legal_entities[0]]
        return self.posting_rules.book(document, functional_currency=functional, accounting_on=day)

    def books(self, document_type: DocumentType) -> bool:
        """Whether documents of this type book anything."""
        return self.posting_rules.books(document_type)
