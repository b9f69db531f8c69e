"""What the contract suite of the lock-out asks of an ERP beside its lock-out: who posts what, in which way, and what is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from hybrid_erp.model.delivery import FailureClass, Outcome, Posted, Retry, Role
from hybrid_erp.model.errors import ErpUnavailableError
from hybrid_erp.model.lock_out import PostingRight
from hybrid_erp.model.ownership import OWNED_KINDS, PostingKind
from hybrid_erp.ports import LockOut
from tests.fake_lock_out import BOOKKEEPER, OURS, FakeErpRights, FakeLockOut

Call = Callable[[LockOut], None]


class RefusedByTheErpError(Exception):
    """A person was refused by the ERP itself."""


class Unfinished(Protocol):
    """A posting that has passed the ERP's check and is not committed."""

    def end(self) -> None:
        """Let it commit; returns when it has."""


class HeldUp(Protocol):
    """A call that has left and has not arrived."""

    def arrive(self) -> None:
        """Let it arrive; returns when the ERP has dealt with it."""


class LockOutUnderTest(Protocol):
    """One company of one ERP."""

    @property
    def bookkeeper(self) -> str:
        """A person's login that holds every posting right."""

    @property
    def ways(self) -> Mapping[str, PostingKind]:
        """Each way in which the bookkeeper posts natively, and what it posts."""

    @property
    def quiet_seconds(self) -> float:
        """Within what time the ERP is quiet when nobody posts."""

    def lock_out(self) -> LockOut:
        """A new session of the custodian."""

    def lock_out_of_the_wrong_company(self) -> LockOut:
        """The custodian's connection leads to another company."""

    def lock_out_of_an_erp_that_is_down(self) -> LockOut:
        """Nobody answers."""

    def submits(self, role: Role, kind: PostingKind) -> list[Outcome]:
        """Our credential submits a new document of each type of this kind."""

    def bookkeeper_posts(self, way: str) -> None:
        """The bookkeeper posts something new. Raises RefusedByTheErpError."""

    def reads(self) -> bool:
        """Whether our control and the bookkeeper both can read what is booked."""

    def by_another_way(self) -> AbstractContextManager[PostingRight]:
        """The bookkeeper holds a posting right by another way than everybody else: how it has to show."""

    def fixed(self) -> AbstractContextManager[PostingRight]:
        """The bookkeeper holds a posting right that the custodian cannot take away: how it has to show."""

    def unfinished(self) -> AbstractContextManager[Unfinished]:
        """The bookkeeper's posting, under way."""

    def held_up(self, call: Call) -> AbstractContextManager[HeldUp]:
        """A call of the custodian, under way."""


@dataclass
class FakeLockOutUnderTest:
    """The fake, whose people and credentials post by the rights that it keeps."""

    erp: FakeErpRights = field(default_factory=FakeErpRights)
    bookkeeper: str = BOOKKEEPER
    quiet_seconds: float = 0.1

    @property
    def ways(self) -> Mapping[str, PostingKind]:
        return {f"by hand: {kind}": kind for kind in OWNED_KINDS}

    def lock_out(self) -> LockOut:
        return FakeLockOut(self.erp)

    def lock_out_of_the_wrong_company(self) -> LockOut:
        return FakeLockOut(FakeErpRights(wrong=True))

    def lock_out_of_an_erp_that_is_down(self) -> LockOut:
        return FakeLockOut(FakeErpRights(down=True))

    def submits(self, role: Role, kind: PostingKind) -> list[Outcome]:
        return [Posted("1") if self._may(OURS[role], kind) else Retry(FailureClass.FORBIDDEN, "locked out")]

    def bookkeeper_posts(self, way: str) -> None:
        if not self._may(BOOKKEEPER, self.ways[way]):
            raise RefusedByTheErpError(way)

    def reads(self) -> bool:
        return True

    @contextmanager
    def by_another_way(self) -> Iterator[PostingRight]:
        right = PostingRight(BOOKKEEPER, "accountants", PostingKind.LEDGER)
        self.erp.rights |= {right}
        try:
            yield right
        finally:
            self.erp.rights -= {right}

    @contextmanager
    def fixed(self) -> Iterator[PostingRight]:
        with self.by_another_way() as right:
            self.erp.fixed |= {right}
            try:
                yield right
            finally:
                self.erp.fixed -= {right}

    @contextmanager
    def unfinished(self) -> Iterator[Unfinished]:
        self.erp.unfinished += 1
        yield _FakeUnfinished(self.erp)
        self.erp.unfinished = 0

    @contextmanager
    def held_up(self, call: Call) -> Iterator[HeldUp]:
        self.erp.holding_up = True
        with suppress(ErpUnavailableError):
            call(self.lock_out())
        self.erp.holding_up = False
        yield _FakeHeldUp(self.erp)

    def _may(self, login: str, kind: PostingKind) -> bool:
        return kind not in OWNED_KINDS or any((right.login, right.kind) == (login, kind) for right in self.erp.rights)


@dataclass
class _FakeUnfinished:
    erp: FakeErpRights

    def end(self) -> None:
        self.erp.unfinished -= 1


@dataclass
class _FakeHeldUp:
    erp: FakeErpRights

    def arrive(self) -> None:
        self.erp.let_arrive()
