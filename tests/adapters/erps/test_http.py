"""The HTTP session of connectors against a server of ours that misbehaves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from hybrid_erp.adapters.erps.http import (
    HttpEndpoint,
    HttpSession,
    NothingSentError,
    Reply,
    UnansweredError,
    outcome_of_status,
    seconds_until,
)
from hybrid_erp.model.claim import boot_clock
from hybrid_erp.model.delivery import FailureClass, InDoubt, Rejected, Retry
from hybrid_erp.model.errors import LeaseTooShortError

Answer = Callable[[socket.socket], None]


@contextmanager
def a_server(*answers: Answer) -> Iterator[HttpSession]:
    """A server that reads a request on each connection and then does as it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                with suppress(OSError):
                    line, _ = listener.accept()
                    with line:
                        line.recv(65536)
                        answer(line)

        threading.Thread(target=serve, daemon=True).start()
        with closing(HttpSession(HttpEndpoint(f"http://127.0.0.1:{listener.getsockname()[1]}", "me", "key"))) as session:
            yield session


def whole(body: bytes, *headers: str, status: int = 200) -> Answer:
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]).encode()
    return lambda line: line.sendall(head + body)


def get(session: HttpSession, limit_seconds: float = 5) -> Reply:
    return session.call("GET", "/", headers={}, limit_seconds=limit_seconds)


def test_a_plain_body_that_is_labelled_gzip_is_read() -> None:
    with a_server(whole(b'{"id": 1}', "Content-Encoding: gzip")) as session:
        assert get(session).json() == {"id": 1}


def test_a_server_that_dribbles_is_cut_off_when_the_time_is_up() -> None:
    def dribble(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
        with suppress(OSError):
            for _ in range(100):
                line.sendall(b"x")
                time.sleep(0.05)

    with a_server(dribble) as session:
        began_at = time.monotonic()
        with pytest.raises(UnansweredError, match="time was up"):
            get(session, limit_seconds=0.5)
        assert time.monotonic() - began_at < 2


def broken_off(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\nhalf")


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with (
        a_server(broken_off) as session,
        pytest.raises(UnansweredError),
    ):
        get(session)


def test_a_connection_that_the_server_has_ended_is_replaced_before_sending() -> None:
    with a_server(whole(b"one"), whole(b"two")) as session:
        assert get(session).body == b"one"
        time.sleep(0.1)
        assert get(session).body == b"two"


def test_where_nobody_listens_nothing_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with closing(HttpSession(HttpEndpoint(f"http://127.0.0.1:{port}", "me", "key"))) as session, pytest.raises(NothingSentError):
        get(session)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (401, {}, Retry(FailureClass.AUTH, "The credential was refused (401): x")),
        (403, {}, Retry(FailureClass.FORBIDDEN, "The credential may not do this (403): x")),
        (429, {"retry-after": "9"}, Retry(FailureClass.THROTTLED, "The ERP asks to wait (429): x", 9.0)),
        (503, {"retry-after": "2"}, Retry(FailureClass.THROTTLED, "The ERP asks to wait (503): x", 2.0)),
        (503, {}, InDoubt("The ERP failed (503): x")),
        (500, {}, InDoubt("The ERP failed (500): x")),
        (422, {}, Rejected(FailureClass.VALIDATION, "x")),
    ],
)
def test_a_status_says_whether_sending_again_is_safe(status: int, headers: dict[str, str], expected: object) -> None:
    assert outcome_of_status(Reply(status, headers, b""), "x") == expected


def test_a_wait_may_be_stated_as_a_date() -> None:
    assert Reply(503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"").retry_after_seconds == 0.0
    assert Reply(503, {"retry-after": "soon"}, b"").retry_after_seconds is None


def test_too_little_of_a_lease_begins_nothing() -> None:
    assert seconds_until(boot_clock() + 60) > 50
    with pytest.raises(LeaseTooShortError):
        seconds_until(boot_clock() + 1)


def test_a_secret_is_never_shown() -> None:
    assert "key-of-ours" not in repr(HttpEndpoint("http://erp", "me", "key-of-ours"))
