"""An HTTP ERP that answers at once, in a process of its own, and the connector to it: nothing but the way there is measured."""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from hybrid_erp.adapters.erps.http import HttpEndpoint, HttpSession, seconds_until
from hybrid_erp.model.booking import Booking, BookingLine
from hybrid_erp.model.delivery import Capability, ConnectorClass, ErpIdentity, NativeDocument, Outcome, Posted, Submission
from hybrid_erp.model.documents import DocumentType
from hybrid_erp.ports import Held, KeepDraft

JSON = {"Content-Type": "application/json"}


class _Handler(socketserver.StreamRequestHandler):
    """HTTP/1.1 with kept connections: POST / stores one document, POST /read answers with some."""

    disable_nagle_algorithm = True
    documents: ClassVar[dict[str, Any]] = {}  # one server a process

    def handle(self) -> None:
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            body = self.rfile.read(length)
            self._answer(self._read(body) if line.startswith(b"POST /read") else self._store(body))

    def _store(self, body: bytes) -> bytes:
        document = json.loads(body)
        native_id = str(len(self.documents) + 1)
        self.documents[native_id] = document | {"native_id": native_id}
        return json.dumps({"id": native_id}).encode()

    def _read(self, body: bytes) -> bytes:
        return json.dumps([self.documents[each] for each in json.loads(body)]).encode()

    def _answer(self, content: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self.wfile.write(head.encode() + content)


@contextmanager
def running_stub() -> Iterator[str]:
    """Its address, while it runs."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks.stub"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


class StubConnector:
    """Posts a document with its booking, and reads bookings back in batches, as a connector does."""

    def __init__(self, url: str, currency: str) -> None:
        self.capabilities = {DocumentType.JOURNAL_ENTRY: Capability(ConnectorClass.UNIQUE, "entry")}
        self._session = HttpSession(HttpEndpoint(url, "", ""))
        self._currency = currency

    def identity(self) -> ErpIdentity:
        return ErpIdentity("stub", "Stub", self._currency, "1")

    def submit(self, submission: Submission, keep_draft: KeepDraft) -> Outcome:
        booking = submission.booking
        assert booking is not None
        content: dict[str, Any] = {"key": submission.key, "hash": submission.content_hash, "on": booking.accounting_on.isoformat()}
        content |= {"entity": booking.legal_entity, "lines": [[line.account, str(line.amount)] for line in booking.lines]}
        body = json.dumps(content).encode()
        reply = self._session.call("POST", "/", headers=JSON, body=body, limit_seconds=seconds_until(submission.deadline))
        return Posted(reply.json()["id"])

    def find(self, document_type: DocumentType, posting_ids: Sequence[UUID]) -> Sequence[NativeDocument]:
        return []

    def read(self, document_type: DocumentType, native_ids: Sequence[str]) -> Sequence[NativeDocument]:
        reply = self._session.call("POST", "/read", headers=JSON, body=json.dumps(native_ids).encode(), limit_seconds=30)
        return [self._native(content) for content in reply.json()]

    def drafts(self) -> Sequence[NativeDocument]:
        return []

    def held(self, document_type: DocumentType) -> Sequence[Held]:
        return []

    def discard_draft(self, document_type: DocumentType, native_id: str) -> bool:
        return False

    def close(self) -> None:
        self._session.close()

    def _native(self, content: dict[str, Any]) -> NativeDocument:
        lines = tuple(BookingLine(account, Decimal(amount), Decimal(amount)) for account, amount in content["lines"])
        booking = Booking(content["entity"], date.fromisoformat(content["on"]), self._currency, self._currency, lines)
        native_id = content["native_id"]
        return NativeDocument(UUID(content["key"]), content["hash"], native_id, native_id, posted=True, booking=booking)


def address(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 80)


def main() -> None:
    """Serve on a free loopback port until terminated."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
