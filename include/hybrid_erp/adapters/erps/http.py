"""HTTP for connectors. Every failure answers one question: is sending again safe?

One connection, used by one thread, that never sends anything twice by itself: no retries, no redirects, no reconnect after a byte has left.
A call has one limit for everything (connecting, writing, reading), so that it ends before the claim's deadline whatever the network does.
"""

from __future__ import annotations

import gzip
import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from hybrid_erp.model.claim import LEASE_MARGIN_SECONDS, boot_clock
from hybrid_erp.model.delivery import FailureClass, InDoubt, Outcome, Rejected, Retry
from hybrid_erp.model.errors import LeaseTooShortError

#: No answer of an ERP is larger; one that is would fill the worker's memory.
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
#: A host that does not take the connection within this time does not take it.
CONNECT_SECONDS_MAX: Final = 10.0
_GZIP_MAGIC: Final = b"\x1f\x8b"


class NothingSentError(Exception):
    """The connection was not taken: not a byte of the request has left us, and sending again is safe."""


class UnansweredError(Exception):
    """The request left, or part of it, and no whole answer came: it may have taken effect, or may yet."""


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """Where an ERP answers and with which credential."""

    url: str
    login: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the ERP asks to wait, if it says so (RFC 9110, 10.2.3: seconds or a date)."""
        stated = self.headers.get("retry-after")
        if stated is None:
            return None
        if stated.strip().isdigit():
            return float(stated)
        with suppress(ValueError, TypeError):
            return max(0.0, (parsedate_to_datetime(stated) - datetime.now(UTC)).total_seconds())
        return None


def seconds_until(deadline: float) -> float:
    """What a call may take so that it has ended before a claim's deadline.

    Raises:
        LeaseTooShortError: Too little is left to begin; nothing was sent.
    """
    left = deadline - boot_clock() - LEASE_MARGIN_SECONDS / 2
    if left <= 0:
        raise LeaseTooShortError("Too little of the lease is left to send.")
    return left


def outcome_of_status(reply: Reply, message: str) -> Outcome:
    """What an answer that is no success came to, by its status alone; a dialect knows more and asks this last.

    401 and 403 refuse the credential, never the document: a lock-out of ours must not make a dead letter (PROTOCOL T4). 429, and
    503 with a wait, say that nothing was done. Any other 5xx may have done its work before it failed.
    """
    wait = reply.retry_after_seconds
    if reply.status == 401:
        return Retry(FailureClass.AUTH, f"The credential was refused (401): {message}")
    if reply.status == 403:
        return Retry(FailureClass.FORBIDDEN, f"The credential may not do this (403): {message}")
    if reply.status == 429 or (reply.status == 503 and wait is not None):
        return Retry(FailureClass.THROTTLED, f"The ERP asks to wait ({reply.status}): {message}", wait)
    if 400 <= reply.status < 500:
        return Rejected(FailureClass.VALIDATION, message)
    return InDoubt(f"The ERP failed ({reply.status}): {message}")


class HttpSession:
    """One connection to one host."""

    def __init__(self, endpoint: HttpEndpoint) -> None:
        parts = urlsplit(endpoint.url)
        if parts.scheme not in {"http", "https"} or parts.hostname is None:
            raise ValueError(f"{endpoint.url!r} is no http or https address")
        self._host, self._secure = parts.hostname, parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, target: str, *, headers: Mapping[str, str], body: bytes | None = None, limit_seconds: float) -> Reply:
        """Send one request and read its whole answer within the limit.

        Raises:
            NothingSentError: The connection was not taken.
            UnansweredError: The answer did not come, or not whole.
        """
        ends_at = time.monotonic() + limit_seconds
        connection = self._connected(limit_seconds)
        line = connection.sock
        cutter = threading.Timer(max(0.0, ends_at - time.monotonic()), _cut, (line,))
        cutter.daemon = True
        cutter.start()
        try:
            connection.request(method, target, body=body, headers={**headers, "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            content = answer.read(ANSWER_BYTES_MAX + 1)
            if len(content) > ANSWER_BYTES_MAX:
                raise http.client.HTTPException("the answer is too large")
            if answer.length:  # reading up to a number of bytes does not notice an end that comes too early
                raise http.client.IncompleteRead(content, answer.length)
            found = {name.lower(): value for name, value in answer.getheaders()}
        except (OSError, http.client.HTTPException) as error:
            self.close()
            why = "the time was up" if time.monotonic() >= ends_at else f"{type(error).__name__}: {error}".rstrip(": ")
            raise UnansweredError(f"{self._host}:{self._port} did not answer: {why}") from error
        finally:
            cutter.cancel()
        return Reply(answer.status, found, _plain(content))

    def close(self) -> None:
        """End the connection; the next call opens another."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
        self._connection = None

    def _connected(self, limit_seconds: float) -> http.client.HTTPConnection:
        """The open connection, or a new one: the server may have ended the old one while it was idle, which is seen before sending."""
        if self._connection is not None and (self._connection.sock is None or _ended(self._connection.sock)):
            self.close()
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            connection = kind(self._host, self._port, timeout=min(limit_seconds, CONNECT_SECONDS_MAX))
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                raise NothingSentError(f"{self._host}:{self._port} did not take the connection: {error}") from error
            connection.auto_open = 0  # a request is never sent on a connection that was not looked at
            self._connection = connection
        assert self._connection.sock is not None
        self._connection.sock.settimeout(limit_seconds)
        return self._connection


def _ended(line: socket.socket) -> bool:
    """Whether the other side has ended an idle connection; anything that it says unasked counts as that."""
    return bool(select.select([line], [], [], 0)[0])


def _cut(line: socket.socket | None) -> None:
    if line is not None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _plain(content: bytes) -> bytes:
    """Judge by the content, not by its label: an ERP was seen to label plain bodies as gzip."""
    if content[:2] != _GZIP_MAGIC:
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise UnansweredError(f"The answer broke off: {error}") from error
