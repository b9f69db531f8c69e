"""What our receipts say that an ERP holds, kept beside a mirror of what it tells, so that the two are compared like two ERPs.

A document is entered when the ERP tells it for the first time: as it was told, if that is what was sent; else as it was sent. What the ERP
never told is entered as it was sent. So a receipt is compared in the ERP's own words, and nothing that was altered before the first look is
taken for what was posted. What is not ours is kept for the sums alone, as the baseline, and compared with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Protocol
from uuid import UUID

from hybrid_erp.flow.settle import comparable
from hybrid_erp.model.booking import Booking, compare
from hybrid_erp.model.books import Entry, Origin
from hybrid_erp.model.comparison import Observed
from hybrid_erp.model.delivery import Capability
from hybrid_erp.model.documents import CanonicalDocument, DocumentType
from hybrid_erp.model.receipts import Receipted
from hybrid_erp.operations.reconcile.needs import Observations
from hybrid_erp.ports import BooksReader

PAGE: Final = 1_000
BookingOf = Callable[[CanonicalDocument, date | None], Booking | None]


def receipts_of(erp: str) -> str:
    """The name under which the receipts of an ERP are kept."""
    return f"receipts of {erp}"


def settled_books_of(erp: str) -> str:
    """The name under which its books are kept beside them: apart from the mirror of a region that moves, which begins at its load."""
    return f"settled books of {erp}"


class Receipts(Protocol):
    """The posted deliveries of the store."""

    def lacking(
        self,
        erp: str,
        legal_entity: str,
        *,
        beside: str,
        books: str,
        settled_before: datetime,
        posting_ids: Sequence[UUID] | None,
        limit: int,
    ) -> Sequence[Receipted]:
        """Documents that book something, that are posted there, and that the mirror `beside` does not hold yet; of these postings alone.

        `books` is the mirror of what the ERP tells.
        """


@dataclass(frozen=True, slots=True)
class ReceiptBook:
    """Writes down what an ERP tells, and beside it the receipts of what it tells for the first time: fits as `Observations`."""

    erp: str
    observations: Observations
    receipts: Receipts
    booking_of: BookingOf
    capabilities: Mapping[DocumentType, Capability]
    settled_before: datetime

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
        """As `Observations`. The cursor comes last: a run that dies in between is told the same again."""
        told = tuple(entries)
        ours = [entry for entry in told if entry.posting_id is not None and not baseline]
        others = [entry for entry in told if entry.posting_id is None or baseline]
        if ours:
            self._enter_told(legal_entity, ours)
        observed = self.observations.observe(erp, legal_entity, others, baseline=True) if others else Observed()
        return observed + self.observations.observe(erp, legal_entity, ours, cursor=cursor, deleted=deleted)

    def enter_the_others(self, legal_entity: str, reader: BooksReader) -> int:
        """Enter every receipt that telling has not entered: of what was told before it was settled, and of what was never told.

        How many. Raises as the reader.
        """
        entered = 0
        while found := self._lacking(legal_entity, None):
            told = {entry.native_id: entry for entry in reader.entries([each.told_as for each in found if each.told_as])}
            self._enter(legal_entity, [self._as_sent(each, told.get(each.told_as or "")) for each in found])
            entered += len(found)
        return entered

    def forget(self, erp: str, legal_entity: str, native_ids: Sequence[str]) -> int:
        """As `Observations`."""
        return self.observations.forget(erp, legal_entity, native_ids)

    def tie(self, erp: str, legal_entity: str, native_id: str, posting_id: UUID) -> bool:
        """As `Observations`."""
        return self.observations.tie(erp, legal_entity, native_id, posting_id)

    def cursor(self, erp: str, legal_entity: str) -> str | None:
        """As `Observations`."""
        return self.observations.cursor(erp, legal_entity)

    def _enter_told(self, legal_entity: str, ours: Sequence[Entry]) -> None:
        by_posting: dict[UUID, list[Entry]] = {}
        for entry in ours:
            if entry.posting_id is not None:
                by_posting.setdefault(entry.posting_id, []).append(entry)
        found = self._lacking(legal_entity, list(by_posting))
        self._enter(legal_entity, [self._as_sent(each, _own(each, by_posting[each.posting_id])) for each in found])

    def _lacking(self, legal_entity: str, posting_ids: Sequence[UUID] | None) -> Sequence[Receipted]:
        names = {"beside": receipts_of(self.erp), "books": settled_books_of(self.erp)}
        before = self.settled_before
        return self.receipts.lacking(self.erp, legal_entity, **names, settled_before=before, posting_ids=posting_ids, limit=PAGE)

    def _enter(self, legal_entity: str, entries: Sequence[Entry]) -> None:
        if entries:
            self.observations.observe(receipts_of(self.erp), legal_entity, entries)

    def _as_sent(self, receipt: Receipted, told: Entry | None) -> Entry:
        capability = self.capabilities[receipt.document.document_type]
        booking = self.booking_of(receipt.document, receipt.accounting_on)
        assert booking is not None  # only what books something is asked for
        sent = comparable(booking, capability)
        if told is None:
            told = Entry(
                receipt.native_id,
                receipt.document.number,
                Origin.FACADE,
                posted=True,
                booking=sent,
                document_type=receipt.document.document_type,
                legal_number=receipt.legal_number,
            )
        elif not told.posted or compare(sent, comparable(told.booking, capability)):
            told = replace(told, posted=True, booking=sent)
        return replace(told, native_id=str(receipt.posting_id), origin=Origin.FACADE, posting_id=receipt.posting_id)


def _own(receipt: Receipted, told: Sequence[Entry]) -> Entry:
    """Of several documents under one key, the receipt's own; a receipt may leave the ERP's word out."""
    own = receipt.native_id.rpartition(",")[2]
    return next((entry for entry in told if entry.native_id.rpartition(",")[2] == own), told[0])
