"""Look again for dead letters that may be in an ERP all the same (PROTOCOL T5): a request that was thought lost may have arrived since.

What shows up is given back to the delivery, which asks the ERP first, compares, and settles it. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import ErpConnector


class DoubtfulLetters(Protocol):
    """The delivery duty's side of the store."""

    def in_doubt(self, erp: str, legal_entity: str) -> Mapping[DocumentType, Sequence[UUID]]:
        """Dead letters with a mark at this company, by document type."""

    def reopen(self, posting_ids: Sequence[UUID], *, by: str, reason: str) -> Sequence[UUID]:
        """Make dead letters wait again."""


def look_again(erp: str, legal_entity: str, connector: ErpConnector, letters: DoubtfulLetters, *, by: str) -> Sequence[UUID]:
    """Ask one company of one ERP; the postings that it holds after all.

    Raises:
        WrongSystemError: Another system answers; nothing was looked for.
        ErpUnavailableError: It cannot be read.
    """
    found: list[UUID] = []
    doubtful = letters.in_doubt(erp, legal_entity)
    if doubtful:
        connector.identity()
    for document_type, posting_ids in doubtful.items():
        found += {native.posting_id for native in connector.find(document_type, posting_ids) if native.posted}
    return letters.reopen(found, by=by, reason=f"found at {erp} after all") if found else []
