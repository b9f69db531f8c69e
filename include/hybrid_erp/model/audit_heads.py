"""What of the audit trail is kept outside the store: every seal, with a short hash of each row that it covers.

A seal alone says that something was changed; the short hashes say which row was the first. Ids and hashes only, no word of a row.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from hybrid_erp.model.audit import Seal, row_hash, seal_of_json, seal_to_json
from hybrid_erp.model.errors import AuditTrailChangedError

FORMAT: Final = "hybrid-erp.audit-heads.1"
#: Of a row's hash, in hexadecimal. What proves is the seal; this only finds the place.
DIGITS: Final = 16
SIGNATURE_DIGITS: Final = 128

Head = tuple[int, str]
"""The number of a region's last seal, and its hash in hexadecimal."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeptSeal:
    """One seal, and of each row that it covers the id and the short hash, in the order of the seal."""

    seal: Seal
    rows: Sequence[tuple[int, str]]

    @classmethod
    def of(cls, seal: Seal, rows: Iterable[Row]) -> KeptSeal:
        """The seal with its rows.

        Raises:
            AuditTrailChangedError: They are not the rows that were sealed.
        """
        digest, short = hashlib.sha256(), list[tuple[int, str]]()
        for row in rows:
            whole = row_hash(row)
            digest.update(whole)
            short.append((row["audit_id"], whole.hex()[:DIGITS]))
        if digest.digest() != seal.rows_hash:
            raise AuditTrailChangedError(f"Region {seal.region}, seal {seal.seal_no}: its rows are not those that were sealed.")
        return cls(seal, short)

    def first_misfit(self, rows: Iterable[Row]) -> str | None:
        """The first row of the store that is not as it was kept, in words; None: all are."""
        digest, row_nos = hashlib.sha256(), {audit_id for audit_id, _ in self.rows}
        for kept, row in zip_longest(self.rows, rows):
            if row is None:
                return f"row {kept[0]} is gone"
            whole = row_hash(row)
            if (found := (row["audit_id"], whole.hex()[:DIGITS])) != kept:
                return _difference(kept, row, known=found[0] in row_nos)
            digest.update(whole)
        return None if digest.digest() == self.seal.rows_hash else "a row was changed"


def _difference(kept: tuple[int, str] | None, row: Row, *, known: bool) -> str:
    told = f"row {row['audit_id']} ({row['action']} by {row['actor']}, {row['recorded_at']})"
    if kept is not None and kept[0] == row["audit_id"]:
        return f"{told} was changed"
    return f"row {kept[0]} is gone" if known and kept is not None else f"{told} was added"


@dataclass(frozen=True, slots=True)
class KeptHeads:
    """One file: the seals that were made since the one before it."""

    number: int
    previous: str
    """SHA-256 of the file before, in hexadecimal; empty: this is the first."""
    store: str
    """Which store it was; another one after a restore or a failover."""
    kept_at: str
    key: str
    """The fingerprint of the key that signed it."""
    ownership: Mapping[str, str]
    """Which ERP owned what when it was kept, in words: after a restore the store is asked whether it still says so."""
    last_move: str
    """Up to which move of ownership that is: number and instant."""
    after: Mapping[str, Head]
    """Of each region, the seal that it goes on from."""
    seals: Sequence[KeptSeal]

    @property
    def heads(self) -> dict[str, Head]:
        """Of each region, the last seal that is kept with this file."""
        return {**self.after, **{kept.seal.region: head_of(kept.seal) for kept in self.seals}}

    def lines(self) -> Iterator[str]:
        """As text: who and what it is, then each seal and its rows, one a line."""
        about = {name: getattr(self, name) for name in ("number", "previous", "store", "kept_at", "key", "ownership", "last_move", "after")}
        yield json.dumps({"format": FORMAT, **about}, sort_keys=True)
        for kept in self.seals:
            yield json.dumps({"seal": seal_to_json(kept.seal)}, sort_keys=True)
            for row in kept.rows:
                yield json.dumps(row)


def head_of(seal: Seal) -> Head:
    """A seal by number and hash."""
    return seal.seal_no, seal.seal_hash.hex()


def compressed(text: bytes, signature: bytes) -> bytes:
    """A file of this text: gzip, and inside it the text with the signature as the last 128 digits. The same text is the same file."""
    return gzip.compress(text + signature.hex().encode(), mtime=0)


def uncompressed(content: bytes) -> tuple[bytes, bytes]:
    """The text of a file, and its signature.

    Raises:
        ValueError: It is no such file.
    """
    try:
        text = gzip.decompress(content or b"nothing")
    except (OSError, EOFError) as error:
        raise ValueError("it is cut, or no gzip file") from error
    return text[:-SIGNATURE_DIGITS], bytes.fromhex(text[-SIGNATURE_DIGITS:].decode("ascii"))


def heads_of_text(text: bytes) -> KeptHeads:
    """What a file says.

    Raises:
        ValueError: It is of another format.
    """
    try:
        about, *lines = map(json.loads, text.decode().splitlines())
        if about.pop("format") != FORMAT:
            raise ValueError("it is of another format")
        after = {str(region): (int(number), str(digest)) for region, (number, digest) in about.pop("after").items()}
        return KeptHeads(**about, after=after, seals=_seals(lines))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("it is of another format") from error


def _seals(lines: Sequence[Any]) -> list[KeptSeal]:
    found: list[tuple[Seal, list[tuple[int, str]]]] = []
    for line in lines:
        if isinstance(line, dict):
            found.append((seal_of_json(line["seal"]), []))
        else:
            found[-1][1].append((int(line[0]), str(line[1])))
    return [KeptSeal(seal, rows) for seal, rows in found]
