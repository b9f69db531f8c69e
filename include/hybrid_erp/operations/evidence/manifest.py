"""What a pack consists of: every part with its size and hash, each chained to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FORMAT: Final = "hybrid-erp.evidence.1"
NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a pack."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What the manifest says of a part."""

    name: str
    bytes: int
    sha256: str
    chain: str
    """SHA-256 over the entry before and this one: no part can be changed, left out, added or moved without changing all that follow."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of parts, and what the pack is about."""

    about: Mapping[str, Any]
    """Cutover, region, direction, the package that wrote it."""
    entries: tuple[Entry, ...]

    def as_json(self) -> bytes:
        """As it stands in the pack; the same manifest always has the same bytes."""
        parts = [{"name": each.name, "bytes": each.bytes, "sha256": each.sha256, "chain": each.chain} for each in self.entries]
        content = {"format": FORMAT, "about": dict(self.about), "parts": parts}
        return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1).encode() + b"\n"


def manifest_of(about: Mapping[str, Any], parts: Sequence[Part]) -> Manifest:
    """The manifest of these parts, in this order."""
    return Manifest(about, tuple(_chained((part.name, len(part.content), hashlib.sha256(part.content).hexdigest()) for part in parts)))


def read_manifest(content: bytes) -> Manifest:
    """A manifest from its bytes.

    Raises:
        ValueError: It is none, or its chain does not hold.
    """
    try:
        told = json.loads(content)
        if told["format"] != FORMAT:
            raise ValueError(f"the format is {told['format']}, not {FORMAT}")
        parts = [(str(each["name"]), int(each["bytes"]), str(each["sha256"])) for each in told["parts"]]
        manifest = Manifest(dict(told["about"]), tuple(_chained(parts)))
    except (LookupError, TypeError, RecursionError) as error:
        raise ValueError("it is no manifest") from error
    if manifest.as_json() != content:
        raise ValueError("its chain of hashes does not hold")
    return manifest


def _chained(parts: Iterable[tuple[str, int, str]]) -> Iterable[Entry]:
    before = hashlib.sha256(FORMAT.encode()).hexdigest()
    for name, size, sha256 in parts:
        before = hashlib.sha256(json.dumps([before, name, size, sha256]).encode()).hexdigest()
        yield Entry(name, size, sha256, before)
