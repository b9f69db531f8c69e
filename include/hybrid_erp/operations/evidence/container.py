"""The file around the parts: a zip that any program opens, with its signature as the last bytes.

The last 128 characters are the signature, in hexadecimal, of every byte before them: so nothing in the file can change unseen, its time
stamps, comments and compression no more than its parts. Before them stand whose key it was and a signature of the manifest alone, by which
a verifier can say which part was changed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hybrid_erp.operations.evidence.keys import fingerprint
from hybrid_erp.operations.evidence.manifest import NAME, Part, manifest_of

MAGIC: Final = b"hybrid-erp-evidence-1"
SIGNATURE_DIGITS: Final = 128
FINGERPRINT_DIGITS: Final = 64
SEAL_BYTES: Final = len(MAGIC) + 1 + FINGERPRINT_DIGITS + 1 + SIGNATURE_DIGITS + 1 + SIGNATURE_DIGITS
#: The same for every pack, so that the same evidence is the same file.
WRITTEN_AT: Final = (1980, 1, 1, 0, 0, 0)
UNIX, READABLE = 3, 0o100644 << 16
HEX: Final = frozenset(b"0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Seal:
    """The end of a pack."""

    fingerprint: str
    manifest_signature: bytes
    signature: bytes


def pack(parts: Sequence[Part], about: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The parts with their manifest in one signed file; the same parts and key always give the same bytes."""
    manifest = manifest_of(about, parts).as_json()
    words = (MAGIC, fingerprint(key.public_key()).encode(), key.sign(manifest).hex().encode(), b"0" * SIGNATURE_DIGITS)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part in (*parts, Part(NAME, manifest)):
            info = zipfile.ZipInfo(part.name, WRITTEN_AT)
            info.create_system, info.external_attr, info.compress_type = UNIX, READABLE, zipfile.ZIP_DEFLATED
            archive.writestr(info, part.content)
        archive.comment = b" ".join(words)
    body = file.getvalue()[:-SIGNATURE_DIGITS]
    return body + key.sign(body).hex().encode()


def seal_of(content: bytes) -> Seal | None:
    """The end of a pack; None if there is none, or not in the one way in which it is written."""
    words = content[-SEAL_BYTES:].split(b" ")
    if len(content) < SEAL_BYTES or [len(word) for word in words] != [len(MAGIC), FINGERPRINT_DIGITS, SIGNATURE_DIGITS, SIGNATURE_DIGITS]:
        return None
    magic, owner, *signatures = words
    if magic != MAGIC or not HEX.issuperset(owner + b"".join(signatures)):
        return None
    manifest_signature, signature = (bytes.fromhex(each.decode()) for each in signatures)
    return Seal(owner.decode(), manifest_signature, signature)
