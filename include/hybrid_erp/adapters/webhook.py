"""Webhooks as Standard Webhooks says (https://www.standardwebhooks.com): signed, to the configured address alone, no redirects."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hybrid_erp.adapters.erps.http import HttpEndpoint, HttpSession, NothingSentError, UnansweredError
from hybrid_erp.model.errors import WebhookError
from hybrid_erp.model.outcomes import Told

#: For everything: connecting, sending, and the answer.
ANSWER_SECONDS_MAX: Final = 10.0
_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)
_TARGET: Final = re.compile(r"/[!-~]*")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+|[0-9a-fA-F:]+")


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A checked address, and the secrets that are signed with: two while one is exchanged for the other."""

    url: str
    target: str
    secrets: Sequence[bytes] = field(repr=False)

    @classmethod
    def of(cls, *, scheme: str, host: str, port: int | None, target: str, password: str) -> WebhookEndpoint:
        """An endpoint of the parts of a Connection.

        Raises:
            WebhookError: It is not https (or http to this machine), or a secret is none.
        """
        if not _HOST.fullmatch(host) or not _TARGET.fullmatch(target):
            raise WebhookError("The webhook's Connection needs a plain host name, and a path that begins with /.")
        if scheme != "https" and not (scheme == "http" and _is_this_machine(host)):
            raise WebhookError(f"Webhooks go by https; {scheme or 'nothing'} to {host} is refused.")
        secrets = [_secret(word) for word in password.split()]
        if not secrets:
            raise WebhookError("The webhook's Connection has no secret.")
        name = f"[{host}]" if ":" in host else host
        return cls(f"{scheme}://{name}" + (f":{port}" if port else ""), target, secrets)


@dataclass(frozen=True, slots=True)
class SignedWebhook:
    """Sends outcomes to one address."""

    endpoint: WebhookEndpoint
    limit_seconds: float = ANSWER_SECONDS_MAX
    session: HttpSession = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "session", HttpSession(HttpEndpoint(self.endpoint.url, "", "")))

    def send(self, told: Told) -> str | None:
        """Send one outcome; None if it was taken, else why not, without a word of the answer."""
        body = json.dumps(told.event(), ensure_ascii=False, separators=(",", ":")).encode()
        webhook_id, timestamp = str(told.outcome_id), str(int(time.time()))
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(_signature(secret, webhook_id, timestamp, body) for secret in self.endpoint.secrets),
        }
        try:
            reply = self.session.call("POST", self.endpoint.target, headers=headers, body=body, limit_seconds=self.limit_seconds)
        except NothingSentError as error:
            return f"{str(error).rstrip('.')}."
        except UnansweredError:  # its words may quote the answer
            return f"It did not answer within {self.limit_seconds:g} s, or broke off, or does not speak HTTP."
        if 200 <= reply.status < 300:
            return None
        return f"It answered {reply.status}" + (", and redirects are not followed." if 300 <= reply.status < 400 else ".")

    def close(self) -> None:
        """End the connection."""
        self.session.close()


def _signature(secret: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def _secret(word: str) -> bytes:
    if word.startswith(_PREFIX):
        try:
            secret = base64.b64decode(word.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) in _SECRET_BYTES:
            return secret
    raise WebhookError(f"A webhook's secret is {_PREFIX} and {_SECRET_BYTES[0]} to {_SECRET_BYTES[-1]} bytes in base64; this one is not.")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
