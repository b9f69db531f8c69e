"""One company of Tryton behind the connector port (PROTOCOL S2, S5).

Whatever books is made as a draft that bears key and content hash; its id is stored before it is posted, and it is posted by that id. A
request that arrives late makes a draft that nobody posts. Posting an id again is safe: Tryton posts it once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from hybrid_erp.adapters.erps.http import HttpEndpoint, NothingSentError, UnansweredError
from hybrid_erp.adapters.erps.tryton.capabilities import CAPABILITIES
from hybrid_erp.adapters.erps.tryton.client import RefusedError
from hybrid_erp.adapters.erps.tryton.directory import ReferenceRefusedError
from hybrid_erp.adapters.erps.tryton.failures import before_posting, reading, reason_of
from hybrid_erp.adapters.erps.tryton.master_data import MasterDataWriter
from hybrid_erp.adapters.erps.tryton.master_data_reading import MODELS, find_master_data, held_master_data, read_master_data
from hybrid_erp.adapters.erps.tryton.posting import Poster, to_draft
from hybrid_erp.adapters.erps.tryton.reading import INVOICE, MOVE, Reader
from hybrid_erp.adapters.erps.tryton.session import TrytonSession
from hybrid_erp.adapters.erps.tryton.text import key_pattern
from hybrid_erp.model.claim import LEASE_MARGIN_SECONDS, boot_clock
from hybrid_erp.model.delivery import (
    ConnectorClass,
    ErpIdentity,
    FailureClass,
    InDoubt,
    NativeDocument,
    Outcome,
    Posted,
    Rejected,
    Retry,
    Role,
    Submission,
)
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import UnbalancedEntryError, UnmappedError
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.ports import Held, KeepDraft

Connect = Callable[[Role], HttpEndpoint]
"""Where the company answers, with the credential of a role."""

#: One that does not say who it is within this time is not there: whoever asks holds up others.
IDENTITY_SECONDS_MAX: Final = 10.0

_INVOICES = frozenset({DocumentType.INVOICE, DocumentType.CREDIT_MEMO})


class TrytonConnector:
    """One company of Tryton. One session for each role's credential, opened when it is first needed."""

    def __init__(
        self, connect: Connect, mapping: Mapping, *, legal_entity: str, expected: ErpIdentity, acknowledged_warnings: Sequence[str] = ()
    ) -> None:
        """`expected` is who must answer; its version is not compared, the dialect knows the versions that it was proven on."""
        self.capabilities = CAPABILITIES
        self._connect = connect
        self._mapping = mapping
        self._legal_entity = legal_entity
        self._expected = expected
        self._acknowledged = frozenset(acknowledged_warnings)
        self._sessions: dict[Role, TrytonSession] = {}
        self._last_role = Role.CONTROL

    def identity(self) -> ErpIdentity:
        """Who answers; asked once a session and compared.

        Raises:
            WrongSystemError: It is not the configured company, currency or version.
            ErpUnavailableError: It cannot be reached.
        """
        session = self._session(self._last_role)
        session.client.bound_to(boot_clock() + IDENTITY_SECONDS_MAX + LEASE_MARGIN_SECONDS / 2)  # the margin is for claims alone
        try:
            with reading():
                return session.require_identity()
        finally:
            session.client.bound_to(None)

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        """Post once, or answer what an earlier attempt came to.

        Raises:
            WrongSystemError: Another system answers; nothing was sent.
            LeaseTooShortError: Too little of the lease is left.
        """
        try:
            if submission.booking is not None:
                submission.booking.require_balance()
        except UnbalancedEntryError as error:
            return Rejected(FailureClass.VALIDATION, error.message)
        self._last_role = submission.role
        session = self._session(submission.role)
        session.client.bound_to(submission.deadline, submission.correlation_id, submission.traceparent)
        try:
            session.require_identity()
            if submission.booking is None:
                return self._save(session, submission)
            poster = Poster(session.directory, self._mapping, self._acknowledged)
            return poster.submit(submission, submission.booking, keep_draft)
        except UnmappedError as error:
            return Rejected(FailureClass.MAPPING_GAP, error.message)
        except (NothingSentError, UnansweredError, RefusedError) as error:  # while it was asked who it is
            outcome = before_posting(error)
            return Retry(outcome.failure, outcome.message, nothing_sent=True) if isinstance(outcome, Retry | Rejected) else outcome
        finally:
            session.client.bound_to(None)

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        """What Tryton holds under these keys, posted or draft."""
        keys = [str(posting_id) for posting_id in posting_ids]
        with reading():
            session = self._session(self._last_role)
            reader = self._reader(session)
            if model := MODELS.get(document_type):
                return list(find_master_data(session.client, model, keys))
            patterns = [key_pattern(key) for key in keys]
            models = (INVOICE, MOVE) if document_type in _INVOICES else (MOVE,)  # a candidate's copy is a move
            return [document for model in models for document in reader.with_keys(model, patterns)]

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        """What Tryton has booked, in one call for each kind of record."""
        with reading():
            session = self._session(self._last_role)
            reader = self._reader(session)
            by_model: dict[str, list[int]] = {}
            for each in map(to_draft, native_ids):
                by_model.setdefault(each.model, []).append(each.record)
            found: list[NativeDocument] = []
            for model, ids in by_model.items():
                found.extend(reader.with_ids(model, ids) if model in {INVOICE, MOVE} else read_master_data(session.client, model, ids))
            return found

    def held(self, document_type: DocumentType) -> Sequence[Held]:
        """What Tryton holds under our numbers, whoever entered it."""
        with reading():
            session = self._session(self._last_role)
            session.require_identity()
            return list(held_master_data(session.client, document_type))

    def discard_draft(self, document_type: DocumentType, native_id: str) -> bool:
        """Delete a draft by its id; its state afterwards decides what is answered."""
        draft = to_draft(native_id)
        with reading():
            session = self._session(self._last_role)
            poster = Poster(session.directory, self._mapping, self._acknowledged)
            if poster.state(draft) == "draft":
                session.client.delete(draft.model, draft.record)
            return poster.state(draft) == "gone"

    def drafts(self) -> Sequence[NativeDocument]:
        """Drafts that bear our mark, in one call for each kind of record."""
        with reading():
            reader = self._reader(self._session(self._last_role))
            return [draft for model in (INVOICE, MOVE) for draft in reader.drafts(model)]

    def close(self) -> None:
        """End every session."""
        for session in self._sessions.values():
            session.close()

    def _save(self, session: TrytonSession, submission: Submission) -> Outcome:
        """Save what has no draft. What was not answered may have taken effect; only where a second one is impossible it is just a retry."""
        document_type = submission.document.document_type
        try:
            return Posted(MasterDataWriter(session.directory, self._mapping, self._legal_entity).save(submission))
        except ReferenceRefusedError as refused:
            return Rejected(refused.failure, str(refused))
        except NothingSentError as error:
            return Retry(FailureClass.TRANSIENT, str(error))
        except UnansweredError as error:
            return InDoubt(str(error))
        except RefusedError as refused:
            if refused.reply.status >= 500 and self.capabilities[document_type].connector_class is ConnectorClass.LOOK_UP_ONLY:
                return InDoubt(f"Tryton failed ({refused.reply.status}): {refused.message}")
            outcome = before_posting(refused)
            return reason_of(outcome, session.directory, MODELS[document_type], None) if isinstance(outcome, Rejected) else outcome

    def _session(self, role: Role) -> TrytonSession:
        if role not in self._sessions:
            self._sessions[role] = TrytonSession(self._connect(role), self._expected)
        return self._sessions[role]

    def _reader(self, session: TrytonSession) -> Reader:
        directory = session.directory
        return Reader(session.client, self._mapping, directory.company, self._legal_entity, self._expected.functional_currency)
