"""The few things that the core needs filled. Adapters fit by shape; nothing inherits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar
from uuid import UUID

from hybrid_erp.model.books import (
    AccountMovement,
    Changes,
    CustomerBalance,
    CustomerFigures,
    DayMovement,
    DocumentTotal,
    Entry,
    NativeAccount,
    NumberSeries,
    OpenReceivable,
    ProjectFigures,
    Reading,
    TimeFigures,
)
from hybrid_erp.model.claim import Claim, SettledPosted, Settlement
from hybrid_erp.model.delivery import Capabilities, ErpIdentity, NativeDocument, Outcome, Submission
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.errors import RefusedEventError
from hybrid_erp.model.lock_out import LockOutState, PostingRight
from hybrid_erp.model.posting import Posting


@dataclass(frozen=True, slots=True)
class Stored:
    """Under which posting an event is stored; not new if it, or the same version of its document, was there before."""

    posting_id: UUID
    new: bool


class IntakeStore(Protocol):
    """Where accepted postings go."""

    def accept(self, parts: Iterable[Sequence[Posting]], *, accepted_by: str) -> Sequence[Stored | RefusedEventError]:
        """Store all that can be stored in one transaction, durably, and answer each in order. A part may be written before the next comes.

        Refused are: a key used before with other content, a document version known with other content, a version older than one
        accepted, a document of another source.
        """


class DueQueue(Protocol):
    """Due postings of one (region, kind) at one company."""

    @property
    def legal_entity(self) -> str:
        """The company."""


Q = TypeVar("Q", bound=DueQueue)


class Claims(Protocol[Q]):
    """Where claims come from."""

    def due(self, erp: str) -> Sequence[Q]:
        """Where work is due."""

    def claim(self, erp: str, queue: Q, *, limit: int, lease_seconds: float) -> Sequence[Claim]:
        """Claim up to `limit` postings."""


class Settlements(Protocol):
    """Where a worker writes down what came of its claims. Everything raises ClaimLostError once the claim is another worker's."""

    def settle(self, claim: Claim, settlement: Settlement) -> None:
        """Write one settlement, in a transaction of its own."""

    def settle_posted(self, receipts: Sequence[tuple[Claim, SettledPosted]]) -> Sequence[Claim]:
        """Write receipts of one ERP, each standing alone; the claims that were lost, of which nothing was written."""

    def give_back(self, claim: Claim) -> None:
        """Return a claim under which nothing at all was sent."""

    def move_to_period(self, claim: Claim, period: str) -> None:
        """Return a claim under which nothing was sent, to be routed by another accounting period."""

    def keep_draft(self, claim: Claim, draft_id: str) -> None:
        """Store, durably, the native id of the one draft that may be posted."""

    def forget_draft(self, claim: Claim, draft_id: str) -> None:
        """Clear the id of a draft that was deleted in the ERP."""

    def keep_accounting_date(self, claim: Claim, accounting_on: date) -> None:
        """Store, durably, the accounting date that the control has decided."""


KeepDraft = Callable[[str], None]
"""Stores the native id of a draft before it is posted. Raises ClaimLostError if the claim is no longer ours: then touch nothing."""


@dataclass(frozen=True, slots=True)
class Held:
    """Something that an ERP holds under one of our numbers."""

    number: str
    native_id: str


class ErpConnector(Protocol):
    """One company of one ERP, as the core sees it. Used by one thread at a time."""

    capabilities: Capabilities
    """The document types that the ERP takes; what is missing is refused before it is sent."""

    def identity(self) -> ErpIdentity:
        """Ask the ERP who it is, once a session, and compare with the configuration.

        Raises:
            WrongSystemError: It is not the configured database, company or environment. Nothing may be sent.
            ErpUnavailableError: It cannot be reached.
        """

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        """Post once, or answer what an earlier attempt came to. Raises nothing for what the ERP refuses: a refusal is an outcome.

        A `unique` document type answers Posted when the ERP holds the key already, whatever its content: read back compares.
        A `draft` document type makes a draft (unless `submission.draft_id` names one), hands its id to `keep_draft`, then posts by id.
        """

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        """What the ERP holds under these keys, posted or draft; several for one key if it does. Empty proves nothing (PROTOCOL S7)."""

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        """Read documents back by native id, in one call for all of them where the ERP can."""

    def discard_draft(self, document_type: DocumentType, native_id: str) -> bool:
        """Delete a draft by id. True if it is certainly gone, False if it had been posted."""

    def drafts(self) -> Sequence[NativeDocument]:
        """Every draft that bears our mark, of whatever document type and from whatever attempt; empty where the ERP has no drafts."""

    def held(self, document_type: DocumentType) -> Sequence[Held]:
        """Customers or projects that the ERP holds under our numbers, whoever entered them; empty for every other type."""

    def close(self) -> None:
        """End the session."""


