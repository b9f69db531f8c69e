"""A receipt beside the document that it is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from hybrid_erp.model.documents import CanonicalDocument


@dataclass(frozen=True, slots=True)
class Receipted:
    """A document that an ERP has posted, by our receipt."""

    posting_id: UUID
    document: CanonicalDocument
    native_id: str
    """The ERP's id of it; a receipt may leave the ERP's word out."""
    legal_number: str | None
    accounting_on: date | None
    """As the ERP decided it; None: as the document states it."""
    told_as: str | None = None
    """The native id under which the ERP has told it already, before it was settled; None: it has not."""
