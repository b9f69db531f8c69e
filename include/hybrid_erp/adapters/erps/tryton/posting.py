"""The two-step way of everything that books: draft, keep its id, post by that id (PROTOCOL S2, S5)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hybrid_erp.adapters.erps.http import NothingSentError, UnansweredError, outcome_of_status
from hybrid_erp.adapters.erps.tryton.client import RefusedError
from hybrid_erp.adapters.erps.tryton.directory import Directory, ReferenceRefusedError
from hybrid_erp.adapters.erps.tryton.failures import before_posting, reason_of
from hybrid_erp.adapters.erps.tryton.invoices import InvoiceWriter
from hybrid_erp.adapters.erps.tryton.moves import MoveWriter
from hybrid_erp.adapters.erps.tryton.payments import Settler, shared_out
from hybrid_erp.adapters.erps.tryton.reading import INVOICE, MOVE
from hybrid_erp.adapters.erps.tryton.text import read_mark
from hybrid_erp.adapters.erps.tryton.values import Row
from hybrid_erp.model.booking import Booking
from hybrid_erp.model.delivery import FailureClass, InDoubt, Outcome, Posted, Rejected, Retry, Role, Submission
from hybrid_erp.model.documents import CreditMemo, Invoice, Payment
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.ports import KeepDraft

log: Final = logging.getLogger(__name__)

#: Waits between attempts to post a draft whose number series another writer holds at that moment (503).
ROW_LOCK_WAITS_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
_GONE: Final = "gone"
_DRAFT: Final = "draft"
_CALL_ERRORS = (NothingSentError, UnansweredError, RefusedError)


@dataclass(frozen=True, slots=True)
class Draft:
    """A native record that is ours and not yet known to be posted."""

    model: str
    record: int

    @property
    def native_id(self) -> str:
        """As Tryton writes references."""
        return f"{self.model},{self.record}"


def to_draft(native_id: str) -> Draft:
    """A native id taken apart.

    Raises:
        ValueError: It is none.
    """
    model, _, record = native_id.partition(",")
    return Draft(model, int(record))


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts one company's bookings with one credential."""

    directory: Directory
    mapping: Mapping
    acknowledged: frozenset[str]

    def submit(self, submission: Submission, booking: Booking, keep_draft: KeepDraft) -> Outcome:
        """Post once, or say what came of it. Raises UnmappedError, LeaseTooShortError, and what `keep_draft` raises."""
        draft: Draft | None = None
        outcome: Outcome
        try:
            draft, state = self._draft(submission, booking)
            if submission.draft_id is None:
                keep_draft(draft.native_id)  # before anything else happens to it; another worker's claim ends here
            if state == _GONE:
                return Rejected(FailureClass.CONFLICT, f"The draft {draft.native_id} is no longer in Tryton. Nothing was posted.")
            if state == _DRAFT:
                self._prepare(submission, booking, draft)
                outcome = self._post(draft)
            else:
                outcome = Posted(draft.native_id)
        except ReferenceRefusedError as refused:
            outcome = Rejected(refused.failure, str(refused))
        except _CALL_ERRORS as error:
            outcome = before_posting(error)
        if isinstance(outcome, Rejected):
            return self._explained(outcome, submission, booking, draft)
        return self._settled(submission, draft) if isinstance(outcome, Posted) and draft else outcome

    def _draft(self, submission: Submission, booking: Booking) -> tuple[Draft, str]:
        """The stored draft and its state, or a new one."""
        if submission.draft_id is not None:
            kept = to_draft(submission.draft_id)
            return kept, self.state(kept, submission.content_hash)
        model, row = self._row(submission, booking)
        return Draft(model, self.directory.client.create(model, row)), _DRAFT

    def _row(self, submission: Submission, booking: Booking) -> tuple[str, Row]:
        moves, model = MoveWriter(self.directory, self.mapping), self._model(submission)
        document = submission.document
        if model == INVOICE and isinstance(document, Invoice | CreditMemo):
            return model, InvoiceWriter(self.directory, moves).draft(submission, document, booking)
        if isinstance(document, Payment):
            Settler(self.directory).require_invoices(document)
            return model, moves.draft(submission, shared_out(document, booking))
        return model, moves.draft(submission, booking)

    def _prepare(self, submission: Submission, booking: Booking, draft: Draft) -> None:
        """What must be done between draft and posting; doing it again changes nothing."""
        document = submission.document
        if isinstance(document, Payment):
            settler = Settler(self.directory)
            settler.link_payment(draft.record, settler.require_invoices(document))
        if draft.model == INVOICE and isinstance(document, Invoice | CreditMemo):
            writer = InvoiceWriter(self.directory, MoveWriter(self.directory, self.mapping))
            writer.set_rate(document, booking)
            writer.acknowledge(document, draft.record, self.acknowledged, datetime.now(UTC).date())

    def _post(self, draft: Draft) -> Outcome:
        """Press the button. Only the state of this id decides what an error means."""
        for wait in (*ROW_LOCK_WAITS_SECONDS, None):
            try:
                self.directory.client.press(draft.model, draft.record, "post")
                return Posted(draft.native_id)
            except NothingSentError as error:
                return Retry(FailureClass.TRANSIENT, str(error))
            except UnansweredError as error:
                return InDoubt(str(error))
            except RefusedError as refused:
                reply = refused.reply
                if reply.status == 503 and reply.retry_after_seconds is None and wait is not None:
                    time.sleep(wait)  # a row lock: nothing was done, and this id can be posted once only
                    continue
                if reply.status == 503:
                    return Retry(FailureClass.TRANSIENT, f"Tryton is busy: {refused.message}", reply.retry_after_seconds)
                return self._after_refusal(draft, refused)
        raise AssertionError("the last attempt returns")

    def _after_refusal(self, draft: Draft, refused: RefusedError) -> Outcome:
        """Tryton refuses to post what is posted already: that is a success, which only its state shows."""
        outcome = outcome_of_status(refused.reply, refused.message)
        if isinstance(outcome, Rejected):
            try:
                state = self.state(draft)
            except _CALL_ERRORS as error:
                return InDoubt(f"Tryton refused, and then did not say why: {error}")
            if state not in {_DRAFT, _GONE}:
                return Posted(draft.native_id)
        return outcome

    def _explained(self, outcome: Rejected, submission: Submission, booking: Booking, draft: Draft | None) -> Outcome:
        """Why, and without a trace: a draft left behind would block the close of its period."""
        model = draft.model if draft else self._model(submission)
        if outcome.failure is FailureClass.VALIDATION:
            explained = reason_of(outcome, self.directory, model, booking.accounting_on)
            if not isinstance(explained, Rejected):
                return explained
            outcome = explained
        if draft is not None and outcome.failure is not FailureClass.CONFLICT:
            with suppress(*_CALL_ERRORS):
                self.directory.client.delete(draft.model, draft.record)
        return outcome

    def _model(self, submission: Submission) -> str:
        """A candidate's copy is an item of the ledger, and so is what the other ERP has issued: it draws no number, and is quiet."""
        document = submission.document
        if not isinstance(document, Invoice | CreditMemo) or submission.role is Role.CANDIDATE:
            return MOVE
        issued_elsewhere = submission.legal_number is not None and document.legal_number is None
        return MOVE if issued_elsewhere else INVOICE

    def _settled(self, submission: Submission, draft: Draft) -> Outcome:
        """Posted; a credit memo is then named at its invoice, which is found to be done when it is done again."""
        if draft.model == INVOICE and isinstance(submission.document, CreditMemo):
            try:
                Settler(self.directory).link_credit(submission.document, draft.record)
            except _CALL_ERRORS as error:
                return InDoubt(f"{draft.native_id} is posted, but not yet named at the invoice that it takes back: {error}")
            except ReferenceRefusedError as refused:
                log.warning("%s is posted and stays an open credit: %s", draft.native_id, refused)
        return Posted(draft.native_id)

    def state(self, draft: Draft, content_hash: str | None = None) -> str:
        """Tryton's state of the record, or `gone`. Raises as the client's search.

        Raises:
            ReferenceRefusedError: The record bears other content than the one that is to be posted.
        """
        rows: Sequence[Row] = self.directory.client.search(draft.model, [["id", "=", draft.record]], ["state", "description"])
        if not rows:
            return _GONE
        ours = read_mark(rows[0]["description"])
        if content_hash is not None and rows[0]["state"] == _DRAFT and (ours is None or ours.content_hash != content_hash):
            reason = f"The stored draft {draft.native_id} bears other content. Nothing was posted."
            raise ReferenceRefusedError(FailureClass.CONFLICT, reason)
        return str(rows[0]["state"])
