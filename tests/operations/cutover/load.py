"""Everybody at work on a region at once: upstream, bookkeepers, deliveries and captures, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import psycopg

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.errors import HybridErpError
from tests.operations.cutover.region import Region, Runner
from tests.store.cutovers import ENTITIES
from tests.stores import CLOUD, LEGACY

#: How often upstream sends something, and people type something in.
INTERVAL_SECONDS: Final = 0.25
#: What a task of theirs ends with and is tried again for: another one was there first, a move has the lock, or the session was too slow.
TRIED_AGAIN: Final = (HybridErpError, psycopg.errors.UniqueViolation, psycopg.OperationalError)


@dataclass
class Load:
    """Goes on until it is over."""

    region: Region
    over: threading.Event = field(default_factory=threading.Event)
    bugs: list[BaseException] = field(default_factory=list)
    """Whatever else than that one of them has ended with."""

    def keep_on(self, act: Callable[[Runner], None]) -> None:
        """One of them, again and again."""
        runner = self.region.runner(act.__name__, self.region.companies_ask)
        try:
            while not self.over.is_set():
                with suppress(*TRIED_AGAIN):
                    act(runner)
        except BaseException as bug:  # told to the test, which this thread cannot fail
            self.bugs.append(bug)
        finally:
            runner.connections.close()

    def send(self, runner: Runner) -> None:
        """Upstream."""
        self.over.wait(INTERVAL_SECONDS)
        self.region.accept(*ENTITIES, by=runner)

    def type_in(self, runner: Runner) -> None:
        """A bookkeeper at each ERP."""
        for erp in (LEGACY, CLOUD):
            self.over.wait(INTERVAL_SECONDS)
            self.region.type_in(erp, ENTITIES[len(self.region.typed_in) % len(ENTITIES)])

    def deliver(self, runner: Runner) -> None:
        """Controls and copies."""
        self.over.wait(INTERVAL_SECONDS / 10)
        for erp in (LEGACY, CLOUD):
            for entity in ENTITIES:
                for role in (Role.CONTROL, Role.CANDIDATE):
                    runner.work.deliver(erp, entity, role, seconds=1)

    def capture(self, runner: Runner) -> None:
        """The capture of the dual run."""
        self.over.wait(INTERVAL_SECONDS)
        for erp in (LEGACY, CLOUD):
            for entity in ENTITIES:
                runner.work.follow(erp, entity)


@contextmanager
def load(region: Region) -> Iterator[None]:
    """Until the block ends; none of them may end by a bug."""
    everybody = Load(region)
    acts = (everybody.send, everybody.type_in, everybody.deliver, everybody.capture)
    threads = [threading.Thread(target=everybody.keep_on, args=(act,), name=act.__name__) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        everybody.over.set()
        for thread in threads:
            thread.join(60)
    assert everybody.bugs == []
