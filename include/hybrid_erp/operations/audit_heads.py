"""Keep the heads of the audit trail outside the store, and hold the store against what was kept.

Who owns the database can write its whole history anew, seals and all. What was kept elsewhere, signed, then no longer fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hybrid_erp.model.audit import GENESIS, Seal
from hybrid_erp.model.audit_heads import Head, KeptHeads, KeptSeal, compressed, head_of, heads_of_text, uncompressed
from hybrid_erp.model.errors import AuditTrailChangedError
from hybrid_erp.operations.evidence.keys import fingerprint, is_signed

#: A file ends with the seal that reaches it: a first run over years of rows writes many files, and holds one in memory.
ROWS_OF_A_FILE: Final = 200_000
NOTHING: Final[Head] = (0, "")


class Trail(Protocol):
    """The audit trail in the store."""

    def keeping(self) -> AbstractContextManager[bool]:
        """Whether nobody else keeps heads now; nobody can until the block ends."""

    def identity(self) -> tuple[str, bool]:
        """Which store it is, and whether it is believed."""

    def ownership(self) -> tuple[Mapping[str, str], str]:
        """Which ERP owns what now, and every pin, in words; and the last move of ownership."""

    def knows_move(self, move: str) -> bool:
        """Whether this move of ownership was made in this store."""

    def sealed_regions(self) -> Sequence[str]:
        """The regions that have seals."""

    def seals_after(self, region: str, seal_no: int) -> Sequence[Seal]:
        """A region's seals that come after one, in order."""

    def seal_of(self, region: str, seal_no: int) -> Seal | None:
        """One seal."""

    def rows_of(self, seal: Seal) -> Iterable[Mapping[str, Any]]:
        """The rows that a seal covers, in its order."""


class Place(Protocol):
    """Where files are kept that nobody who owns the store can change."""

    def numbers(self) -> Sequence[int]:
        """The numbers of all files, in order."""

    def newest(self) -> int | None:
        """The highest of them, without a look at all the others."""

    def read(self, number: int) -> bytes:
        """A file's content."""

    def write(self, number: int, content: bytes) -> None:
        """Add a file; raises FileExistsError if there is one of that number."""


@dataclass(frozen=True, slots=True)
class KeptNow:
    """What one run has kept."""

    files: int
    seals: int


def keep_heads(trail: Trail, place: Place, key: Ed25519PrivateKey) -> KeptNow:
    """Keep every seal that is not kept yet.

    Raises:
        AuditTrailChangedError: The store does not hold what was kept, or its rows are not those that were sealed, or the newest file
            outside is not ours. Of the region concerned nothing more is kept; of all others everything is.
    """
    with trail.keeping() as alone:
        store, is_believed = trail.identity()
        if not alone or not is_believed:
            return KeptNow(0, 0)
        return _Keeper(trail, place, key, store).run()