class BooksReader(Protocol):
    """One company of one ERP as load, capture and reconciliation read it. Reads alone; used by one thread at a time.

    Everything raises ErpUnavailableError when the ERP cannot be reached, WrongSystemError when another answers.
    """

    @property
    def calls(self) -> int:
        """How often the ERP was asked: requests, or statements."""

    def snapshot(self) -> AbstractContextManager[Reading]:
        """Inside the block every figure is of one state, where the ERP can; the reading names it and its high-water mark."""

    def chart(self) -> Sequence[NativeAccount]:
        """Every account that can bear an amount, used or not."""

    def movements(self) -> Sequence[AccountMovement]:
        """Trial balance by accounting period: the ERP's own total of each account that moved, posted documents alone.

        Before year-end closing entries (ACCOUNTING A6).
        """

    def customer_balances(self) -> Sequence[CustomerBalance]:
        """What each customer owes by the subledger's own total, in a number of calls that does not grow with the number of items.

        Equal to the sum of the customer's open items.
        """

    def open_receivables(self, customers: Collection[str] | None = None) -> Sequence[OpenReceivable]:
        """Every item that is not wholly settled, unapplied cash and credits included; of all customers, or of some."""

    def customers(self) -> Sequence[CustomerFigures]:
        """Every customer, whoever entered it."""

    def open_on(self, day: date) -> bool:
        """Whether the ERP would take a posting on this day: it has an accounting period for it, and that period is open."""

    def projects(self) -> Sequence[ProjectFigures]:
        """Every project with its tasks."""

    def unbilled_time(self, projects: Collection[str] | None = None) -> Sequence[TimeFigures]:
        """Every time entry that may still be billed; of all projects, or of some."""

    def series(self) -> Sequence[NumberSeries]:
        """The series that legal numbers are drawn from, with their gaps."""

    def document_totals(self) -> Sequence[DocumentTotal]:
        """Count and sum of posted documents by native type, period and currency."""

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        """Documents made or changed after a cursor, ours and others', oldest first; None: from the beginning.

        May tell a document again; never leaves one out that was committed before the answer's cursor. What somebody alters underneath
        the ERP, in a document that was there already, may be told by a `thorough` call alone: where only a look at every row shows it,
        that costs one pass over the ERP's tables.
        """

    def cursor(self) -> str:
        """The cursor of now: `changes` after it tells what comes from now on."""

    def days(self, account: str, period: str) -> Sequence[DayMovement]:
        """A native account's movement by day, in one call or a few: locates a difference without reading documents."""

    def entries_on(self, account: str, day: date) -> Sequence[Entry]:
        """The documents that have a line on a native account on one day."""

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        """These documents; what is gone is left out."""

    def close(self) -> None:
        """End the session."""


class LockOut(Protocol):
    """The lock-out of one company of one ERP, by the custodian's credential (PROTOCOL L). Used by one thread at a time.

    Everything raises ErpUnavailableError when the ERP cannot be reached, WrongSystemError when another answers. A call that raised the
    first may have taken effect, or may yet: only `state` says.
    """

    def state(self) -> LockOutState:
        """Who may post now, read from what the ERP really grants, never from what was asked of it."""

    def lock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        """Take these rights away, in one transaction that does nothing where the ERP has seen a higher generation.

        Repeated, it changes nothing. It claims no success: what cannot be taken stays, and `state` shows it.

        Raises:
            OvertakenError: The ERP has seen a higher generation; nothing was changed.
        """

    def unlock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        """Give these rights back; otherwise as `lock`."""

    def wait_until_quiet(self, *, seconds: float) -> None:
        """Return once every transaction that had passed the ERP's check before `lock` has ended (PROTOCOL L3).

        Raises:
            NotQuietError: The time is up, and one may still be open.
        """

    def close(self) -> None:
        """End the session."""
