"""A TCP line to a server that can fail in each way that matters: before a request arrives, after it, or by never answering."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from enum import Enum


class Fault(Enum):
    """What the line does from now on."""

    NONE = "passes everything on"
    REFUSES = "takes no connection and cuts those that it has"
    LOSES_REQUESTS = "cuts a connection when it is asked something, before the server hears of it"
    LOSES_ANSWERS = "lets the server hear the request, then cuts when it answers"
    SWALLOWS_ANSWERS = "lets the server hear the request and never answers"


class FaultyLine:
    """Listens on a loopback port of its own and passes everything on to the server, until told otherwise."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: set[socket.socket] = set()
        self.fault = Fault.NONE
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect."""
        host, port = self._listener.getsockname()
        return str(host), int(port)

    @contextlib.contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """The fault for the length of a block."""
        self.fault = fault
        if fault is Fault.REFUSES:
            self._cut(*self._sockets)
        try:
            yield
        finally:
            self.fault = Fault.NONE

    def close(self) -> None:
        self._cut(self._listener, *self._sockets)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.fault is Fault.REFUSES:
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                self._sockets |= {client, server}
                threading.Thread(target=self._pass, args=(client, server, Fault.LOSES_REQUESTS), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, Fault.LOSES_ANSWERS), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, lost_by: Fault) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.fault is lost_by:
                    break
                if self.fault is Fault.SWALLOWS_ANSWERS and lost_by is Fault.LOSES_ANSWERS:
                    continue
                target.sendall(data)
        self._cut(source, target)

    def _cut(self, *sockets: socket.socket) -> None:
        for each in sockets:
            self._sockets.discard(each)
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
