"""The control port of a fault proxy that runs as a program of its own, from the other end."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

from sandbox.fault_proxy.behaviour import Fault
from sandbox.ports import HOST


@dataclass(frozen=True, slots=True)
class FaultyLine:
    """The line between a site's programs and one of its ERPs; passes everything until it is told otherwise."""

    control_port: int

    def behave(self, fault: Fault, **terms: Any) -> None:
        """Change what happens from the next request on; the terms are those of `Behaviour`, with text for `matching`.

        Raises:
            ValueError: The proxy refused; the message says why, and nothing was changed.
        """
        answer = self._say({"fault": fault, **terms})
        if "error" in answer:
            raise ValueError(answer["error"])

    def counted(self) -> dict[Fault, int]:
        """How many requests each fault has met."""
        return {Fault(name): count for name, count in self._say(None).items()}

    def _say(self, order: dict[str, Any] | None) -> dict[str, Any]:
        with socket.create_connection((HOST, self.control_port), timeout=10) as connection, connection.makefile("rwb") as lines:
            lines.write((json.dumps(order) if order else "").encode() + b"\n")
            lines.flush()
            answer: dict[str, Any] = json.loads(lines.readline())
        return answer
