"""The connector for any ERP that is reached by SQL and described by a SQL pack (PROTOCOL S6).

A posting is one statement and one transaction on the server: a session that is lost in the middle leaves nothing behind, and one that is
lost at the end is found again by the key. That makes every document type `unique`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg

from hybrid_erp.adapters.erps.sql_failure import outcome_of_failure
from hybrid_erp.adapters.erps.sql_pack import SqlPack
from hybrid_erp.adapters.erps.sql_reading import native_documents
from hybrid_erp.adapters.erps.sql_session import Connection, SqlSession
from hybrid_erp.adapters.erps.sql_submission import native_submission
from hybrid_erp.model.delivery import ErpIdentity, FailureClass, NativeDocument, Outcome, Posted, Rejected, Retry, Role, Submission
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import ErpUnavailableError, UnbalancedEntryError, UnmappedError
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.ports import Held, KeepDraft

Connect = Callable[[Role], Connection]
"""Opens a connection with the credential of a role. It must end by itself (`connect_timeout`) and never reconnect."""


class SqlConnector:
    """One company of a SQL-reached ERP. One session for each role's credential, opened when it is first needed."""

    def __init__(self, connect: Connect, pack: SqlPack, mapping: Mapping, *, legal_entity: str, expected: ErpIdentity) -> None:
        """`expected` is who must answer; its version is not compared, the pack knows the versions that it speaks with."""
        self.capabilities = pack.capabilities
        self._connect = connect
        self._pack = pack
        self._mapping = mapping
        self._legal_entity = legal_entity
        self._expected = expected
        self._sessions: dict[Role, SqlSession] = {}
        self._last_role = Role.CONTROL

    def identity(self) -> ErpIdentity:
        """Who answers; read once a session and compared.

        Raises:
            WrongSystemError: It is not the configured database, company, currency or version.
            ErpUnavailableError: It cannot be reached.
        """
        session = self._session(self._last_role)
        session.connection()
        assert session.identity is not None
        return session.identity

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        """Post in one round trip, or answer with what an earlier attempt left.

        Raises:
            WrongSystemError: Another system answers; nothing was sent.
            LeaseTooShortError: Too little of the lease is left; nothing was sent.
        """
        try:
            if submission.booking is not None:
                submission.booking.require_balance()
            content = native_submission(submission, self._pack, self._mapping)
        except UnmappedError as error:
            return Rejected(FailureClass.MAPPING_GAP, error.message)
        except UnbalancedEntryError as error:
            return Rejected(FailureClass.VALIDATION, error.message)
        self._last_role = submission.role
        session = self._session(submission.role)
        try:
            session.claimed(submission.claim_token, submission.deadline)
        except ErpUnavailableError as error:
            return Retry(FailureClass.TRANSIENT, error.message, error.retry_after_seconds, nothing_sent=True)
        statement = self._pack.operation(submission.document.document_type).submit
        try:
            return Posted(session.prepared.run(statement, content))
        except psycopg.Error as error:
            return outcome_of_failure(error, self._pack, connection_lost=not session.alive)

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        """What the ERP holds under these keys, in one query."""
        return self._documents(self._pack.operation(document_type).find, {"keys": [str(posting_id) for posting_id in posting_ids]})

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        """What the ERP has booked, in one query."""
        return self._documents(self._pack.operation(document_type).read, {"ids": list(native_ids)})

    def held(self, document_type: DocumentType) -> Sequence[Held]:
        """What the ERP holds under our numbers, whoever entered it."""
        statement = self._pack.operation(document_type).held if document_type in self.capabilities else None
        if statement is None:
            return []
        return [Held(str(number), str(native_id)) for number, native_id in self._rows(statement, {})]

    def discard_draft(self, document_type: DocumentType, native_id: str) -> bool:
        """There are no drafts: what is named was posted."""
        return False

    def drafts(self) -> Sequence[NativeDocument]:
        """There are none."""
        return []

    def close(self) -> None:
        """End every session."""
        for session in self._sessions.values():
            session.close()

    def _session(self, role: Role) -> SqlSession:
        if role not in self._sessions:
            self._sessions[role] = SqlSession(lambda: self._connect(role), self._pack, self._expected)
        return self._sessions[role]

    def _documents(self, statement: str, terms: dict[str, list[str]]) -> list[NativeDocument]:
        values = (row[0] for row in self._rows(statement, terms))
        return list(native_documents(values, legal_entity=self._legal_entity, pack=self._pack, mapping=self._mapping))

    def _rows(self, statement: str, terms: dict[str, list[str]]) -> list[tuple[Any, ...]]:
        try:
            return self._session(self._last_role).connection().execute(statement.encode(), terms).fetchall()
        except psycopg.Error as error:
            message = error.diag.message_primary or (str(error).splitlines() or ["no answer"])[0]
            raise ErpUnavailableError(f"{self._expected.database} cannot be read: {message}") from error
