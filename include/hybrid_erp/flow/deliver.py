"""Delivery: what was claimed is sent to the ERP that owned it at the claim, at most once, read back and settled (PROTOCOL S, T).

No transaction is open while an ERP is asked. From the second attempt on the ERP is asked before it is sent to.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from hybrid_erp.flow.settle import conflict_of_many, settlement_of, settlement_of_found, wait_seconds
from hybrid_erp.model.booking import Booking
from hybrid_erp.model.claim import (
    Claim,
    SettledAbsent,
    SettledDead,
    SettledInDoubt,
    SettledNotKept,
    SettledPosted,
    SettledRetry,
    Settlement,
    boot_clock,
)
from hybrid_erp.model.delivery import (
    Capability,
    ConnectorClass,
    FailureClass,
    InDoubt,
    NativeDocument,
    Outcome,
    Posted,
    Rejected,
    Retry,
    Submission,
)
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import (
    ClaimLostError,
    ErpUnavailableError,
    HybridErpError,
    LeaseTooShortError,
    RefusedEventError,
    UnmappedError,
    WrongSystemError,
)
from hybrid_erp.model.firm import Firm
from hybrid_erp.model.ownership import first_day, next_period, period_of
from hybrid_erp.ports import ErpConnector, Settlements

log: Final = logging.getLogger(__name__)

#: How many documents are read back in one call: these, or more from an ERP that posts them faster than they can be read.
READ_BACK: Final = 25
READ_BACK_MAX: Final = 100
READ_BACK_SECONDS: Final = 0.1
#: An ERP that fails like this fails for the next posting too: stop, give the rest back, let Airflow retry visibly.
_ERP_WIDE: Final = frozenset({FailureClass.TRANSIENT, FailureClass.THROTTLED, FailureClass.AUTH, FailureClass.WRONG_SYSTEM})


@dataclass(slots=True)
class Progress:
    """Counts of what was settled; `unavailable` says why a worker stopped before its queue was empty."""

    settled: Counter[str] = field(default_factory=Counter)
    unavailable: ErpUnavailableError | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends claims to one company of one ERP."""

    firm: Firm
    connector: ErpConnector
    settlements: Settlements
    look_up_horizon_seconds: float | None = None
    """After how long a request cannot take effect any more at a `look_up_only` ERP, where its owner has measured it (PROTOCOL S8)."""
    reader: ErpConnector | None = None
    """A second session with the same company: reads back while the next documents are sent. None: the one that sends reads, in its turn."""
    not_kept: frozenset[DocumentType] = frozenset()
    """Document types that this ERP does not hold, by the configuration's word."""

    def deliver(self, claims: Sequence[Claim], progress: Progress) -> None:
        """Send, read back and settle each claim by itself. Ends early, with the rest given back, when the ERP is down.

        Receipts are written by a second thread while the next documents are sent; all are written when this returns.
        """
        with ThreadPoolExecutor(max_workers=1) as settler:
            self._deliver(claims, progress, _Run(settler))

    def _deliver(self, claims: Sequence[Claim], progress: Progress, run: _Run) -> None:
        sent: list[_Sent] = []
        waiting, began = list(claims), boot_clock()
        while waiting:
            if len(sent) >= READ_BACK_MAX or (len(sent) >= READ_BACK and boot_clock() - began >= READ_BACK_SECONDS):
                self._begin_reading(sent, progress, run)
                sent, began = [], boot_clock()
            claim = waiting.pop(0)
            try:
                self._one(claim, sent, progress, run)
            except LeaseTooShortError:
                self._give_back([claim, *waiting], progress, run)
                break
            except ClaimLostError as error:
                run.wait()
                log.warning("%s: %s", claim.thread, error)
                progress.settled["claim_lost"] += 1
            except ErpUnavailableError as error:
                self._give_back([claim, *waiting], progress, run)
                progress.unavailable = error
                break
            except WrongSystemError:
                self._give_back([claim, *waiting], progress, run)
                raise
            if progress.unavailable is not None:
                self._give_back(waiting, progress, run)
                break
        self._begin_reading(sent, progress, run)
        run.wait()
        for each in run.to_sweep:
            self._sweep(each)

    def _one(self, claim: Claim, sent: list[_Sent], progress: Progress, run: _Run) -> None:
        claim.require_lease()
        capability = self.connector.capabilities.get(claim.document.document_type)
        # A first attempt that is marked all the same is one after a restore: what is not kept here was not sent before it either.
        was_sent = claim.maybe_there and claim.attempt > 1 and capability is not None
        if claim.document.document_type in self.not_kept and not was_sent:
            self._settle(claim, SettledNotKept(), progress, run)
            return
        if capability is None:
            reason = f"{claim.erp} does not take a {claim.document.document_type}."
            self._settle(claim, SettledDead(FailureClass.VALIDATION, reason), progress, run)
            return
        try:
            accounting_on = self._accounting_date(claim)
            expected = self.firm.booking_of(claim.document, accounting_on)
        except _RoutedAgainError:
            return
        except _PeriodClosedError as closed:
            self._settle(claim, SettledDead(FailureClass.PERIOD_CLOSED, str(closed)), progress, run)
            return
        except (UnmappedError, RefusedEventError) as error:
            failure = FailureClass.MAPPING_GAP if isinstance(error, UnmappedError) else FailureClass.VALIDATION
            self._settle(claim, SettledDead(failure, error.message), progress, run)
            return
        outcome = self._look_first(claim, capability)
        if outcome is None:
            claim.require_lease()
            outcome = self._submit(claim, expected)
        if isinstance(outcome, Posted):
            sent.append(_Sent(claim, capability, expected, outcome))
            return
        if isinstance(outcome, Rejected) and outcome.failure in _ERP_WIDE:  # it is not the posting that is wrong
            outcome = Retry(outcome.failure, outcome.message)
        if isinstance(outcome, Retry) and outcome.failure in _ERP_WIDE:
            progress.unavailable = ErpUnavailableError(f"{claim.erp}: {outcome.message}", outcome.retry_after_seconds)
        settlement = outcome if isinstance(outcome, SettledAbsent | SettledInDoubt | SettledDead) else settlement_of(outcome, claim)
        self._settle(claim, settlement, progress, run)

    def _look_first(self, claim: Claim, capability: Capability) -> Outcome | SettledAbsent | SettledInDoubt | SettledDead | None:
        """What an earlier attempt came to; None: nothing shows, and sending is right."""
        if claim.look_up_only and not claim.maybe_there:
            return SettledAbsent()  # the mark fell while this was claimed: nothing can have arrived, and nothing is sent here any more
        if not claim.maybe_there or (claim.draft_id and not claim.look_up_only):
            return None  # a stored draft is posted by its id, which decides by itself
        try:
            found = self.connector.find(claim.document.document_type, [claim.posting_id])
        except HybridErpError:
            raise
        except Exception as error:  # a connector's bug must not stop the batch
            log.exception("%s: the connector of %s cannot look", claim.thread, claim.erp)
            return SettledInDoubt(f"The connector failed: {type(error).__name__}.", wait_seconds(claim.attempt))
        posted = [native for native in found if native.posted]
        if len(posted) > 1:
            return conflict_of_many(posted)
        if posted:
            return Posted(posted[0].native_id)
        if capability.connector_class is ConnectorClass.LOOK_UP_ONLY and not self._past_horizon(claim):
            return SettledInDoubt("Not found, but it may still arrive: this ERP cannot refuse a late request.", wait_seconds(claim.attempt))
        if not claim.look_up_only:
            return None
        if claim.draft_id and self.connector.discard_draft(claim.document.document_type, claim.draft_id):
            self.settlements.forget_draft(claim, claim.draft_id)
            return SettledAbsent()
        # A plain "not found" proves nothing (S7): the former owner may still commit. It stays there, in doubt.
        return SettledInDoubt("Not found at the former owner; not yet decisive.", wait_seconds(claim.attempt))

    def _past_horizon(self, claim: Claim) -> bool:
        horizon = self.look_up_horizon_seconds
        return horizon is not None and claim.quiet_seconds is not None and claim.quiet_seconds > horizon

    def _submit(self, claim: Claim, expected: Booking | None) -> Outcome:
        submission = Submission(
            posting_id=claim.posting_id,
            content_hash=claim.content_hash,
            document=claim.document,
            booking=expected,
            role=claim.role,
            claim_token=claim.token,
            deadline=claim.deadline,
            legal_number=claim.legal_number or getattr(claim.document, "legal_number", None),
            draft_id=claim.draft_id,
            correlation_id=claim.correlation_id,
            traceparent=claim.traceparent,
        )
        kept = [claim.draft_id] if claim.draft_id else []

        def keep_draft(draft_id: str) -> None:
            self.settlements.keep_draft(claim, draft_id)
            kept.append(draft_id)

        try:
            outcome = self.connector.submit(submission, keep_draft)
            if isinstance(outcome, Rejected) and kept:
                self._drop(claim, kept[-1])
            return outcome
        except UnmappedError as error:
            return Rejected(FailureClass.MAPPING_GAP, error.message)
        except HybridErpError:
            raise
        except Exception as error:  # a connector's bug must not stop the batch, and says nothing about what the ERP did
            log.exception("%s: the connector of %s failed", claim.thread, claim.erp)
            return InDoubt(f"The connector failed: {type(error).__name__}.")

    def _drop(self, claim: Claim, draft_id: str) -> None:
        """A draft that the ERP refused to post goes, so that a replay may begin anew; one that cannot be deleted stays known."""
        if self.connector.discard_draft(claim.document.document_type, draft_id):
            self.settlements.forget_draft(claim, draft_id)

    def _accounting_date(self, claim: Claim) -> date:
        """The control decides once (ACCOUNTING A2, A3): stored before it is sent."""
        if claim.accounting_on is not None:
            return claim.accounting_on
        stated = claim.document.accounting_on
        day = stated or datetime.now(UTC).date()
        books = self.firm.closed_books.get(claim.legal_entity)
        if books is not None and self.firm.books(claim.document.document_type) and books.closed(day):
            if not books.moves_to_next_open or books.through is None:
                raise _PeriodClosedError(f"{claim.legal_entity} is closed through {books.through}; the accounting date is {day}.")
            day = first_day(next_period(books.through))
            if claim.period is not None and claim.period != period_of(day) and not claim.look_up_only:
                self.settlements.move_to_period(claim, period_of(day))
                raise _RoutedAgainError
        if day != stated and self.firm.books(claim.document.document_type):
            self.settlements.keep_accounting_date(claim, day)
        return day

    def _begin_reading(self, sent: list[_Sent], progress: Progress, run: _Run) -> None:
        if self.reader is None:
            self._read_back(self.connector, sent, progress, run)
        else:
            reader = self.reader
            run.begin(lambda: self._read_back(reader, sent, progress, run))

    def _read_back(self, reader: ErpConnector, sent: list[_Sent], progress: Progress, run: _Run) -> None:
        """One reading for all documents of a type: what the ERP booked, not what we asked for, is what is believed."""
        for document_type in dict.fromkeys(each.claim.document.document_type for each in sent):
            group = [each for each in sent if each.claim.document.document_type is document_type]
            read: Sequence[NativeDocument] = ()
            try:
                read = reader.read(document_type, [each.outcome.native_id for each in group])
            except ErpUnavailableError as error:
                progress.unavailable = error
            except Exception:  # what cannot be read back is in doubt, never posted; the next look reads it again
                log.exception("The connector of %s cannot read back a %s", group[0].claim.erp, document_type)
            by_posting: dict[UUID, list[NativeDocument]] = {}
            for native in read:
                by_posting.setdefault(native.posting_id, []).append(native)
            receipts: list[tuple[Claim, SettledPosted]] = []
            for each in group:
                found = by_posting.get(each.claim.posting_id, [])
                settlement = settlement_of_found(each.claim, each.expected, each.capability, found, each.outcome)
                if not isinstance(settlement, SettledPosted):
                    self._settle(each.claim, settlement, progress, run)
                    continue
                receipts.append((each.claim, settlement))
                if each.claim.attempt > 1:
                    run.to_sweep.append(each)
            run.begin(partial(self._write_receipts, receipts, progress))

    def _sweep(self, sent: _Sent) -> None:
        """Delete drafts that earlier attempts left under the key: once the posting is posted they are garbage (PROTOCOL S5)."""
        if sent.capability.connector_class is not ConnectorClass.DRAFT:
            return
        document_type = sent.claim.document.document_type
        try:
            for native in self.connector.find(document_type, [sent.claim.posting_id]):
                if not native.posted:
                    self.connector.discard_draft(document_type, native.native_id)
        except HybridErpError as error:
            log.warning("%s: drafts of earlier attempts were not swept: %s", sent.claim.thread, error)

    def _settle(self, claim: Claim, settlement: Settlement, progress: Progress, run: _Run) -> None:
        run.begin(lambda: self._write(claim, settlement, progress))

    def _write(self, claim: Claim, settlement: Settlement, progress: Progress) -> None:
        try:
            self.settlements.settle(claim, settlement)
        except ClaimLostError as error:
            log.warning("%s: %s", claim.thread, error)
            progress.settled["claim_lost"] += 1
            return
        name = type(settlement).__name__.removeprefix("Settled").lower()
        progress.settled[name] += 1
        if not isinstance(settlement, SettledPosted):  # what is as it should be is counted, not told one by one
            log.info("%s at %s: %s", claim.thread, claim.erp, _in_words(settlement))

    def _write_receipts(self, receipts: Sequence[tuple[Claim, SettledPosted]], progress: Progress) -> None:
        lost = self.settlements.settle_posted(receipts)
        for claim in lost:
            log.warning("%s at %s: the claim is another worker's by now; what was found is thrown away.", claim.thread, claim.erp)
        progress.settled["claim_lost"] += len(lost)
        progress.settled["posted"] += len(receipts) - len(lost)
        progress.settled += Counter()  # drops what is zero

    def _give_back(self, claims: Sequence[Claim], progress: Progress, run: _Run) -> None:
        run.wait()  # one writer of the counts at a time
        for claim in claims:
            try:
                self.settlements.give_back(claim)
                progress.settled["given_back"] += 1
            except ClaimLostError as error:
                log.warning("%s: %s", claim.thread, error)
                progress.settled["claim_lost"] += 1


def _in_words(settlement: Settlement) -> str:
    name = type(settlement).__name__.removeprefix("Settled").lower()
    return f"{name}, {settlement.failure}" if isinstance(settlement, SettledDead | SettledRetry) else name


class _PeriodClosedError(Exception):
    """The posting's period is closed for good, and the region's policy is to refuse."""


class _RoutedAgainError(Exception):
    """The posting moves to another accounting period, which another ERP may own."""


@dataclass(slots=True)
class _Run:
    """What goes on beside the sending: receipts being written, drafts to be swept."""

    settler: ThreadPoolExecutor
    writing: list[Future[None]] = field(default_factory=list)
    to_sweep: list[_Sent] = field(default_factory=list)

    def begin(self, write: Callable[[], None]) -> None:
        self.writing.append(self.settler.submit(write))

    def wait(self) -> None:
        """Until everything is written, also what begins meanwhile; what failed is raised here."""
        while self.writing:
            self.writing.pop(0).result()


@dataclass(frozen=True, slots=True)
class _Sent:
    claim: Claim
    capability: Capability
    expected: Booking | None
    outcome: Posted
