"""Fakes that we own. The fake ERP passes the same contract suite as the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from uuid import UUID

from fastapi import HTTPException

from hybrid_erp.model.claim import Claim, SettledPosted, Settlement
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
from hybrid_erp.model.errors import ClaimLostError, ErpUnavailableError, RefusedEventError
from hybrid_erp.model.posting import Posting
from hybrid_erp.ports import DueQueue, Held, KeepDraft, Stored
from hybrid_erp.web.callers import Caller


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
        self._up()
        self.documents = [each for each in self.documents if each.posted or each.native_id != native_id]
        return native_id not in {each.native_id for each in self.documents}

    def drafts(self) -> Sequence[NativeDocument]:
        self._up()
        return [each for each in self.documents if not each.posted]

    def held(self, document_type: DocumentType) -> Sequence[Held]:
        return []

    def close(self) -> None:
        pass

    def alter(self, posting_id: UUID, **changes: object) -> None:
        """Change what is booked, as an ERP might."""
        self.documents = [replace(each, **changes) if each.posting_id == posting_id else each for each in self.documents]  # type: ignore[arg-type]

    def _up(self) -> None:
        if self.down:
            raise ErpUnavailableError("the fake ERP is down", 1)


@dataclass
class FakeSettlements:
    """What workers wrote down, in memory; a lost claim is refused as the store refuses it."""

    settled: list[tuple[Claim, Settlement]] = field(default_factory=list)
    given_back: list[Claim] = field(default_factory=list)
    drafts: dict[UUID, str] = field(default_factory=dict)
    accounting_dates: list[tuple[UUID, date]] = field(default_factory=list)
    moved: list[tuple[UUID, str]] = field(default_factory=list)
    lost: set[UUID] = field(default_factory=set)
    """Postings whose claim another worker holds by now."""

    def settle(self, claim: Claim, settlement: Settlement) -> None:
        self._require(claim)
        self.settled.append((claim, settlement))

    def settle_posted(self, receipts: Sequence[tuple[Claim, SettledPosted]]) -> Sequence[Claim]:
        lost = [claim for claim, _ in receipts if claim.posting_id in self.lost]
        self.settled += [receipt for receipt in receipts if receipt[0] not in lost]
        return lost

    def give_back(self, claim: Claim) -> None:
        self._require(claim)
        self.given_back.append(claim)

    def move_to_period(self, claim: Claim, period: str) -> None:
        self._require(claim)
        self.moved.append((claim.posting_id, period))

    def keep_draft(self, claim: Claim, draft_id: str) -> None:
        self._require(claim)
        if self.drafts.setdefault(claim.posting_id, draft_id) != draft_id:
            raise ClaimLostError("another draft is stored")

    def forget_draft(self, claim: Claim, draft_id: str) -> None:
        self._require(claim)
        del self.drafts[claim.posting_id]

    def keep_accounting_date(self, claim: Claim, accounting_on: date) -> None:
        self._require(claim)
        self.accounting_dates.append((claim.posting_id, accounting_on))

    def of(self, claim: Claim) -> list[Settlement]:
        """What was settled for a claim."""
        return [settlement for settled, settlement in self.settled if settled == claim]

    def _require(self, claim: Claim) -> None:
        if claim.posting_id in self.lost:
            raise ClaimLostError(f"{claim.posting_id} is another worker's")


@dataclass(frozen=True)
class FakeQueue:
    """A queue of one company."""

    legal_entity: str = "DE01"


@dataclass
class FakeOutbox:
    """Claims that were made before; each is given out once."""

    waiting: list[Claim] = field(default_factory=list)
    legal_entities: tuple[str, ...] = ("DE01",)

    def due(self, erp: str) -> Sequence[DueQueue]:
        return [FakeQueue(each) for each in self.legal_entities if any(claim.legal_entity == each for claim in self.waiting)]

    def claim(self, erp: str, queue: DueQueue, *, limit: int, lease_seconds: float) -> Sequence[Claim]:
        taken = [claim for claim in self.waiting if claim.legal_entity == queue.legal_entity][:limit]
        self.waiting = [claim for claim in self.waiting if claim not in taken]
        return taken


@dataclass
class FakeIntakeStore:
    """Keeps postings in memory by key."""

    postings: dict[UUID, Posting] = field(default_factory=dict)

    def accept(self, parts: Iterable[Sequence[Posting]], *, accepted_by: str) -> Sequence[Stored | RefusedEventError]:
        answers = []
        for posting in chain.from_iterable(parts):
            answers.append(Stored(posting.posting_id, new=posting.posting_id not in self.postings))
            self.postings.setdefault(posting.posting_id, posting)
        return answers


@dataclass
class FakeLogin:
    """Who is signed in, by a switch."""

    signed_in: bool = True
    may_read: bool = True
    may_send: bool = True
    caller: Caller = field(default_factory=lambda: Caller("billing-system"))

    def reader(self) -> Caller:
        self._require(self.may_read)
        return self.caller

    def sender(self) -> Caller:
        self._require(self.may_send)
        return self.caller

    def _require(self, right: bool) -> None:
        if not self.signed_in:
            raise HTTPException(401, "Nobody is signed in.")
        if not right:
            raise HTTPException(403, "The right is missing.")
