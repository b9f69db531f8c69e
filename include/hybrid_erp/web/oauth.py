"""Tokens of an identity provider (OAuth 2 client credentials), verified with its public keys. Nothing is ever asked about one token."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import requests

log = logging.getLogger(__name__)

#: Signatures with the issuer's private key alone: never `none`, and never a secret that is really its public key.
ALGORITHMS: Final = ("RS256", "ES256")
LEEWAY_SECONDS: Final = 30
KEYS_FRESH_SECONDS: Final = 300
#: An issuer that is away is trusted by the keys that it had, for so long.
KEYS_STALE_SECONDS_MAX: Final = 3600
#: Tokens with invented key ids make us ask the issuer no more often.
ASK_AGAIN_SECONDS: Final = 10
FETCH_SECONDS_MAX: Final = 10
KEYS_BYTES_MAX: Final = 256 * 1024

Fetch = Callable[[str], Any]


class TokenRefusedError(Exception):
    """A token does not prove what it says."""


class IssuerAwayError(Exception):
    """Whether a token proves anything cannot be said now."""


def issuer_of(token: str) -> str | None:
    """Who a token says that it is from; nothing of it is proved yet."""
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    return issuer if isinstance(issuer, str) else None


def fetched(url: str) -> Any:
    """The issuer's keys, as it publishes them."""
    content, ends_at = b"", time.monotonic() + FETCH_SECONDS_MAX
    with requests.get(url, timeout=(3, 5), allow_redirects=False, stream=True, headers={"Accept": "application/json"}) as response:
        if response.status_code != requests.codes.ok:
            raise ValueError(f"the issuer answers {response.status_code}")
        for part in response.iter_content(16 * 1024):
            content += part
            if len(content) > KEYS_BYTES_MAX or time.monotonic() > ends_at:
                raise ValueError("the issuer's keys are too large, or come too slowly")
    return json.loads(content)


@dataclass
class IssuerKeys:
    """The public keys of one address, kept for some minutes. Several threads may ask."""

    url: str
    fetch: Fetch = fetched
    clock: Callable[[], float] = time.monotonic
    _keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    _fetched_at: float = float("-inf")
    _asked_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, key_id: str) -> jwt.PyJWK | None:
        """A key by its id; None if the issuer publishes none of this id.

        Raises:
            IssuerAwayError: Its keys cannot be had, and what was had is too old.
        """
        if not (self._age() < KEYS_FRESH_SECONDS and key_id in self._keys):
            self._ask()
        if self._age() >= KEYS_STALE_SECONDS_MAX:
            raise IssuerAwayError(f"The keys of {self.url} cannot be read now.")
        return self._keys.get(key_id)

    def _age(self) -> float:
        return self.clock() - self._fetched_at

    def _ask(self) -> None:
        """One thread asks; the others go on with the keys that are there, and wait a moment for the first ones alone."""
        if not self._lock.acquire(timeout=0 if self._keys else 1):
            return
        try:
            if self.clock() - self._asked_at >= ASK_AGAIN_SECONDS:
                self._asked_at = self.clock()
                self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        try:
            found = jwt.PyJWKSet.from_dict(self.fetch(self.url))
        except (requests.RequestException, ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
            log.warning("the keys of %s cannot be read: %s", self.url, type(error).__name__)
            return
        self._keys = {key.key_id: key for key in found.keys if key.key_id and key.public_key_use in (None, "sig")}
        self._fetched_at = self.clock()


@dataclass(frozen=True, slots=True)
class Client:
    """The client of an issuer that one source is."""

    source: str
    issuer: str
    audience: str
    keys: IssuerKeys
    subject: str | None
    client_id: str | None

    def name_in(self, token: str) -> str:
        """The name of this client, once the token is proved to be its own and in time.

        Raises:
            TokenRefusedError: It is not.
        """
        claims = self._claims(token)
        told = claims.get("client_id", claims.get("azp"))
        if (self.subject is not None and claims.get("sub") != self.subject) or (self.client_id is not None and told != self.client_id):
            raise TokenRefusedError("The token is of another client of its issuer.")
        return str(self.client_id or self.subject)

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            head = jwt.get_unverified_header(token)
            if head.get("alg") not in ALGORITHMS:
                raise TokenRefusedError(f"The token is not signed by one of {', '.join(ALGORITHMS)}.")
            key = self.keys.key(str(head.get("kid", "")))
            if key is None:
                raise TokenRefusedError("The token is signed with a key that its issuer does not publish.")
            if key.algorithm_name != head["alg"]:
                raise TokenRefusedError("The token's algorithm is not that of its key.")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[head["alg"]],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise TokenRefusedError(f"The token is refused: {error}.") from None
        return claims
