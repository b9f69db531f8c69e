"""Each fault does to a small server's clients what it says, and no more."""

from __future__ import annotations

import http.client
import http.server
import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox.fault_proxy import Behaviour, Fault, FaultProxy, fault_proxy
from sandbox.fault_proxy.framing import HttpFraming
from sandbox.ports import HOST, free_ports, is_open


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers every POST, and remembers its body."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes]

    def do_POST(self) -> None:
        type(self).bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def arrived() -> list[bytes]:
    """The bodies that reached the server."""
    return []


@pytest.fixture
def proxy(arrived: list[bytes]) -> Iterator[FaultProxy]:
    """A proxy before a small HTTP server."""
    recorder = type("OwnRecorder", (Recorder,), {"bodies": arrived})
    with http.server.ThreadingHTTPServer((HOST, 0), recorder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with fault_proxy(server.server_port, "http") as proxy:
            yield proxy
        server.shutdown()
        thread.join()


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(HOST, proxy.port, timeout=0.5)
    yield connection
    connection.close()


def post(client: http.client.HTTPConnection, body: bytes = b"x") -> http.client.HTTPResponse:
    try:
        client.request("POST", "/", body)
        response = client.getresponse()
        response.read()
    except OSError:
        client.close()  # the next request opens a new connection
        raise
    return response


def test_passes_requests_of_one_connection_until_told_otherwise(
    proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes]
) -> None:
    assert [post(client, body).status for body in (b"one", b"two")] == [200, 200]
    assert arrived == [b"one", b"two"]
    assert proxy.counted() == {Fault.PASS: 2}


def test_a_request_in_chunks_is_one_request() -> None:
    first = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    second = b"GET / HTTP/1.1\r\n\r\n"
    stream, framing = io.BytesIO(first + second), HttpFraming()

    assert [framing.next_request(stream) for _ in range(3)] == [first, second, b""]


def test_cut_before_loses_the_request(proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes]) -> None:
    proxy.behave(Fault.CUT_BEFORE)
    with pytest.raises(http.client.RemoteDisconnected):
        post(client)

    assert arrived == []


def test_cut_after_loses_the_answer_alone(proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes]) -> None:
    proxy.behave(Fault.CUT_AFTER)
    with pytest.raises(http.client.RemoteDisconnected):
        post(client, b"booked")

    assert arrived == [b"booked"]


def test_swallow_does_the_work_and_stays_silent(proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes]) -> None:
    proxy.behave(Fault.SWALLOW)
    with pytest.raises(TimeoutError):
        post(client, b"booked")

    assert arrived == [b"booked"]


def test_a_black_hole_stays_silent_and_nothing_arrives(proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes]) -> None:
    proxy.behave(Fault.BLACK_HOLE)
    with pytest.raises(TimeoutError):
        post(client)

    assert arrived == []


def test_a_delayed_request_arrives_although_its_client_has_given_up(
    proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes]
) -> None:
    proxy.behave(Fault.DELAY, seconds=0.8)
    with pytest.raises(TimeoutError):
        post(client, b"late")
    client.close()
    assert arrived == []

    time.sleep(0.8)
    assert arrived == [b"late"]


@pytest.mark.parametrize("status", [429, 503])
def test_an_ordered_answer_carries_its_waiting_time(
    proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes], status: int
) -> None:
    proxy.behave(Fault.ANSWER, status=status, retry_after_seconds=7, requests=1)
    refused = post(client)
    assert (refused.status, refused.headers["Retry-After"]) == (status, "7")
    assert arrived == []

    assert post(client).status == 200  # on the same connection


def test_refuse_closes_the_port_and_every_connection_until_changed(proxy: FaultProxy, client: http.client.HTTPConnection) -> None:
    post(client)
    proxy.behave(Fault.REFUSE)
    assert not is_open(proxy.port)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        post(client)

    proxy.behave(Fault.PASS)
    assert post(client).status == 200


def test_a_fault_is_for_the_number_of_requests_that_was_ordered(proxy: FaultProxy, client: http.client.HTTPConnection) -> None:
    proxy.behave(Fault.CUT_AFTER, requests=2)
    for _ in range(2):
        with pytest.raises(http.client.RemoteDisconnected):
            post(client)

    assert post(client).status == 200
    assert proxy.counted() == {Fault.CUT_AFTER: 2, Fault.PASS: 1}


def test_a_fault_is_for_matching_requests_alone(proxy: FaultProxy, client: http.client.HTTPConnection, arrived: list[bytes]) -> None:
    proxy.behave(Fault.CUT_BEFORE, matching=b"poison")
    post(client, b"wholesome")
    with pytest.raises(http.client.RemoteDisconnected):
        post(client, b"poison")

    assert arrived == [b"wholesome"]


def test_refuse_counts_no_requests() -> None:
    with pytest.raises(ValueError, match="until it is changed"):
        Behaviour(Fault.REFUSE, requests=1)


def test_a_server_that_is_away_looks_like_a_connection_that_ends(proxy: FaultProxy) -> None:
    [nobody] = free_ports(1)
    with fault_proxy(nobody, "http") as before_nobody:
        lonely = http.client.HTTPConnection(HOST, before_nobody.port, timeout=2)
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            post(lonely)
        lonely.close()


@pytest.mark.processes
def test_as_a_program_it_obeys_its_control_port(proxy: FaultProxy, arrived: list[bytes]) -> None:
    port, control_port = free_ports(2)
    command = [sys.executable, "-m", "sandbox.fault_proxy", "http", str(port), str(proxy.port), str(control_port)]
    with subprocess.Popen(command) as program:
        try:
            while not is_open(control_port):
                time.sleep(0.05)
            with socket.create_connection((HOST, control_port)) as control, control.makefile("rwb") as lines:

                def order(text: bytes) -> dict[str, object]:
                    lines.write(text + b"\n")
                    lines.flush()
                    answer: dict[str, object] = json.loads(lines.readline())
                    return answer

                assert "error" in order(b'{"fault": "earthquake"}')
                assert order(b'{"fault": "cut_before", "requests": 1, "matching": "secret"}') == {}
                client = http.client.HTTPConnection(HOST, port, timeout=2)
                with pytest.raises(http.client.RemoteDisconnected):
                    post(client, b"secret")
                client.close()
                assert order(b"") == {"cut_before": 1}
        finally:
            program.kill()
    assert arrived == []
