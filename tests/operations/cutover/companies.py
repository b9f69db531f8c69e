"""The companies of a region's two ERPs in memory, reached by name, so that they can live in another process than who asks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.books import Changes, Entry, Origin
from hybrid_erp.model.delivery import Capabilities, ErpIdentity, FailureClass, NativeDocument, Outcome, Retry, Submission
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.model.lock_out import LockOutState, PostingRight
from hybrid_erp.model.money import ZERO
from hybrid_erp.model.ownership import PostingKind, period_of
from hybrid_erp.model.posting import posting_id_of
from hybrid_erp.ports import Held, KeepDraft
from tests.fake_lock_out import BOOKKEEPER, OURS, FakeErpRights, FakeLockOut
from tests.fakes import FakeErp

CURRENCIES = {"DE01": "EUR", "UK01": "GBP"}
BOOKED_ON = date(2026, 3, 5)

Ask = Callable[[str, str, str, tuple[Any, ...]], Any]
"""Of an ERP and a legal entity: call this by name, with these arguments."""


@dataclass
class Company:
    """One company of one ERP: what it holds, and who may post there."""

    erp: str
    legal_entity: str
    books: FakeErp = field(default_factory=FakeErp)
    rights: FakeErpRights = field(default_factory=FakeErpRights)
    natives: list[Entry] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What people wanted to post and were told that they may not."""
    answering: dict[str, list[Exception]] = field(default_factory=dict)
    """By call: what the next ones raise instead of taking effect."""

    def answer(self, call: str, arguments: tuple[Any, ...]) -> Any:
        """Do one call."""
        if self.answering.get(call):
            raise self.answering[call].pop(0)
        return getattr(self, call)(*arguments)

    # As a connector

    def identity(self) -> ErpIdentity:
        return self.books.identity()

    def submit(self, submission: Submission) -> Outcome:
        """Book it, if the credential of its role may."""
        if not self.may_post(OURS[submission.role], submission.document.kind):
            return Retry(FailureClass.FORBIDDEN, f"{submission.role} is locked out")
        return self.books.submit(submission, _no_draft)

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        return self.books.find(document_type, posting_ids)

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        return self.books.read(document_type, native_ids)

    # As a lock-out

    def state(self) -> LockOutState:
        return FakeLockOut(self.rights).state()

    def lock(self, rights: Collection[PostingRight], generation: int) -> None:
        FakeLockOut(self.rights).lock(rights, generation=generation)

    def unlock(self, rights: Collection[PostingRight], generation: int) -> None:
        FakeLockOut(self.rights).unlock(rights, generation=generation)

    def wait_until_quiet(self, seconds: float) -> None:
        FakeLockOut(self.rights).wait_until_quiet(seconds=seconds)

    def may_post(self, login: str, kind: PostingKind) -> bool:
        return any((right.login, right.kind) == (login, kind) for right in self.rights.rights)

    # As books

    def changes(self, after: str | None) -> Changes:
        """What people typed in after a cursor."""
        known = int(after) if after and after.isdigit() else 0
        return Changes(tuple(self.natives[known:]), str(len(self.natives)), more=False)

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        return [entry for entry in self.natives if entry.native_id in native_ids]

    def total(self, from_period: str) -> str:
        """What moved from a period on."""
        moved = [each for each in self.bookings().elements() if period_of(each.accounting_on) >= from_period]
        return f"{sum((line.amount for each in moved for line in each.lines if line.amount > 0), ZERO)} in {len(moved)} documents"

    def holds(self) -> Counter[UUID]:
        """How often it holds each posting; what people typed in goes by the key under which it would be captured."""
        ours = [document.posting_id for document in self.books.documents if document.posted]
        return Counter(ours + [captured_as(self.erp, self.legal_entity, entry.native_id) for entry in self.natives])

    def bookings(self) -> Counter[Booking]:
        """Everything that is booked."""
        ours = [document.booking for document in self.books.documents if document.posted and document.booking is not None]
        return Counter(ours + [entry.booking for entry in self.natives])

    # As its people see it

    def type_in(self, amount: str, on: date = BOOKED_ON) -> UUID | None:
        """The bookkeeper posts an entry natively; its key, or None where the ERP refuses it to his face."""
        if not self.may_post(BOOKKEEPER, PostingKind.LEDGER):
            self.refused.append(amount)
            return None
        native_id = f"{'gl' if self.erp.startswith('ledgersmb') else 'account.move'},{len(self.natives) + 1}"
        currency, lines = CURRENCIES[self.legal_entity], (_line("5200", amount), _line("1000", f"-{amount}"))
        booking = Booking(self.legal_entity, on, currency, currency, lines)
        self.natives.append(
            Entry(native_id, native_id, Origin.NATIVE, True, booking, document_type=DocumentType.JOURNAL_ENTRY, text="typed in")
        )
        return captured_as(self.erp, self.legal_entity, native_id)


def captured_as(erp: str, legal_entity: str, native_id: str) -> UUID:
    """The key of a native document's posting."""
    return posting_id_of(f"hybrid-erp/capture/{erp}", f"{legal_entity}/{native_id}")


def _line(account: str, amount: str) -> BookingLine:
    return BookingLine(account, Decimal(amount), Decimal(amount))


def _no_draft(draft_id: str) -> None:
    raise AssertionError(f"a unique ERP made draft {draft_id}")


@dataclass
class Companies:
    """All of them."""

    of: dict[tuple[str, str], Company]

    def ask(self, erp: str, legal_entity: str, call: str, arguments: tuple[Any, ...]) -> Any:
        """Let one of them do a call."""
        return self.of[erp, legal_entity].answer(call, arguments)


@dataclass
class Door:
    """One company from outside, as connector, lock-out and books at once; every call goes through `ask`."""

    erp: str
    legal_entity: str
    ask: Ask
    capabilities: Capabilities = field(default_factory=lambda: FakeErp().capabilities)

    def identity(self) -> ErpIdentity:
        return cast("ErpIdentity", self._call("identity"))

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        return cast("Outcome", self._call("submit", submission))

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        return cast("Sequence[NativeDocument]", self._call("find", document_type, posting_ids))

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        return cast("Sequence[NativeDocument]", self._call("read", document_type, native_ids))

    def discard_draft(self, document_type: DocumentType, native_id: str) -> bool:
        return True

    def drafts(self) -> Sequence[NativeDocument]:
        return []

    def held(self, document_type: DocumentType) -> Sequence[Held]:
        return []

    def state(self) -> LockOutState:
        return cast("LockOutState", self._call("state"))

    def lock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        self._call("lock", rights, generation)

    def unlock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        self._call("unlock", rights, generation)

    def wait_until_quiet(self, *, seconds: float) -> None:
        self._call("wait_until_quiet", seconds)

    def changes(self, after: str | None, *, limit: int = 1000, thorough: bool = False) -> Changes:
        return cast("Changes", self._call("changes", after))

    def entries(self, native_ids: Sequence[str]) -> Sequence[Entry]:
        return cast("Sequence[Entry]", self._call("entries", native_ids))

    def total(self, from_period: str) -> str:
        return str(self._call("total", from_period))

    def holds(self) -> Counter[UUID]:
        return cast("Counter[UUID]", self._call("holds"))

    def close(self) -> None:
        pass

    def _call(self, name: str, *arguments: Any) -> Any:
        return self.ask(self.erp, self.legal_entity, name, arguments)
