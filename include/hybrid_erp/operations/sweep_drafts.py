"""Sweep late drafts (PROTOCOL S5): a request that arrives after its posting was settled leaves a draft that nobody posts.

It is outside every balance, but it blocks the close of its period. What is certainly garbage is deleted by its id; the rest is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from hybrid_erp.model.delivery import DeliveredAs, NativeDocument
from hybrid_erp.ports import ErpConnector


class Deliveries(Protocol):
    """The store's side."""

    def delivered_as(self, erp: str, legal_entity: str, posting_ids: Sequence[UUID]) -> Mapping[UUID, DeliveredAs]:
        """What became of these postings at this company; without those that the store does not know."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What was found at one company."""

    deleted: tuple[NativeDocument, ...] = ()
    unknown: tuple[NativeDocument, ...] = ()
    """Drafts with a mark of ours whose posting the store does not know: a person looks."""
    waiting: int = 0
    """Drafts whose posting is not settled: theirs is the word, not the sweeper's."""


def sweep_drafts(erp: str, legal_entity: str, connector: ErpConnector, deliveries: Deliveries) -> Swept:
    """Look through the drafts of one company of one ERP. Safe beside its writer: nothing that may yet be posted is touched.

    Raises:
        WrongSystemError: Another system answers; nothing was deleted.
        ErpUnavailableError: It cannot be read, or did not delete; what was deleted stays so.
    """
    connector.identity()
    drafts = connector.drafts()  # before the store is asked: what is settled by then cannot become open again
    known = deliveries.delivered_as(erp, legal_entity, [draft.posting_id for draft in drafts]) if drafts else {}
    deleted = []
    for draft in drafts:
        found = known.get(draft.posting_id)
        if found and found.makes_garbage(draft) and connector.discard_draft(found.document_type, draft.native_id):
            deleted.append(draft)
    unknown = tuple(draft for draft in drafts if draft.posting_id not in known)
    return Swept(tuple(deleted), unknown, len(drafts) - len(deleted) - len(unknown))
