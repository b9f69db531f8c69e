"""A source's signed key: `hek_<key id>_<secret><checksum>`. Its checksum catches slips, its shape secret scanners.

The secret is 256 random bits, so that its plain SHA-256 is all that the store has to keep of it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Final, Self

PREFIX: Final = "hek_"
#: For secret scanners.
PATTERN: Final = r"hek_[0-9a-z]{12}_[0-9A-Za-z]{49}"
_SHAPE: Final = re.compile(r"(hek_([0-9a-z]{12})_([0-9A-Za-z]{43}))([0-9A-Za-z]{6})", re.ASCII)
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class SourceKey:
    """One key. Its secret shows in `text` alone."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """A key that nobody has."""
        small = _DIGITS[:10] + _DIGITS[36:]
        return cls("".join(secrets.choice(small) for _ in range(12)), _digits(secrets.randbits(256), 43))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The key in a text; None if it is none, was cut or mistyped."""
        found = _SHAPE.fullmatch(text)
        if found is None or found[4] != _checksum(found[1]):
            return None
        return cls(found[2], found[3])

    @property
    def text(self) -> str:
        """What its holder sends."""
        head = f"{PREFIX}{self.key_id}_{self.secret}"
        return head + _checksum(head)

    @property
    def secret_hash(self) -> bytes:
        """What the store keeps."""
        return hashlib.sha256(self.secret.encode()).digest()

    def fits(self, secret_hash: bytes) -> bool:
        """Whether this is the secret of that hash; takes as long whatever differs."""
        return hmac.compare_digest(self.secret_hash, secret_hash)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as the store has it now."""

    source: str
    secret_hash: bytes = field(repr=False)
    state: str
    """valid, not_begun, expired or revoked."""
    first_of_its_day: bool
    """Whether its use is still to be noted today."""


def _checksum(text: str) -> str:
    return _digits(zlib.crc32(text.encode()), 6)


def _digits(number: int, places: int) -> str:
    digits = []
    for _ in range(places):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
