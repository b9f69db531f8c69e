"""What the load of one legal entity goes by: a plain value made from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import UnmappedError
from hybrid_erp.model.firm import Firm
from hybrid_erp.model.load import LoadItem
from hybrid_erp.model.mapping import Mapping as AccountMapping
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.posting import Posting


@dataclass(frozen=True, slots=True)
class LoadTerms:
    """One legal entity on its way from one ERP to another."""

    region: str
    legal_entity: str
    legacy: str
    cloud: str
    functional_currency: str
    clearing_account: str
    retained_earnings_account: str
    fiscal_year_starts_in: int
    """The month."""
    result_accounts: frozenset[str]
    """Canonical accounts of profit and loss: only the present fiscal year's movements are brought as theirs."""
    subledger_of: Mapping[str, str]
    """Of each canonical control account: `receivables` or `payables`."""
    not_kept: frozenset[DocumentType]
    """What the cloud ERP does not hold."""
    firm: Firm
    cloud_mapping: AccountMapping
    posting_of: Callable[[dict[str, Any]], Posting]
    """The check that every event must pass; raises RefusedEventError."""

    @property
    def source(self) -> str:
        """The source of everything that the load makes."""
        return f"hybrid-erp/load/{self.region}"

    def event(self, ordinal: int, document_type: DocumentType, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
        """A document as an event. The same load makes the same key again, so that nothing can be loaded twice."""
        return {
            "specversion": "1.0",
            "source": self.source,
            "id": f"{ordinal}/{self.legal_entity}/{document_type}/{event_id}",
            "type": f"hybrid-erp.{document_type}.v1",
            "correlationid": f"{self.source}/{self.legal_entity}/{ordinal}",
            "data": data,
        }

    def item(self, ordinal: int, document_type: DocumentType, event_id: str, data: dict[str, Any]) -> LoadItem:
        """A document that the load makes, checked as any other event, with what it brings in money.

        Raises:
            RefusedEventError: It is not acceptable; the subclass says why.
        """
        posting = self.posting_of(self.event(ordinal, document_type, event_id, data))
        document = posting.document
        booking = self.firm.booking_of(document)
        brought = [line for line in booking.lines if line.account != self.clearing_account] if booking else []
        return LoadItem(
            document_type,
            document.number,
            posting.posting_id,
            posting,
            currency=booking.currency if booking else None,
            amount=sum((line.amount for line in brought), ZERO),
            functional_amount=sum((line.functional_amount for line in brought), ZERO),
        )

    def is_in_cloud_chart(self, account: str, document_type: DocumentType, on: date) -> bool:
        """Whether the cloud ERP's mapping has an account for a canonical one."""
        mapping = self.cloud_mapping
        try:
            mapping.native_account(account, legal_entity=self.legal_entity, document_type=document_type, dimensions=(), on=on)
        except UnmappedError:
            return False
        return True

    def first_period_of_the_year(self, period: str) -> str:
        """The first accounting period of the fiscal year that a period lies in."""
        year, month = int(period[:4]), int(period[5:])
        return f"{year if month >= self.fiscal_year_starts_in else year - 1:04d}-{self.fiscal_year_starts_in:02d}"
