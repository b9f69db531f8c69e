"""One client's connection through a fault proxy: requests one by one, answers as they come."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from sandbox.fault_proxy.behaviour import Behaviour, Fault, Orders
from sandbox.fault_proxy.framing import Framing

ANSWER_SECONDS_MAX = 120


@dataclass(slots=True)
class Passage:
    """The two sockets of one client, and how far the server has answered."""

    client: socket.socket
    server: socket.socket
    framing: Framing
    orders: Orders
    asked: int = 0
    answered: int = 0
    silent: bool = False
    news: threading.Condition = field(default_factory=threading.Condition)

    def run(self) -> None:
        """Until either side ends, or a fault ends it for them."""
        answers = threading.Thread(target=self.pass_answers, daemon=True)
        answers.start()
        with suppress(OSError, ValueError), self.client.makefile("rb") as stream:
            while request := self.framing.next_request(stream):
                if self.framing.refusal:
                    self.client.sendall(self.framing.refusal)
                elif not self.meet(request, self.orders.take(request)):
                    break
        self.close()
        answers.join()

    def meet(self, request: bytes, behaviour: Behaviour) -> bool:
        """Do with a request what is ordered; false when the connection is over."""
        match behaviour.fault:
            case Fault.CUT_BEFORE | Fault.REFUSE:
                return False
            case Fault.CUT_AFTER:
                self.let_the_server_finish(request)
                return False
            case Fault.SWALLOW:
                self.let_the_server_finish(request)
            case Fault.BLACK_HOLE:
                pass
            case Fault.ANSWER:
                self.client.sendall(_http_answer(behaviour))
            case _:
                time.sleep(behaviour.seconds)
                self.forward(request)
        return True

    def forward(self, request: bytes) -> None:
        """Hand a request to the server."""
        self.asked += 1
        self.server.sendall(request)

    def let_the_server_finish(self, request: bytes) -> None:
        """Forward, keep every answer from the client from now on, and wait until the server has given the last one."""
        with self.news:
            self.silent = True
        self.forward(request)
        with self.news:
            self.news.wait_for(lambda: self.answered >= self.asked, timeout=ANSWER_SECONDS_MAX)

    def pass_answers(self) -> None:
        """Carry the server's bytes to the client, or lose them."""
        with suppress(OSError):
            while received := self.server.recv(65536):
                with self.news:
                    self.answered += self.framing.answers_done(received)
                    silent = self.silent
                    self.news.notify_all()
                if not silent:
                    self.client.sendall(received)
        with self.news:
            self.answered = max(self.answered, self.asked)  # a server that is gone answers no more
            self.news.notify_all()
        if not self.silent:
            _end(self.client)

    def close(self) -> None:
        """End both sides."""
        _end(self.client)
        _end(self.server)


def _end(side: socket.socket) -> None:
    with suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()


def _http_answer(behaviour: Behaviour) -> bytes:
    return (
        f"HTTP/1.1 {behaviour.status} Ordered\r\nRetry-After: {behaviour.retry_after_seconds}\r\n"
        "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
    ).encode()
