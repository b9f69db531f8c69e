"""A scenario under its guards: the facts of its postings, and the questions that several actions ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.protocol_model.delivery.state import (
    CLOUD,
    EARLIER,
    LATER,
    LEGACY,
    Book,
    ConnectorClass,
    Delivery,
    Faults,
    Ownership,
    Posting,
    Role,
    State,
    Worker,
)
from tests.protocol_model.explore import Step
from tests.protocol_model.guards import Guards
from tests.protocol_model.phases import OPEN_PHASES, claims_open

Taken = Iterator[Step[State]]


@dataclass(frozen=True, slots=True)
class Document:
    """What never changes about a posting."""

    kind: int = 0
    lane: int | None = 0
    """None: it commutes."""
    entity: int = 0
    depends_on: int | None = None
    period: int | None = LATER
    native: bool = False
    """A person posts it in the legacy ERP; it is captured."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is explored: postings, ERPs, and how often each fault may happen."""

    documents: tuple[Document, ...]
    faults: Faults
    erps: tuple[ConnectorClass, ConnectorClass] = ("unique", "unique")
    workers: int = 2
    from_period: int = LATER
    """The first period that a flip moves."""
    two_phase: bool = False
    """The ERPs check their lock when a request starts, and commit later."""
    pinnable: tuple[int, ...] = ()
    corrected: bool = False
    """A replay may bring a corrected payload."""
    close_posts: bool = False
    """People of the close post at the old owner after the lock-out."""

    def start(self) -> State:
        """Everything accepted, nothing delivered."""
        kinds = 1 + max(each.kind for each in self.documents)
        entities = 1 + max(each.entity for each in self.documents)
        return State(
            ownership=(Ownership(),) * kinds,
            pins=(None,) * entities,
            postings=tuple(Posting("absent" if each.native else "open", 0, each.period) for each in self.documents),
            deliveries=((Delivery(), Delivery()),) * len(self.documents),
            books=((Book(), Book()),) * len(self.documents),
            workers=(Worker(),) * self.workers,
            left=self.faults,
        )


@dataclass(frozen=True, slots=True)
class Model:
    """A scenario under guards."""

    scenario: Scenario
    guards: Guards
    earlier_in_lane: tuple[tuple[int, ...], ...] = field(init=False)
    """Of each posting: those of its lane that were accepted before it."""

    def __post_init__(self) -> None:
        documents = self.scenario.documents
        lanes = tuple(
            tuple(q for q in range(p) if each.lane is not None and (documents[q].lane, documents[q].kind) == (each.lane, each.kind))
            for p, each in enumerate(documents)
        )
        object.__setattr__(self, "earlier_in_lane", lanes)

    def period(self, state: State, posting: int) -> int:
        """The accounting period by which a posting is routed."""
        period = state.postings[posting].period
        return state.today if period is None else period

    def pinned(self, state: State, posting: int) -> int | None:
        """The ERP that the posting's entity is pinned to."""
        return state.pins[self.scenario.documents[posting].entity]

    def ownership(self, state: State, posting: int) -> Ownership:
        """Of the posting's kind."""
        return state.ownership[self.scenario.documents[posting].kind]

    def destination(self, state: State, posting: int) -> int:
        """C3: the pin, else the owner of the posting's period."""
        pin = self.pinned(state, posting)
        return self.ownership(state, posting).owners[self.period(state, posting)] if pin is None else pin

    def stays(self, state: State, posting: int) -> bool:
        """Whether the posting's period keeps its owner in the cutover under way, or kept it in the last one."""
        ownership = self.ownership(state, posting)
        earlier = self.period(state, posting) < self.scenario.from_period
        return earlier and (ownership.phase not in OPEN_PHASES or ownership.owners[EARLIER] != ownership.owners[LATER])

    def moving(self, state: State, kind: int) -> list[int]:
        """The postings that the cutover of a kind is about: pinned entities and periods that stay are not."""
        return [
            p
            for p, each in enumerate(self.scenario.documents)
            if each.kind == kind and self.pinned(state, p) is None and self._moves(state, p)
        ]

    def _moves(self, state: State, posting: int) -> bool:
        return self.period(state, posting) >= self.scenario.from_period or not self.guards.counts_are_of_what_moves

    def claims_open(self, ownership: Ownership) -> bool:
        """C7, and the freeze as a lease: whether new control claims are allowed."""
        is_open = claims_open(self.guards, ownership.phase, lapsed=ownership.lapsed, intent=ownership.intent)
        return is_open or not self.guards.freeze

    def posted(self, state: State, posting: int, erp: int, role: Role) -> State:
        """T3: the receipt, and in the same transaction the row of the candidate's copy."""
        delivery = state.deliveries[posting][erp]
        state = state.with_delivery(posting, erp, replace(delivery, state="posted", role=role, holder=-1, leased=False))
        if role == "candidate":
            return state
        state = state.with_posting(posting, replace(state.postings[posting], state="posted"))
        if role == "run_off" and not self.guards.earlier_periods_are_copied:
            return state
        copy = state.deliveries[posting][other(erp)]
        if copy.state == "posted":
            return state
        copy = replace(copy, state="open", role="candidate", holder=-1, leased=False)
        return state.with_delivery(posting, other(erp), copy)


def other(erp: int) -> int:
    """The other ERP of the two."""
    return LEGACY if erp == CLOUD else CLOUD