@dataclass
class _Keeper:
    trail: Trail
    place: Place
    key: Ed25519PrivateKey
    store: str
    changed: list[str] = field(default_factory=list)

    def run(self) -> KeptNow:
        number = self.place.newest()
        last = _ours(self.place, number, self.key) if number is not None else None
        heads = dict(last[0].heads) if last else {}
        seals = list(self._not_kept(heads, last[0] if last else None))
        previous = hashlib.sha256(last[1]).hexdigest() if last else ""
        files = kept = 0
        number = number or 0
        for part in self._parts(seals, dict(heads)):
            number += 1
            now = datetime.now(UTC).isoformat(timespec="seconds")
            signer = fingerprint(self.key.public_key())
            file = KeptHeads(number, previous, self.store, now, signer, *self.trail.ownership(), heads, part)
            text = "\n".join(file.lines()).encode() + b"\n"
            content = compressed(text, self.key.sign(text))
            self.place.write(number, content)
            heads, previous = file.heads, hashlib.sha256(content).hexdigest()
            files, kept = files + 1, kept + len(part)
        if self.changed:
            raise AuditTrailChangedError(" ".join(self.changed))
        return KeptNow(files, kept)

    def _not_kept(self, heads: dict[str, Head], last: KeptHeads | None) -> Iterator[Seal]:
        """The seals to keep now. `heads` is set back where another store, after a restore, has forgotten what was kept."""
        for region in sorted({*self.trail.sealed_regions(), *heads}):
            head = heads.get(region, NOTHING)
            if not _holds(self.trail, region, head):
                assert last is not None
                if last.store == self.store:
                    self.changed.append(f"Region {region}: the store does not hold seal {head[0]} as it was kept, {head[1][:16]}....")
                    continue
                head = heads[region] = self._last_common(region)
            yield from self.trail.seals_after(region, head[0])

    def _last_common(self, region: str) -> Head:
        for number in reversed(self.place.numbers()):
            head = _ours(self.place, number, self.key)[0].heads.get(region, NOTHING)
            if _holds(self.trail, region, head):
                return head
        return NOTHING

    def _parts(self, seals: Sequence[Seal], heads: dict[str, Head]) -> Iterator[list[KeptSeal]]:
        part, rows, stopped = list[KeptSeal](), 0, set[str]()
        for seal in seals:
            if seal.region in stopped:
                continue
            try:
                part.append(_following(seal, heads.get(seal.region, NOTHING), self.trail))
                heads[seal.region] = head_of(seal)
            except AuditTrailChangedError as error:
                self.changed.append(error.message)
                stopped.add(seal.region)
                continue
            rows += seal.row_count
            if rows >= ROWS_OF_A_FILE:
                yield part
                part, rows = [], 0
        if part:
            yield part


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the store does not say any more, of what was kept last."""

    heads: Sequence[str]
    ownership: Sequence[str]


def forgotten(trail: Trail, place: Place, key: Ed25519PrivateKey) -> Forgotten:
    """Hold the store against the newest file alone, as after a restore.

    Raises:
        AuditTrailChangedError: The newest file outside is not ours.
    """
    number = place.newest()
    if number is None:
        return Forgotten([], [])
    kept, _ = _ours(place, number, key)
    heads = [
        f"region {region}: seal {head[0]} was kept outside by {kept.kept_at}, and this store does not hold it"
        for region, head in sorted(kept.heads.items())
        if not _holds(trail, region, head)
    ]
    now, _ = trail.ownership()
    ownership = [
        f"the {what} was {kept.ownership.get(what, 'nobody')} at {kept.kept_at}, and this store says {now.get(what, 'nobody')}"
        for what in sorted({*kept.ownership, *now})
        if kept.ownership.get(what) != now.get(what)
    ]
    if trail.knows_move(kept.last_move):
        ownership = []  # what differs was moved later, and not forgotten
    return Forgotten(heads, ownership)


def _ours(place: Place, number: int, key: Ed25519PrivateKey) -> tuple[KeptHeads, bytes]:
    content = place.read(number)
    try:
        text, signature = uncompressed(content)
        file = heads_of_text(text)
    except ValueError as error:
        raise AuditTrailChangedError(f"File {number} of the kept heads cannot be read: {error}.") from error
    # That of an earlier key is verified by people, who have all public keys.
    if file.key == fingerprint(key.public_key()) and not is_signed(key.public_key(), signature, text):
        raise AuditTrailChangedError(f"File {number} of the kept heads is not as it was signed.")
    return file, content


def _holds(trail: Trail, region: str, head: Head) -> bool:
    if head == NOTHING:
        return True
    seal = trail.seal_of(region, head[0])
    return seal is not None and head_of(seal) == head


def _following(seal: Seal, head: Head, trail: Trail) -> KeptSeal:
    if seal.seal_no != head[0] + 1 or seal.previous_hash != (bytes.fromhex(head[1]) or GENESIS):
        raise AuditTrailChangedError(f"Region {seal.region}, seal {seal.seal_no}: it does not follow seal {head[0]} as it was kept.")
    return KeptSeal.of(seal, trail.rows_of(seal))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the store is, held against what was kept of it."""

    findings: Sequence[str]
    told: Sequence[str]
    """What was looked at."""


def compare_heads(trail: Trail, place: Place, keys: Sequence[Ed25519PublicKey], *, since: int = 1) -> Comparison:
    """Hold every kept seal, from a file on, against the store; of each region the first row that does not fit is named."""
    comparing = _Comparing(trail, {fingerprint(key): key for key in keys})
    for number in place.numbers():
        if number >= since:
            comparing.file(number, place.read(number), is_first=number == since)
    return comparing.result(since)


