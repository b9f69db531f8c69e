"""What the store does for a connector whose documents are drafts first: it keeps one draft's id for each key (PROTOCOL S5)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from uuid import UUID

from hybrid_erp.model.delivery import Outcome, Submission
from hybrid_erp.model.errors import ClaimLostError
from hybrid_erp.ports import ErpConnector


@dataclass
class KeptDrafts:
    ids: dict[UUID, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, posting_id: UUID, draft_id: str) -> None:
        with self.lock:
            if self.ids.setdefault(posting_id, draft_id) != draft_id:
                raise ClaimLostError("Another draft is kept for this key.")


_SUITE = KeptDrafts()


def submit(connector: ErpConnector, submission: Submission, drafts: KeptDrafts = _SUITE) -> Outcome:
    """Submit as a worker does: with the draft that is kept for the key, and keeping the one that is made."""
    kept = drafts.ids.get(submission.posting_id)
    return connector.submit(replace(submission, draft_id=kept), lambda draft_id: drafts.keep(submission.posting_id, draft_id))
