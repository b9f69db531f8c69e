"""What the delivery model remembers: ownership, postings, deliveries, workers, requests that travel, and what each ERP holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from tests.protocol_model.phases import Phase

T = TypeVar("T")

LEGACY, CLOUD = 0, 1
ERPS = ("legacy", "cloud")
EARLIER, LATER = 0, 1
"""Two accounting periods."""
NOBODY = -1

PostingState = Literal["absent", "native", "open", "posted", "dead"]
DeliveryState = Literal["none", "open", "claimed", "in_doubt", "posted", "dead", "dead_by_our_lock_out"]
Role = Literal["control", "candidate", "run_off"]
ConnectorClass = Literal["unique", "draft", "look_up_only"]
WorkerStep = Literal["idle", "routed", "looking", "checking", "sending", "waiting", "storing", "settling"]
Outcome = Literal["", "posted", "rejected", "refused_for_prerequisite", "locked_out", "in_doubt", "draft_gone", "conflict"]
DraftState = Literal["draft", "posted", "deleted"]


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns the kinds that move together; the flip under way."""

    owners: tuple[int, int] = (LEGACY, LEGACY)
    """Of the earlier and the later period."""
    phase: Phase = "dual_run"
    lapsed: bool = False
    """`frozen_until` has passed."""
    intent: bool = False
    """The lock intent is written."""
    locked: tuple[bool, bool] = (False, False)
    """At which ERP people and our control credential are refused."""

    @property
    def owner(self) -> int:
        """Of what moves."""
        return self.owners[LATER]


@dataclass(frozen=True, slots=True)
class Posting:
    """An accepted posting."""

    state: PostingState = "open"
    version: int = 0
    period: int | None = LATER
    """None: it bears no date, and is routed by the current period."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One posting at one ERP."""

    state: DeliveryState = "none"
    role: Role = "control"
    holder: int = NOBODY
    """The worker whose token is on the claim."""
    leased: bool = False
    marked: bool = False
    proven_absent: bool = False
    """Not found under a confirmed lock-out: valid only while that stands."""
    draft: int = 0
    """The stored draft id; 0: none."""


@dataclass(frozen=True, slots=True)
class Book:
    """What an ERP holds under one posting's key."""

    posted: int = 0
    version: int = 0
    role: Role = "control"
    """With which credential it was posted."""
    period: int = LATER
    drafts: tuple[DraftState, ...] = ()


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker knows of the claim in its hands."""

    step: WorkerStep = "idle"
    posting: int = 0
    erp: int = 0
    role: Role = "control"
    marked_before: bool = False
    look_up_only: bool = False
    draft: int = 0
    outcome: Outcome = ""


IDLE = Worker()


@dataclass(frozen=True, slots=True, order=True)
class Request:
    """A request on its way to an ERP, or in it."""

    posting: int
    erp: int
    draft: int
    role: str
    version: int
    period: int
    sender: int
    """The worker that waits for the answer; NOBODY: it has given up, and the request travels on."""
    started: bool = False
    """The ERP has checked its lock and will commit."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each thing may still happen."""

    crash: int = 0
    pause: int = 0
    timeout: int = 0
    reject: int = 0
    flip: int = 0
    pin: int = 0
    release: int = 0
    replay: int = 0
    lapse: int = 0
    renewal: int = 0
    """A lapsed lease made valid again: tried only where nothing forbids it."""
    tick: int = 0
    """The current period changes."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything, at one moment."""

    ownership: tuple[Ownership, ...]
    pins: tuple[int | None, ...]
    postings: tuple[Posting, ...]
    deliveries: tuple[tuple[Delivery, Delivery], ...]
    books: tuple[tuple[Book, Book], ...]
    workers: tuple[Worker, ...]
    left: Faults
    requests: tuple[Request, ...] = ()
    today: int = EARLIER
    """The current period, for postings without a date."""

    def with_delivery(self, posting: int, erp: int, delivery: Delivery) -> State:
        """The state with one delivery changed."""
        pair = self.deliveries[posting]
        changed = (delivery, pair[1]) if erp == LEGACY else (pair[0], delivery)
        return replace(self, deliveries=put(self.deliveries, posting, changed))

    def with_book(self, posting: int, erp: int, book: Book) -> State:
        """The state with what one ERP holds changed."""
        pair = self.books[posting]
        changed = (book, pair[1]) if erp == LEGACY else (pair[0], book)
        return replace(self, books=put(self.books, posting, changed))

    def with_worker(self, number: int, worker: Worker) -> State:
        """The state with one worker changed."""
        return replace(self, workers=put(self.workers, number, worker))

    def with_ownership(self, kind: int, ownership: Ownership) -> State:
        """The state with one ownership changed."""
        return replace(self, ownership=put(self.ownership, kind, ownership))

    def with_posting(self, number: int, posting: Posting) -> State:
        """The state with one posting changed."""
        return replace(self, postings=put(self.postings, number, posting))

    def spent(self, fault: str) -> Faults:
        """What may still happen, once less of this."""
        return replace(self.left, **{fault: getattr(self.left, fault) - 1})


def put(values: tuple[T, ...], at: int, value: T) -> tuple[T, ...]:
    """The tuple with one value changed."""
    return (*values[:at], value, *values[at + 1 :])
