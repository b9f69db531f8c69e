"""What a fault proxy does with requests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """One way in which a network or a server fails its client."""

    PASS = "pass"  # noqa: S105 - nothing goes wrong
    DELAY = "delay"  # forwarded only after `seconds`, even when the client has gone by then: the commit that comes late
    REFUSE = "refuse"  # nobody listens; open connections are cut
    CUT_BEFORE = "cut_before"  # the connection ends and the server never saw the request
    CUT_AFTER = "cut_after"  # the connection ends after the server has done its work: the answer is lost
    SWALLOW = "swallow"  # the server has done its work, the connection stays open and silent
    BLACK_HOLE = "black_hole"  # the server never saw the request, the connection stays open and silent
    ANSWER = "answer"  # HTTP alone: the proxy answers `status` itself, with `Retry-After`


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A fault, and which requests it is for."""

    fault: Fault = Fault.PASS
    requests: int | None = None  # for the next so many; None: until changed
    matching: bytes = b""  # only for requests that contain these bytes: a path, a statement, a document's number
    seconds: float = 0
    status: int = 503
    retry_after_seconds: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be: a connection that nobody takes has no requests to count."""
        if self.fault is Fault.REFUSE and (self.requests is not None or self.matching):
            raise ValueError("`refuse` holds for every connection until it is changed: leave out `requests` and `matching`.")

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Behaviour:
        """The behaviour that a control message asks for; a member that does not exist is an error."""
        matching = str(members.get("matching", "")).encode()
        return cls(**{**members, "fault": Fault(members["fault"]), "matching": matching})


@dataclass(slots=True)
class Orders:
    """The behaviour in force and what came of it, shared by all connections of a proxy."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    counts: Counter[Fault] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def give(self, behaviour: Behaviour) -> None:
        """From the next request on."""
        with self.lock:
            self.behaviour = behaviour

    def take(self, request: bytes) -> Behaviour:
        """What to do with this request; used up when it was the last of the number ordered."""
        with self.lock:
            ordered = self.behaviour
            if ordered.matching not in request:
                ordered = Behaviour()
            elif ordered.requests is not None:
                left = ordered.requests - 1
                self.behaviour = replace(ordered, requests=left) if left else Behaviour()
            self.counts[ordered.fault] += 1
            return ordered

    def counted(self) -> dict[Fault, int]:
        """How many requests each fault has met since the start."""
        with self.lock:
            return dict(self.counts)
