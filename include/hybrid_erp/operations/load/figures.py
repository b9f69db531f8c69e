"""What the load reads of an ERP: everything of one state, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from hybrid_erp.model.books import AccountMovement, CustomerFigures, OpenReceivable, ProjectFigures, TimeFigures
from hybrid_erp.model.load import NativeDocumentSeen
from hybrid_erp.ports import BooksReader

DOCUMENTS_A_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class DraftSeen:
    """A document that nobody has posted yet: outside every balance."""

    native_id: str
    number: str
    accounting_on: date


@dataclass(frozen=True, slots=True)
class Figures:
    """What one company of the legacy ERP holds."""

    movements: tuple[AccountMovement, ...]
    receivables: tuple[OpenReceivable, ...]
    customers: tuple[CustomerFigures, ...]
    projects: tuple[ProjectFigures, ...]
    time: tuple[TimeFigures, ...]
    seen: tuple[NativeDocumentSeen, ...]
    drafts: tuple[DraftSeen, ...]


def read_figures(reader: BooksReader) -> Figures:
    """Read everything; inside the reader's snapshot, so that all of it is of one state. Raises as the reader."""
    seen, drafts = _documents(reader)
    return Figures(
        movements=tuple(reader.movements()),
        receivables=tuple(reader.open_receivables()),
        customers=tuple(reader.customers()),
        projects=tuple(reader.projects()),
        time=tuple(reader.unbilled_time()),
        seen=seen,
        drafts=drafts,
    )


def _documents(reader: BooksReader) -> tuple[tuple[NativeDocumentSeen, ...], tuple[DraftSeen, ...]]:
    """Which documents the snapshot shows: the boundary, document by document. Of each only its names are kept."""
    seen: dict[str, NativeDocumentSeen] = {}
    drafts: dict[str, DraftSeen] = {}
    cursor, more = None, True
    while more:
        page = reader.changes(cursor, limit=DOCUMENTS_A_PAGE)
        for entry in page.entries:
            seen[entry.native_id] = NativeDocumentSeen(entry.native_id, entry.posting_id, entry.posted)
            drafts.pop(entry.native_id, None)
            if not entry.posted:
                drafts[entry.native_id] = DraftSeen(entry.native_id, entry.number, entry.booking.accounting_on)
        for native_id in page.deleted:
            seen.pop(native_id, None)
            drafts.pop(native_id, None)
        cursor, more = page.cursor, page.more
    return tuple(seen.values()), tuple(drafts.values())
