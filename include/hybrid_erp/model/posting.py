"""A posting: one canonical document on its way to an ERP, with its keys."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from hybrid_erp.model.documents import CanonicalDocument

_KEY_DOMAIN: Final = b"hybrid-erp/posting\x00"
_FREE_BITS: Final = ~(0xF << 76 | 0x3 << 62)
_VERSION_8: Final = 0x8 << 76 | 0x2 << 62

_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False)


def posting_id_of(source: str, event_id: str) -> UUID:
    """The posting's id, derived from the idempotency key (source and id).

    Derived, not drawn: an event that is sent again after our store was restored from a backup gets the same id, and so meets the document
    that an ERP already holds under it. SHA-256, cut to the 122 free bits of a UUID of version 8 (RFC 9562).
    """
    digest = hashlib.sha256(_KEY_DOMAIN + source.encode() + b"\x00" + event_id.encode()).digest()
    return UUID(int=int.from_bytes(digest[:16], "big") & _FREE_BITS | _VERSION_8)


def canonical_json(data: Any) -> str:
    """What the sender sent, whatever its white space and order of fields.

    Raises:
        ValueError: It holds NaN or Infinity. TypeError, RecursionError: it is no JSON at all, or nested without end.
    """
    return _CANONICAL.encode(data)


def content_hash_of(event_type: str, canonical: str) -> str:
    """A hash of an event's type and of its data in canonical JSON; 64 hexadecimal digits."""
    return hashlib.sha256(f"{canonical_json(event_type)},{canonical}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Posting:
    """An accepted event: its document and everything that routes and orders it."""

    posting_id: UUID
    source: str
    event_id: str
    event_type: str
    content_hash: str
    correlation_id: str
    traceparent: str | None
    document: CanonicalDocument
    data: str = field(repr=False)
    """As received, in canonical JSON."""
    region_of: dict[str, str] = field(repr=False)
    """The region of each legal entity concerned."""
    identity: tuple[str, str, str] = field(init=False, repr=False, compare=False)
    """What names its document in all versions: the type, the legal entity or `*` for the whole firm, and the number."""

    def __post_init__(self) -> None:
        """Read the identity off the document once: intake compares it again and again."""
        document = self.document
        object.__setattr__(self, "identity", (document.document_type.value, document.identified_in, document.number))
