"""An identity provider of ours: it makes tokens, right ones and wrong ones, and publishes its keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://login.example.com/realms/firm", "hybrid-erp"

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Issuer:
    """An identity provider: it publishes its public keys, and counts how often it is asked."""

    rsa_key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    ec_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    asked: int = 0
    away: bool = False

    def publish(self, url: str) -> dict[str, Any]:
        self.asked += 1
        if self.away:
            raise ValueError("away")
        by_rsa = RSAAlgorithm.to_jwk(self.rsa_key.public_key(), as_dict=True) | {"kid": "r1", "use": "sig"}
        by_ec = ECAlgorithm.to_jwk(self.ec_key.public_key(), as_dict=True) | {"kid": "e1"}
        strange = by_rsa | {"kid": "r512", "alg": "RS512"}
        encrypting = by_rsa | {"kid": "enc", "use": "enc"}
        return {"keys": [by_rsa, by_ec, strange, encrypting]}

    def token(self, *, key: Any = None, algorithm: str = "RS256", kid: str = "r1", drop: str = "", **changes: Any) -> str:
        now = datetime.now(UTC)
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "service-1", "client_id": "ledger-client"}
        claims |= {"iat": now, "nbf": now, "exp": now + timedelta(minutes=5), **changes}
        claims.pop(drop, None)
        return jwt.encode(claims, self.rsa_key if key is None else key, algorithm, {"kid": kid})


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        server.server_close()


def answering(status: int, body: bytes, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer
