"""Where a request begins and ends, and when its answer is there, in the two protocols that the ERPs speak."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Protocol

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
NOT_ENCRYPTED = b"N"
# Simple query, sync, function call: after these the server answers up to its next "ready for query".
ENDS_REQUEST = b"QSF"
READY_FOR_QUERY = ord("Z")


class Framing(Protocol):
    """One connection's protocol state."""

    refusal: bytes
    """What the proxy itself has to answer before the next request; empty nearly always."""

    def next_request(self, stream: BinaryIO) -> bytes:
        """The next whole request of the client; empty when the client has gone."""

    def answers_done(self, received: bytes) -> int:
        """How many answers these bytes of the server complete."""


def exactly(stream: BinaryIO, count: int) -> bytes:
    """So many bytes, or none when the stream ends before."""
    data = stream.read(count)
    return data if len(data) == count else b""


@dataclass(slots=True)
class HttpFraming:
    """HTTP/1.1 without pipelining: an answer's first byte shows that the server has done its work."""

    refusal: bytes = b""
    answered: bool = True

    def next_request(self, stream: BinaryIO) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline(65536)
            if not line:
                return b""
            head += line
        self.answered = False
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
            return head + self._chunks(stream)
        length = int(headers.get(b"content-length", b"0"))
        return head + (exactly(stream, length) if length else b"")

    def answers_done(self, received: bytes) -> int:
        first, self.answered = not self.answered, True
        return int(first)

    def _chunks(self, stream: BinaryIO) -> bytes:
        body = b""
        while True:
            size = stream.readline(65536)
            body += size + exactly(stream, int(size.partition(b";")[0], 16) + 2)
            if int(size.partition(b";")[0], 16) == 0:
                return body


@dataclass(slots=True)
class PostgresFraming:
    """PostgreSQL's protocol 3: a request is all up to a query or a sync; its answer ends with "ready for query"."""

    refusal: bytes = b""
    started: bool = False
    unread: bytes = b""

    def next_request(self, stream: BinaryIO) -> bytes:
        self.refusal = b""
        if not self.started:
            return self._startup(stream)
        request = b""
        while True:
            kind = exactly(stream, 1)
            length = exactly(stream, 4)
            if not length:
                return b""
            request += kind + length + exactly(stream, struct.unpack("!i", length)[0] - 4)
            # A password belongs to the start, a termination ends everything: neither waits for a query.
            if kind in (b"p", b"X") or kind in ENDS_REQUEST:
                return request

    def _startup(self, stream: BinaryIO) -> bytes:
        length = exactly(stream, 4)
        if not length:
            return b""
        body = exactly(stream, struct.unpack("!i", length)[0] - 4)
        code = struct.unpack("!i", body[:4])[0] if body else 0
        if code in (SSL_REQUEST, GSS_REQUEST):
            self.refusal = NOT_ENCRYPTED  # so that what follows can be read
        else:
            self.started = code != CANCEL_REQUEST
        return length + body

    def answers_done(self, received: bytes) -> int:
        self.unread += received
        done = 0
        while len(self.unread) >= 5:
            end = struct.unpack("!i", self.unread[1:5])[0] + 1
            if len(self.unread) < end:
                break
            done += self.unread[0] == READY_FOR_QUERY
            self.unread = self.unread[end:]
        return done
