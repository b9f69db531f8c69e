"""A company's rights to post, in memory. It passes the same contract suite as the lock-outs of the real ERPs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import ErpUnavailableError, NotQuietError, OvertakenError, WrongSystemError
from hybrid_erp.model.lock_out import LockOutState, PostingRight
from hybrid_erp.model.ownership import OWNED_KINDS

OURS = {Role.CONTROL: "control", Role.CANDIDATE: "candidate", Role.RUN_OFF: "run_off"}
BOOKKEEPER = "bookkeeper"
ADMINISTRATOR = "administrator"


def everybodys_rights() -> set[PostingRight]:
    """A right of each kind for each of our credentials and for the bookkeeper."""
    return {PostingRight(login, f"posts_{kind}", kind) for login in (*OURS.values(), BOOKKEEPER) for kind in OWNED_KINDS}


@dataclass
class FakeErpRights:
    """What the ERP grants: shared by every lock-out that reaches it, and there still when one of them dies."""

    generation: int = 0
    rights: set[PostingRight] = field(default_factory=everybodys_rights)
    fixed: set[PostingRight] = field(default_factory=set)
    """Rights that the custodian cannot take away."""
    unfinished: int = 0
    """Transactions that passed the check and have not ended."""
    down: bool = False
    wrong: bool = False
    """Another system answers."""
    holding_up: bool = False
    """A lock or unlock that is called now is not answered; it takes effect at `let_arrive`."""
    travelling: list[Callable[[], object]] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)
    """What took effect, and with which generation."""

    def let_arrive(self) -> None:
        """What was held up takes effect now, or is refused as too late; its caller does not learn of it."""
        arriving, self.travelling = self.travelling, []
        for call in arriving:
            call()


@dataclass
class FakeLockOut:
    """One custodian's session."""

    erp: FakeErpRights = field(default_factory=FakeErpRights)

    def state(self) -> LockOutState:
        self._up()
        return LockOutState(self.erp.generation, frozenset(self.erp.rights), frozenset({ADMINISTRATOR}), OURS)

    def lock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        self._send("lock", set(rights), generation)

    def unlock(self, rights: Collection[PostingRight], *, generation: int) -> None:
        self._send("unlock", set(rights), generation)

    def wait_until_quiet(self, *, seconds: float) -> None:
        self._up()
        if self.erp.unfinished:
            raise NotQuietError(f"{self.erp.unfinished} transactions are open after {seconds} s")

    def close(self) -> None:
        pass

    def _send(self, name: str, rights: set[PostingRight], generation: int) -> None:
        self._up()
        if self.erp.holding_up:
            self.erp.travelling.append(lambda: self._take_effect(name, rights, generation))
            raise ErpUnavailableError("the fake ERP went silent")
        if not self._take_effect(name, rights, generation):
            raise OvertakenError(f"generation {generation} came after {self.erp.generation}")

    def _take_effect(self, name: str, rights: set[PostingRight], generation: int) -> bool:
        if generation < self.erp.generation:
            return False
        self.erp.generation = generation
        self.erp.rights = self.erp.rights - (rights - self.erp.fixed) if name == "lock" else self.erp.rights | rights
        self.erp.calls.append((name, generation))
        return True

    def _up(self) -> None:
        if self.erp.down:
            raise ErpUnavailableError("the fake ERP is down", 1)
        if self.erp.wrong:
            raise WrongSystemError("another system answers")
