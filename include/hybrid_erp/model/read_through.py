"""Where a canonical document lives, and what the ERP there says of it now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hybrid_erp.model.delivery import NativeDocument, PostingState
from hybrid_erp.model.documents import DocumentType


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """A document in one legal entity: the state of its latest version, and where its last posted version is."""

    document_type: DocumentType
    number: str
    version: int
    """The latest that was accepted."""
    source: str
    posting_id: UUID
    """Of the latest version."""
    legal_entity: str
    region: str
    state: PostingState
    """Of the latest version, on its way to the ERP that owns it."""
    reason: str | None
    erp: str | None
    """Where it is posted: the ERP that owns it now, or the one that took it; None: nowhere yet."""
    native_id: str | None
    native_number: str | None
    legal_number: str | None
    posted_as: UUID | None
    """The posting that the ERP holds; None where the ERP had it before."""
    payload_erased_at: datetime | None = None
    """Since when the store has no longer what was received of the latest version; the ERP's word is all there is."""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document with the ERP's own word on it."""

    place: DocumentPlace
    native: NativeDocument | None
    """None: the ERP does not hold it any more."""
    read_at: datetime
