"""A TCP proxy in front of an ERP whose behaviour can be changed while it runs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sandbox.fault_proxy.behaviour import Behaviour, Fault, Orders
from sandbox.fault_proxy.connection import Passage
from sandbox.fault_proxy.framing import Framing, HttpFraming, PostgresFraming
from sandbox.ports import HOST, free_ports

PROTOCOLS: dict[str, Callable[[], Framing]] = {"http": HttpFraming, "postgres": PostgresFraming}


@dataclass(slots=True)
class FaultProxy:
    """Stands at `port` for the server at `server_port`."""

    server_port: int
    protocol: str
    port: int = field(default_factory=lambda: free_ports(1)[0])
    orders: Orders = field(default_factory=Orders)
    passages: list[Passage] = field(default_factory=list)
    listener: socket.socket | None = None
    changing: threading.Lock = field(default_factory=threading.Lock)

    def behave(self, fault: Fault, **terms: object) -> None:
        """Change what happens, from the next request on; the terms are those of `Behaviour`.

        Raises:
            ValueError: The fault and its terms do not go together.
        """
        self.order(Behaviour(fault, **terms))  # type: ignore[arg-type]  # the dataclass names what it takes

    def order(self, behaviour: Behaviour) -> None:
        """Change what happens, from the next request on."""
        with self.changing:
            self.orders.give(behaviour)
            if behaviour.fault is Fault.REFUSE:
                self.stop_listening()
                self.cut_all()
            else:
                self.listen()

    def counted(self) -> dict[Fault, int]:
        """How many requests each fault has met."""
        return self.orders.counted()

    def listen(self) -> None:
        """Take connections, unless it does already."""
        if self.listener is None:
            self.listener = socket.create_server((HOST, self.port))
            threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def stop_listening(self) -> None:
        """Refuse connections."""
        if self.listener is not None:
            with suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self.listener.close()
            self.listener = None

    def accept(self, listener: socket.socket) -> None:
        """Open a passage for each client; a server that is not there is a connection that ends at once."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self.server_port))
            except OSError:
                client.close()
                continue
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            passage = Passage(client, server, PROTOCOLS[self.protocol](), self.orders)
            self.passages.append(passage)
            threading.Thread(target=self.serve, args=(passage,), daemon=True).start()

    def serve(self, passage: Passage) -> None:
        """See one client through."""
        passage.run()
        with suppress(ValueError):
            self.passages.remove(passage)

    def cut_all(self) -> None:
        """End every open connection."""
        for passage in list(self.passages):
            passage.close()

    def stop(self) -> None:
        """Refuse and cut."""
        with self.changing:
            self.stop_listening()
            self.cut_all()


@contextmanager
def fault_proxy(server_port: int, protocol: str, port: int | None = None) -> Iterator[FaultProxy]:
    """A proxy that passes everything on until it is told otherwise, for the length of a block."""
    proxy = FaultProxy(server_port, protocol) if port is None else FaultProxy(server_port, protocol, port)
    proxy.order(Behaviour())
    try:
        yield proxy
    finally:
        proxy.stop()
