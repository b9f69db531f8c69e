"""Fakes that we own. The fake ERP passes the same contract suite as the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from hybrid_erp.model.delivery import (
    Capability,
    ConnectorClass,
    ErpIdentity,
    FailureClass,
    NativeDocument,
    Outcome,
    Posted,
    Rejected,
    Submission,
)
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.ports import KeepDraft


@dataclass
class FakeErp:
    """One company of an ERP that lives in memory and refuses a second document under a key."""

    legal_entity: str = "DE01"
    connector_class: ConnectorClass = ConnectorClass.UNIQUE
    documents: list[NativeDocument] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    """Document numbers that it refuses."""
    down: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    """Answers to give instead of its own, the document being booked all the same."""
    submissions: list[Submission] = field(default_factory=list)

    def __post_init__(self) -> None:
        kept = frozenset({"project", "cost_centre", "department"})
        self.capabilities = {each: Capability(self.connector_class, each.value, kept) for each in DocumentType}

    def identity(self) -> ErpIdentity:
        self._up()
        return ErpIdentity("fake", "Fake", "EUR", "1")

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        self._up()
        self.submissions.append(submission)
        if submission.document.number in self.refuses:
            return Rejected(FailureClass.VALIDATION, f"{submission.document.number} is refused")
        held = self.find(submission.document.document_type, [submission.posting_id])
        if not held:
            native_id = str(len(self.documents) + 1)
            self.documents.append(
                NativeDocument(
                    submission.posting_id, submission.content_hash, native_id, f"N{native_id}", True, f"L{native_id}", submission.booking
                )
            )
            held = self.documents[-1:]
        return self.outcomes.pop(0) if self.outcomes else Posted(held[0].native_id)

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        self._up()
        return [document for document in self.documents if document.posting_id in posting_ids]

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        self._up()
        return [document for document in self.documents if document.native_id in native_ids]

    def discard_draft(self, document_type: DocumentType, native_id: str) -> bool:
        return True

    def close(self) -> None:
        pass

    def alter(self, posting_id: UUID, **changes: object) -> None:
        """Change what is booked, as an ERP might."""
        self.documents = [replace(each, **changes) if each.posting_id == posting_id else each for each in self.documents]  # type: ignore[arg-type]

    def _up(self) -> None:
        if self.down:
            raise ErpUnavailableError("the fake ERP is down", 1)