@dataclass
class _Comparing:
    trail: Trail
    keys: Mapping[str, Ed25519PublicKey]
    findings: list[str] = field(default_factory=list)
    rows_that_differ: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The first of each region, with the number of its seal."""
    seals_that_differ: dict[str, tuple[int, str]] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    last: KeptHeads | None = None
    files: int = 0
    seals: int = 0
    rows: int = 0
    previous: str = ""

    def file(self, number: int, content: bytes, *, is_first: bool) -> None:
        """Hold one file against those before it, and its seals against the store."""
        file = self._signed(number, content)
        expected = self.last.number + 1 if self.last else None
        if file is None:
            return
        self.files += 1
        if is_first and number > 1:
            self.heads = dict(file.after)
        elif expected is None and number > 1:
            self.findings.append(f"files 1 to {number - 1} of the kept heads are missing")
        elif expected is not None and number != expected:
            self.findings.append(f"files {expected} to {number - 1} of the kept heads are missing or unreadable")
            self.heads = dict(file.after)
        elif file.previous != self.previous:
            self.findings.append(f"file {number} does not follow file {number - 1} as it is now")
        self._goes_on(file)
        for kept in file.seals:
            self._hold(kept, file)
        self.heads, self.last, self.previous = file.heads, file, hashlib.sha256(content).hexdigest()

    def result(self, since: int) -> Comparison:
        """All findings, and what was looked at."""
        findings = list(self.findings)
        for region, (seal_no, misfit) in sorted((self.seals_that_differ | self.rows_that_differ).items()):
            findings.append(f"region {region}, seal {seal_no}: {misfit}")
        if not self.files:
            findings.append(f"no file is kept from number {since} on")
        told = [f"{self.files} files, {self.seals} seals over {self.rows} rows were held against the store."]
        for region in sorted({*self.trail.sealed_regions(), *self.heads}):
            seal_no, _ = self.heads.get(region, NOTHING)
            later = len(self.trail.seals_after(region, seal_no))
            told.append(f"{region}: kept up to seal {seal_no}; {later} seals are not kept yet.")
        if self.last:
            told.append(f"The newest file is {self.last.number}, of {self.last.kept_at}, of the store {self.last.store}.")
        return Comparison(findings, told)

    def _signed(self, number: int, content: bytes) -> KeptHeads | None:
        try:
            text, signature = uncompressed(content)
            file = heads_of_text(text)
        except ValueError as error:
            self.findings.append(f"file {number} of the kept heads cannot be read: {error}")
            return None
        key = self.keys.get(file.key)
        if key is None:
            self.findings.append(f"file {number} is signed by the key {file.key[:16]}..., which is none of those given")
        elif not is_signed(key, signature, text) or file.number != number:
            self.findings.append(f"file {number} is not as it was signed")
        else:
            return file
        return None

    def _goes_on(self, file: KeptHeads) -> None:
        """Each region goes on from its last kept seal; after a restore from an earlier one, and that is told."""
        for region in sorted({*self.heads, *file.after}):
            before, after = self.heads.get(region, NOTHING), file.after.get(region, NOTHING)
            if before == after:
                continue
            gone = [
                first.pop(region)[1] for first in (self.rows_that_differ, self.seals_that_differ) if first.get(region, after)[0] > after[0]
            ]
            if after[0] < before[0] and self.last and self.last.store != file.store:
                self.findings.append(
                    f"region {region}: seals {after[0] + 1} to {before[0]} were forgotten before {file.kept_at}, when the store became "
                    + "; ".join([file.store, *gone[:1]])
                )
            else:
                self.findings.append(f"region {region}: file {file.number} goes on from seal {after[0]}, and not from {before[0]}")

    def _hold(self, kept: KeptSeal, file: KeptHeads) -> None:
        self.seals, self.rows = self.seals + 1, self.rows + len(kept.rows)
        region, seal_no, where = kept.seal.region, kept.seal.seal_no, f"it was kept in file {file.number} of {file.kept_at}"
        if region in self.rows_that_differ:
            return  # what comes after the first is of no account
        if misfit := kept.first_misfit(self.trail.rows_of(kept.seal)):
            self.rows_that_differ[region] = seal_no, f"{misfit}; {where}"
        if self.trail.seal_of(region, seal_no) != kept.seal:
            told = f"every row is there up to here, but the seal is gone or was made anew; {where}"
            self.seals_that_differ.setdefault(region, (seal_no, told))
