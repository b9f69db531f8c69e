"""Loopback ports: choosing free ones, and knowing whether somebody listens."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

HOST = "127.0.0.1"

# Below the range from which Linux takes ports for outgoing connections: one of those could sit on a chosen port before its server starts.
FIRST, LAST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on, held all at once while they are chosen.

    Raises:
        OSError: Nearly every port of the range is taken.
    """
    ports: list[int] = []
    with ExitStack() as held:
        for candidate in random.sample(range(FIRST, LAST), k=1000):
            if len(ports) == count:
                return ports
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            ports.append(candidate)
    raise OSError(f"No {count} free ports between {FIRST} and {LAST} on {HOST}. See what listens there with `ss -ltn`.")


def is_open(port: int) -> bool:
    """Whether somebody takes connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((HOST, port)) == 0
