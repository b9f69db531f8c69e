"""Breadth-first search through every state that a model can reach: shortest counter-examples, and ways that lead nowhere."""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

Step = tuple[str, str, S]
"""Who acts (`worker`, `erp`, `runner`, `watcher`, `person`, `time`), what happens, and the state after it."""
Steps = Callable[[S], Iterable[Step[S]]]
Invariant = Callable[[S, S], bool]
"""Whether the step from one state to the next may be."""


@dataclass(frozen=True, slots=True)
class Progress(Generic[S]):
    """From every state `whenever` there has to be a way to a state that is `reached`, in which only these actors act."""

    reached: Callable[[S], bool]
    actors: frozenset[str]
    whenever: Callable[[S], bool] = lambda _: True


EVERYBODY = frozenset({"worker", "erp", "runner", "watcher", "person", "time"})


@dataclass(slots=True)
class Exploration:
    """What a search came to."""

    states: int = 0
    transitions: int = 0
    complete: bool = True
    """False: the limit was reached first, so that nothing is proven."""
    seconds: float = 0.0
    """Of processor time."""
    broken: dict[str, list[str]] = field(default_factory=dict)
    """The promises that were broken, each with its shortest trace in words; of progress, the trace to where there is no way on."""


@dataclass(slots=True)
class _Graph(Generic[S]):
    """The states in the order in which they were found, and how each was first reached."""

    states: list[S]
    parent: array[int] = field(default_factory=lambda: array("i", [-1]))
    words: list[str] = field(default_factory=lambda: [""])
    sources: array[int] = field(default_factory=lambda: array("i"))
    targets: array[int] = field(default_factory=lambda: array("i"))
    actors: list[str] = field(default_factory=list)

    def trace(self, at: int, *last: str) -> list[str]:
        steps = list(last)
        while self.parent[at] >= 0:
            steps.append(self.words[at])
            at = self.parent[at]
        return steps[::-1]


@dataclass(slots=True)
class _Search(Generic[S]):
    """The search itself: states in the order in which they were found, the next one to look at, and what was found."""

    graph: _Graph[S]
    invariants: Sequence[tuple[str, Invariant[S]]]
    limit: int
    keeps_ways: bool
    index: dict[S, int] = field(default_factory=dict)
    forbidden: set[int] = field(default_factory=set)
    found: Exploration = field(default_factory=Exploration)

    def run(self, steps: Steps[S], *, stop_at_first: bool) -> None:
        self.index[self.graph.states[0]] = 0
        at = 0
        while at < len(self.graph.states) and not (stop_at_first and self.found.broken):
            if at not in self.forbidden:
                for step in steps(self.graph.states[at]):
                    self._take(at, step)
            at += 1
        self.found.states = len(self.graph.states)

    def _take(self, at: int, step: Step[S]) -> None:
        actor, words, after = step
        self.found.transitions += 1
        number = len(self.graph.states)
        to = self.index.setdefault(after, number)
        if to == number:
            if number >= self.limit:
                del self.index[after]
                self.found.complete = False
                return
            self.graph.states.append(after)
            self.graph.parent.append(at)
            self.graph.words.append(words)
        before = self.graph.states[at]
        for name, holds in self.invariants:
            if not holds(before, after):
                self.found.broken.setdefault(name, self.graph.trace(at, words))
                self.forbidden.add(to)
                break
        if self.keeps_ways:
            self.graph.sources.append(at)
            self.graph.targets.append(to)
            self.graph.actors.append(actor)


def explore(
    start: S,
    steps: Steps[S],
    invariants: Mapping[str, Invariant[S]],
    progress: Mapping[str, Progress[S]] | None = None,
    *,
    limit: int = 2_000_000,
    stop_at_first: bool = False,
) -> Exploration:
    """Search all states from `start`; what follows upon a broken invariant is not looked at.

    Progress is judged only if the search was complete and no invariant was broken: a way past a forbidden state is no way.
    """
    began = time.process_time()
    search = _Search(_Graph([start]), list(invariants.items()), limit, keeps_ways=bool(progress))
    gc.disable()  # a search makes no cycles, and many objects
    try:
        search.run(steps, stop_at_first=stop_at_first)
    finally:
        gc.enable()
    found = search.found
    if found.complete and not found.broken:
        for name, each in (progress or {}).items():
            stuck = _stuck(search.graph, each)
            if stuck is not None:
                found.broken[name] = search.graph.trace(stuck)
    found.seconds = time.process_time() - began
    return found


def _stuck(graph: _Graph[S], progress: Progress[S]) -> int | None:
    """The first state from which nothing leads on; None: there is a way from everywhere."""
    ways_to: list[list[int]] = [[] for _ in graph.states]
    for source, target, actor in zip(graph.sources, graph.targets, graph.actors, strict=True):
        if actor in progress.actors:
            ways_to[target].append(source)
    reaches = bytearray(len(graph.states))
    left = [number for number, state in enumerate(graph.states) if progress.reached(state)]
    for number in left:
        reaches[number] = 1
    while left:
        for source in ways_to[left.pop()]:
            if not reaches[source]:
                reaches[source] = 1
                left.append(source)
    return next((at for at, state in enumerate(graph.states) if not reaches[at] and progress.whenever(state)), None)


def told(trace: Sequence[str]) -> str:
    """A trace, one numbered step a line."""
    return "\n".join(f"    {number:>2}  {words}" for number, words in enumerate(trace, 1))
