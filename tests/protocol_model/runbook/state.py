"""What the runbook model remembers: the region's facts in the store, the locks in the ERPs, and what is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tests.protocol_model.explore import Step
from tests.protocol_model.guards import Guards
from tests.protocol_model.phases import Phase, claims_open

LEGACY, CLOUD = 0, 1
ERPS = ("legacy", "cloud")
NOBODY = -1

Task = Literal["freeze", "drain", "lock_out", "verify", "switch", "release"]
TASKS: tuple[Task, ...] = ("freeze", "drain", "lock_out", "verify", "switch", "release")


@dataclass(frozen=True, slots=True)
class Lock:
    """Whether one company of an ERP refuses people and our control credential."""

    closed: bool = False
    generation: int = 0
    """Of the last call that it obeyed."""


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """A lock call on its way to one company."""

    close: bool
    erp: int
    company: int
    generation: int
    sender: int
    """The run that waits for it; NOBODY: that run is gone, and the call travels on."""


@dataclass(frozen=True, slots=True)
class Run:
    """One task that somebody has started."""

    task: Task
    cutover: int
    """The cutover that it was started for."""
    step: int = 0
    generation: int = 0
    """Of the lock intent that it wrote, with the ERP that is to be locked."""
    erp: int = LEGACY
    seen: bool = False
    """What it has read in the ERP."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may happen, and how much there is."""

    starts: int = 9
    """Tasks that the two runs may start; the watcher needs no leave."""
    late: int = 1
    """Lock calls that travel on after their run has died or given up waiting."""
    traffic: int = 1
    """Postings that are delivered meanwhile."""
    ids: tuple[int, ...] = (1, 2)
    """For which cutover each run acts. Twice the same: the ghost of a task beside its next try."""
    companies: int = 1
    watcher: bool = True

    @property
    def runs(self) -> int:
        """How many runs there are; the watcher comes after them."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class State:
    """Everything, at one moment."""

    locks: tuple[tuple[Lock, ...], tuple[Lock, ...]]
    runs: tuple[Run | None, ...]
    """The two runs, and the watcher."""
    left: Bounds
    owner: int = LEGACY
    former: int | None = None
    """The owner before the last flip; its lock-out stays."""
    phase: Phase = "dual_run"
    epoch: int = 1
    cutover: int = 0
    last_cutover: int = 0
    intent: int = 0
    """The generation of the lock intent; 0: none is written."""
    lapsed: bool = False
    position: int = 0
    verified_position: int = 0
    verified_for: int = 0
    approved: int = 0
    changed_for: int = 0
    """For which cutover the last change of phase was made."""
    calls: tuple[Call, ...] = ()

    def with_run(self, number: int, run: Run | None) -> State:
        """The state with one run changed."""
        return replace(self, runs=(*self.runs[:number], run, *self.runs[number + 1 :]))

    def all_locks(self, erp: int, *, closed: bool) -> bool:
        """Whether each company of an ERP is closed, or each is open."""
        return all(lock.closed is closed for lock in self.locks[erp])


@dataclass(frozen=True, slots=True)
class Model:
    """Bounds under guards."""

    bounds: Bounds
    guards: Guards

    def start(self) -> State:
        """A region in dual run."""
        companies = (Lock(),) * self.bounds.companies
        return State(locks=(companies, companies), runs=(None,) * (self.bounds.runs + 1), left=self.bounds)

    def who(self, number: int) -> str:
        """A run's name."""
        return "the watcher" if number == self.bounds.runs else f"run {number + 1}"

    def actor(self, number: int) -> str:
        """Who acts, for the explorer."""
        return "watcher" if number == self.bounds.runs else "runner"

    def mine(self, state: State, run: Run) -> bool:
        """Whether the task's cutover is the active one."""
        return not self.guards.tasks_act_for_their_cutover or (state.cutover == run.cutover and state.cutover > 0)

    def in_force(self, state: State) -> bool:
        """Whether the freeze still holds."""
        return not state.lapsed or not self.guards.steps_demand_the_lease

    def claims_open(self, state: State) -> bool:
        """C7, and the freeze as a lease."""
        return claims_open(self.guards, state.phase, lapsed=state.lapsed, intent=state.intent > 0)


Taken = Iterator[Step[State]]
Act = Callable[[Model, State, int, Run], Taken]


def open_phase(owner: int) -> Phase:
    """The phase in which an owner's claims are open."""
    return "hypercare" if owner == CLOUD else "dual_run"
