"""Verifying a pack offline: with the file and a public key that came another way, and nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hybrid_erp.model.audit import Seal as AuditSeal
from hybrid_erp.model.audit import findings as audit_findings
from hybrid_erp.operations.evidence.container import SIGNATURE_DIGITS, Seal, seal_of
from hybrid_erp.operations.evidence.keys import fingerprint, is_signed
from hybrid_erp.operations.evidence.manifest import NAME, Entry, Manifest, read_manifest

#: What reading a damaged zip may raise.
UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, LookupError, RuntimeError, OverflowError)
READ: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MANIFEST_BYTES_MAX: Final = 16 * 1024 * 1024
AUDIT_ROWS, AUDIT_SEALS = "audit/rows.jsonl", "audit/seals.jsonl"


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying a pack came to."""

    findings: tuple[str, ...]
    """What is wrong; empty: the file is byte for byte what was signed."""
    manifest: Manifest | None
    """Only one that the key's owner signed."""


def verify(content: bytes, keys: Sequence[Ed25519PublicKey]) -> Verification:
    """Whether a file is byte for byte what the owner of one of these keys signed; if not, which part is not."""
    seal = seal_of(content)
    if seal is None:
        return _refused("the signature at the end of the file is missing or damaged: the file was cut, added to or packed anew")
    key = {fingerprint(each): each for each in keys}.get(seal.fingerprint)
    if key is None:
        return _refused(f"it names the key {seal.fingerprint[:16]}..., which is none of those given: another key's, or changed")
    whole = is_signed(key, seal.signature, content[:-SIGNATURE_DIGITS])
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _opened(archive, seal, key, whole=whole)
    except UNREADABLE as error:
        return _refused(f"the container cannot be read as a zip ({type(error).__name__}): its directory was changed")


def _refused(finding: str) -> Verification:
    return Verification((f"{finding}; nothing in it is proven",), None)


def _opened(archive: zipfile.ZipFile, seal: Seal, key: Ed25519PublicKey, *, whole: bool) -> Verification:
    try:
        content = _read(archive, NAME, MANIFEST_BYTES_MAX)
        if not is_signed(key, seal.manifest_signature, content):
            return _refused(f"{NAME}, or its signature, was changed")
        manifest = read_manifest(content)
    except UNREADABLE as error:
        return _refused(f"{NAME} cannot be read: {error}")
    found = [*_moved(archive, manifest), *(told for entry in manifest.entries for told in _changed(archive, entry))]
    if not found and not whole:
        found = ["the container around the parts, or the signature itself, was changed; every part is as it was signed"]
    return Verification(tuple(found or _of_audit(archive, manifest)), manifest)


def _moved(archive: zipfile.ZipFile, manifest: Manifest) -> Iterator[str]:
    """Parts that are missing, that nobody signed, or that stand elsewhere."""
    signed, there = [*(entry.name for entry in manifest.entries), NAME], archive.namelist()
    yield from (f"{name}: is there, and is no part of what was signed" for name in sorted(set(there) - set(signed)))
    if not set(there) ^ set(signed) and there != signed:
        yield "the parts are not in the order in which they were signed, or one is there twice"


def _changed(archive: zipfile.ZipFile, entry: Entry) -> Iterator[str]:
    try:
        content = _read(archive, entry.name, entry.bytes)
    except KeyError:
        yield f"{entry.name}: is missing"
    except UNREADABLE as error:
        yield f"{entry.name}: cannot be read ({type(error).__name__}), it was changed"
    else:
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            yield f"{entry.name}: was changed"


def _read(archive: zipfile.ZipFile, name: str, bytes_max: int) -> bytes:
    """One entry, never more than a byte above its limit: what was changed may say that it unpacks to a world."""
    info = archive.getinfo(name)
    if info.compress_type not in READ:
        raise ValueError("it is compressed in a way that no pack is")
    with archive.open(info) as file:
        return file.read(bytes_max + 1)


def _of_audit(archive: zipfile.ZipFile, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the chain of the audit rows, as it was when the pack was written."""
    if not {AUDIT_ROWS, AUDIT_SEALS} <= {entry.name for entry in manifest.entries}:
        return
    rows = [{**row, "xid": int(row["xid"])} for row in _lines(archive, AUDIT_ROWS)]
    yield from audit_findings([_to_seal(each) for each in _lines(archive, AUDIT_SEALS)], rows, section=True)


def _lines(archive: zipfile.ZipFile, name: str) -> Iterator[Mapping[str, Any]]:
    yield from (json.loads(line.decode()) for line in archive.read(name).splitlines())


def _to_seal(row: Mapping[str, Any]) -> AuditSeal:
    hashes = {name: bytes.fromhex(row[name]) for name in ("rows_hash", "previous_hash", "seal_hash")}
    return AuditSeal(**{**row, **hashes})
