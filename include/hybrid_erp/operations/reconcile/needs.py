"""What a reconciliation needs of the store. Adapters fit by shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from hybrid_erp.model.books import DayMovement, Entry
from hybrid_erp.model.comparison import Observed, ObservedMovement, ObservedTotal, ProjectSums
from hybrid_erp.model.posting_facts import Boundary, PostingFacts, TimeTerms
from hybrid_erp.operations.compare import Mirrors


class Observations(Protocol):
    """The mirror: what was read in an ERP is written down once."""

    def observe(
        self,
        erp: str,
        legal_entity: str,
        entries: Iterable[Entry],
        *,
        cursor: str | None = None,
        deleted: Sequence[str] = (),
        baseline: bool = False,
    ) -> Observed:
        """Write down documents as read, what is gone, and the cursor to go on from."""

    def forget(self, erp: str, legal_entity: str, native_ids: Sequence[str]) -> int:
        """Write down that documents are gone."""

    def tie(self, erp: str, legal_entity: str, native_id: str, posting_id: UUID) -> bool:
        """Compare a document that bears no key of ours as this posting."""

    def cursor(self, erp: str, legal_entity: str) -> str | None:
        """Up to where the ERP has been read; None: not at all."""


class Comparison(Mirrors, Protocol):
    """Two mirrors side by side."""

    def movements(self, erp: str, legal_entity: str, *, baseline: bool = False) -> Sequence[ObservedMovement]:
        """The trial balance of one mirror; `baseline`: of what lies before the boundary of the load."""

    def projects(self, legacy: str, cloud: str, legal_entity: str, expenses: Sequence[str]) -> Sequence[ProjectSums]:
        """What the documents of both ERPs come to on each project; `expenses` are the canonical accounts of cost."""

    def document_totals(self, legacy: str, cloud: str, legal_entities: Sequence[str]) -> Sequence[ObservedTotal]:
        """Count and sum of posted documents by type, in both ERPs."""

    def days(self, erp: str, legal_entity: str, account: str, period: str, *, baseline: bool = False) -> Sequence[DayMovement]:
        """A canonical account's movement by day."""

    def native_ids_on(self, erp: str, legal_entity: str, account: str, day: date, *, baseline: bool = False) -> Sequence[str]:
        """The documents that book on a canonical account on one day."""


class ReconciliationFacts(Protocol):
    """What the store knows beside the mirror."""

    def instant(self) -> datetime:
        """Now, by the store's clock."""

    def settle_position(self, legal_entity: str) -> int:
        """The last posting of a legal entity that was settled."""

    def postings(self, legal_entity: str, posting_ids: Sequence[UUID], *, reading_since: datetime) -> Mapping[UUID, PostingFacts]:
        """What is known of these postings; without those that the store does not know."""

    def still_open(self, legal_entity: str, posting_ids: Sequence[UUID]) -> int:
        """How many of these may still be posted somewhere without a person."""

    def loaded(self, legal_entity: str, posting_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of these postings that the load made."""

    def captured(self, erp: str, legal_entity: str) -> Mapping[str, UUID]:
        """The postings that native documents of this ERP have become and that the mirror does not yet compare as such, by native id."""

    def not_captured(self, erp: str, legal_entity: str) -> Mapping[str, str]:
        """Why native documents of this ERP have not been captured, by native id."""

    def boundary(self, legal_entity: str) -> Boundary:
        """The boundary of its load."""

    def documents(self, legal_entity: str, document_type: str, numbers: Sequence[str]) -> Mapping[str, UUID]:
        """The latest posting of each of these documents, by its number."""

    def unbillable_hours(self, erp: str, legal_entity: str) -> Mapping[str, Decimal]:
        """Hours that were posted there and are never to be billed, by project."""

    def time_terms(self, posting_ids: Sequence[UUID]) -> Mapping[UUID, TimeTerms]:
        """At what these time entries are to be billed."""

    def half_pairs(self, legal_entity: str) -> Sequence[Mapping[str, Any]]:
        """Intercompany documents of which this legal entity's half or the partner's is missing or unequal."""
