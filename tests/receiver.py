"""A receiver of webhooks on this machine, and an independent check of their signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Request:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """What came, and how it is answered: by the next of `answers`, else with 204."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def ids(self) -> list[str]:
        return [request.id for request in self.requests]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with a status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver that listens until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            (receiver.answers.pop(0) if receiver.answers else status(204))(self)

        def do_GET(self) -> None:
            receiver.requests.append(Request(self.path, {}, b""))
            status(204)(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.ending.set()
            server.shutdown()
            thread.join()


def hang(receiver: Receiver) -> Answer:
    """Answer nothing until the receiver ends."""
    return lambda _: (receiver.ending.wait(60), None)[1]


def verify(request: Request, secret: str, *, tolerance_seconds: float = 300) -> None:
    """As the specification tells a receiver to, written apart from the sender. Raises AssertionError."""
    key = base64.b64decode(secret.split("_", 1)[1])
    stamp = request.headers["webhook-timestamp"]
    assert abs(time.time() - int(stamp)) <= tolerance_seconds, "too old"
    content = b".".join([request.headers["webhook-id"].encode(), stamp.encode(), request.body])
    wanted = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    given = [each.partition(",") for each in request.headers["webhook-signature"].split(" ")]
    assert any(version == "v1" and hmac.compare_digest(sent, wanted) for version, _, sent in given), "not signed with this secret"
