"""Which source a machine's bearer token belongs to: a signed key of ours, or a token of its identity provider."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from hybrid_erp.model.source_key import PREFIX, KnownKey, SourceKey
from hybrid_erp.web.callers import Caller
from hybrid_erp.web.oauth import Client, TokenRefusedError, issuer_of

log = logging.getLogger(__name__)

MAX_TOKEN: Final = 8192
_STATES: Final = {"revoked": "The key is revoked.", "expired": "The key has expired.", "not_begun": "The key is not valid yet."}


class CallerStore(Protocol):
    """What the store knows of keys, and where refusals go."""

    def key(self, key_id: str) -> KnownKey | None:
        """A key, as it is now."""

    def used(self, key_id: str) -> None:
        """Note the day of its use."""

    def refused(self, name: str, details: Mapping[str, Any]) -> None:
        """Put into the audit trail what a known caller tried and may not."""


class UnknownCallerError(Exception):
    """The token opens nothing; the message says why and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may send, and for whom."""

    event_types: frozenset[str]
    legal_entities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Looks at one token each time; the store is asked each time, so that a revoked key is refused at once."""

    store: CallerStore
    sources: Mapping[str, Limits]
    clients: Sequence[Client] = ()

    def is_machine(self, token: str) -> bool:
        """Whether a token claims to be a machine's; whatever else there is may be a person's."""
        return token.startswith(PREFIX) or issuer_of(token) in {client.issuer for client in self.clients}

    def caller_of(self, token: str) -> Caller:
        """Who sends this token.

        Raises:
            UnknownCallerError: Nobody that we know.
        """
        if len(token) > MAX_TOKEN:
            raise UnknownCallerError("The token is too long to be one.")
        return self._of_key(token) if token.startswith(PREFIX) else self._of_client(token)

    def _of_key(self, token: str) -> Caller:
        key = SourceKey.read(token)
        if key is None:
            raise UnknownCallerError("The key is not whole: its checksum does not fit.")
        known = self.store.key(key.key_id)
        if known is None or not key.fits(known.secret_hash):
            log.warning("source key %s: unknown, or with a wrong secret", key.key_id)
            raise UnknownCallerError("The key is unknown.")
        if known.state != "valid":
            log.warning("source key %s of %s: %s", key.key_id, known.source, known.state)
            raise UnknownCallerError(_STATES[known.state])
        if known.first_of_its_day:
            self.store.used(key.key_id)
        return self._caller(known.source, f"key:{key.key_id}")

    def _of_client(self, token: str) -> Caller:
        issuer, refusals = issuer_of(token), []
        for client in self.clients:
            if client.issuer != issuer:
                continue
            try:
                return self._caller(client.source, f"client:{client.name_in(token)}")
            except TokenRefusedError as error:
                refusals.append(str(error))
        raise UnknownCallerError(refusals[-1] if refusals else "The token's issuer is not one that is configured.")

    def _caller(self, source: str, credential: str) -> Caller:
        if (limits := self.sources.get(source)) is None:
            log.warning("%s of %s: the source is not configured, or wrongly", credential, source)
            raise UnknownCallerError(f"The source {source} is not configured in config/sources.yaml, or wrongly.")
        return Caller(f"{source}/{credential}", source, limits.event_types, limits.legal_entities)
