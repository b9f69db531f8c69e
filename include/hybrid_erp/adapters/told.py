"""The ports that a worker works with, each wrapped in one that tells of its steps. Put around them only where somebody listens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Generic
from uuid import UUID

from opentelemetry.trace import SpanKind

from hybrid_erp.adapters.telemetry import Journey, named, of_claim, traceparent_of
from hybrid_erp.model.claim import Claim, SettledDead, SettledPosted, SettledRetry, Settlement
from hybrid_erp.model.delivery import Capabilities, ErpIdentity, NativeDocument, Outcome, Rejected, Retry, Submission
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import Claims, ErpConnector, Held, KeepDraft, Q, Settlements

_WORDS: Final = {"InDoubt": "in_doubt", "NotKept": "not_kept"}


def class_of(settled: Settlement | Outcome) -> str:
    """What came of it, in one word: the failure's class where there is one."""
    if isinstance(settled, Rejected | Retry | SettledDead | SettledRetry):
        return settled.failure.value
    return _WORDS.get(name := type(settled).__name__.removeprefix("Settled"), name.lower())


@dataclass(frozen=True, slots=True)
class ToldClaims(Generic[Q]):
    """Claims, each told with how long its posting has waited."""

    inner: Claims[Q]
    journey: Journey

    def due(self, erp: str) -> Sequence[Q]:
        """As the wrapped ones."""
        return self.inner.due(erp)

    def claim(self, erp: str, queue: Q, *, limit: int, lease_seconds: float) -> Sequence[Claim]:
        """As the wrapped ones."""
        began = time.time_ns()
        claims = self.inner.claim(erp, queue, limit=limit, lease_seconds=lease_seconds)
        for claim in claims:
            self.journey.claims[claim.posting_id] = claim
            self.journey.tell("claim", claim, began, "claimed")
            if claim.waited_seconds is not None and claim.attempt == 1:
                self.journey.instruments.waited.record(claim.waited_seconds, named(of_claim(claim)))
        return claims


@dataclass(slots=True)
class ToldConnector:
    """A connector whose sending, looking up and reading back are told; what it hands on to the ERP continues the trace."""

    inner: ErpConnector
    journey: Journey
    capabilities: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        """Take what the wrapped one takes."""
        self.capabilities = self.inner.capabilities

    def identity(self) -> ErpIdentity:
        """As the wrapped one's."""
        return self.inner.identity()

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        """As the wrapped one's."""
        if (claim := self.journey.claims.get(submission.posting_id)) is None:
            return self.inner.submit(submission, keep_draft)
        with self.journey.step("send", claim, SpanKind.CLIENT) as step:
            handed_on = traceparent_of(step.span) or submission.traceparent
            outcome = self.inner.submit(replace(submission, traceparent=handed_on), keep_draft)
            step.came_to = class_of(outcome)
        return outcome

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        """As the wrapped one's."""
        began = time.time_ns()
        found = self.inner.find(document_type, posting_ids)
        there = {native.posting_id for native in found}
        self._tell("look up", {posting_id: "found" if posting_id in there else "not_found" for posting_id in posting_ids}, began)
        return found

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        """As the wrapped one's."""
        began = time.time_ns()
        read = self.inner.read(document_type, native_ids)
        self._tell("read back", {native.posting_id: "read" for native in read}, began)
        return read

    def _tell(self, step: str, came_to: Mapping[UUID, str], began: int) -> None:
        for posting_id, word in came_to.items():
            if claim := self.journey.claims.get(posting_id):
                self.journey.tell(step, claim, began, word, SpanKind.CLIENT)

    def discard_draft(self, document_type: DocumentType, native_id: str) -> bool:
        """As the wrapped one's."""
        return self.inner.discard_draft(document_type, native_id)

    def drafts(self) -> Sequence[NativeDocument]:
        """As the wrapped one's."""
        return self.inner.drafts()

    def held(self, document_type: DocumentType) -> Sequence[Held]:
        """As the wrapped one's."""
        return self.inner.held(document_type)

    def close(self) -> None:
        """As the wrapped one's."""
        self.inner.close()


@dataclass(frozen=True, slots=True)
class ToldSettlements:
    """Settlements, each told with what it came to."""

    inner: Settlements
    journey: Journey

    def settle(self, claim: Claim, settlement: Settlement) -> None:
        """As the wrapped ones."""
        with self.journey.step("settle", claim) as step:
            step.came_to = class_of(settlement)
            self.inner.settle(claim, settlement)
        self._count(claim, type(settlement).__name__.removeprefix("Settled"), step.came_to)

    def settle_posted(self, receipts: Sequence[tuple[Claim, SettledPosted]]) -> Sequence[Claim]:
        """As the wrapped ones."""
        began = time.time_ns()
        lost = self.inner.settle_posted(receipts)
        without = {claim.posting_id for claim in lost}
        for claim, _ in receipts:
            word = "claim_lost" if claim.posting_id in without else "posted"
            self.journey.tell("settle", claim, began, word)
            self._count(claim, word, word)
        return lost

    def give_back(self, claim: Claim) -> None:
        """As the wrapped ones."""
        self.inner.give_back(claim)
        self._count(claim, "given_back", "given_back")

    def move_to_period(self, claim: Claim, period: str) -> None:
        """As the wrapped ones."""
        self.inner.move_to_period(claim, period)
        self._count(claim, "moved_to_period", "moved_to_period")

    def _count(self, claim: Claim, state: str, word: str) -> None:
        self.journey.claims.pop(claim.posting_id, None)
        told = {"state": _WORDS.get(state, state.lower()), "class": word}
        self.journey.instruments.settled.add(1, named(of_claim(claim) | told))

    def keep_draft(self, claim: Claim, draft_id: str) -> None:
        """As the wrapped ones."""
        self.inner.keep_draft(claim, draft_id)

    def forget_draft(self, claim: Claim, draft_id: str) -> None:
        """As the wrapped ones."""
        self.inner.forget_draft(claim, draft_id)

    def keep_accounting_date(self, claim: Claim, accounting_on: date) -> None:
        """As the wrapped ones."""
        self.inner.keep_accounting_date(claim, accounting_on)
