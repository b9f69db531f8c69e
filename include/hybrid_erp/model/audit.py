"""Seals over the audit trail: a hash chain per region that anybody can verify without our store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = bytes(32)
"""What stands before the first seal of a region."""
# Made once: to make one for each row takes as long as the row.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Seal:
    """Covers every audit row of a region whose transaction id is in [from_xid, to_xid)."""

    region: str
    seal_no: int
    from_xid: int
    to_xid: int
    row_count: int
    rows_hash: bytes
    previous_hash: bytes
    seal_hash: bytes


def row_hash(row: Mapping[str, Any]) -> bytes:
    """SHA-256 of an audit row in canonical JSON: every column, sorted by name."""
    return hashlib.sha256(_CANONICAL.encode(row).encode()).digest()


def hash_of_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[int, bytes]:
    """How many rows, and one hash over theirs in order of (xid, audit_id)."""
    digest, count = hashlib.sha256(), 0
    for row in rows:
        digest.update(row_hash(row))
        count += 1
    return count, digest.digest()


def seal_hash(region: str, seal_no: int, from_xid: int, to_xid: int, row_count: int, rows_hash: bytes, previous_hash: bytes) -> bytes:
    """The hash of a seal: of all that it says and of the seal before it."""
    text = json.dumps([region, seal_no, from_xid, to_xid, row_count, rows_hash.hex(), previous_hash.hex()], separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def next_seal(region: str, last: Seal | None, to_xid: int, rows: Iterable[Mapping[str, Any]]) -> Seal:
    """The seal that follows `last` and covers these rows."""
    seal_no, from_xid, previous = (last.seal_no + 1, last.to_xid, last.seal_hash) if last else (1, 0, GENESIS)
    row_count, rows_hash = hash_of_rows(rows)
    terms = (region, seal_no, from_xid, to_xid, row_count, rows_hash, previous)
    return Seal(*terms, seal_hash=seal_hash(*terms))


def seal_to_json(seal: Seal) -> dict[str, Any]:
    """A seal in JSON, hashes in hexadecimal."""
    fields = {name: getattr(seal, name) for name in Seal.__slots__}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def seal_of_json(content: dict[str, Any]) -> Seal:
    """A seal from JSON."""
    numbers = (int(content[name]) for name in ("seal_no", "from_xid", "to_xid", "row_count"))
    hashes = (bytes.fromhex(content[name]) for name in ("rows_hash", "previous_hash", "seal_hash"))
    seal_no, from_xid, to_xid, row_count = numbers
    rows_hash, previous_hash, seal_hash = hashes
    return Seal(str(content["region"]), seal_no, from_xid, to_xid, row_count, rows_hash, previous_hash, seal_hash)


def findings(
    seals: Sequence[Seal], rows: Sequence[Mapping[str, Any]], *, expected_head: str | None = None, section: bool = False
) -> Iterator[str]:
    """What is wrong with one region's chain; nothing: it is whole. `rows` in order of (xid, audit_id).

    `expected_head` is a seal's hash that was kept elsewhere: with it a chain that was rebuilt from its beginning is found too.
    `section`: the seals are some of the chain in a row, and begin with the first of them.
    """
    previous, expected_no, boundary = GENESIS, 1, 0
    if section and seals:
        previous, expected_no, boundary = seals[0].previous_hash, seals[0].seal_no, seals[0].from_xid
    by_seal = iter(rows)
    row = next(by_seal, None)
    for seal in seals:
        covered = []
        while row is not None and int(row["xid"]) < seal.to_xid:
            covered.append(row)
            row = next(by_seal, None)
        name = f"region {seal.region}, seal {seal.seal_no}"
        if seal.seal_no != expected_no or seal.from_xid != boundary:
            yield f"{name}: seal {expected_no} from transaction {boundary} is missing"
        if seal.previous_hash != previous:
            yield f"{name}: does not follow the seal before it"
        count, rows_hash = hash_of_rows(covered)
        if (count, rows_hash) != (seal.row_count, seal.rows_hash):
            yield f"{name}: {seal.row_count} rows were sealed, {count} are there, or one was changed"
        terms = (seal.region, seal.seal_no, seal.from_xid, seal.to_xid, seal.row_count, seal.rows_hash, seal.previous_hash)
        if seal_hash(*terms) != seal.seal_hash:
            yield f"{name}: the seal itself was changed"
        previous, expected_no, boundary = seal.seal_hash, seal.seal_no + 1, seal.to_xid
    if expected_head is not None and expected_head not in {seal.seal_hash.hex() for seal in seals}:
        yield f"no seal has the head {expected_head[:16]}... that was kept elsewhere"
