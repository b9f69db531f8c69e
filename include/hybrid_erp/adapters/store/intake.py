"""Intake's side of the store: what is new in a batch, and what is a duplicate or refused.

Looks first, then writes: a large batch in parts, so that one is written while the next is checked, and all in one transaction. Two batches
with the same key at the same time meet at a unique key: the later one starts again, as a whole, and looks again.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Self
from uuid import UUID

from psycopg import Connection, Cursor, errors
from psycopg_pool import ConnectionPool

from hybrid_erp.adapters.store.acceptance import Acceptance
from hybrid_erp.adapters.store.columns import texts
from hybrid_erp.model.documents import FIRM
from hybrid_erp.model.errors import DocumentConflictError, ForeignSourceError, KeyReusedError, RefusedEventError, StaleVersionError
from hybrid_erp.model.posting import Posting
from hybrid_erp.ports import Stored

MAX_ROUNDS: Final = 8

# Two versions of one document at the same time: the later look must come after the earlier write, or an old state would follow a new one.
# First versions share a lock, later ones exclude all; what shares a place by chance only waits for a moment. Class constant 4.
PLACES: Final = 64
VERSION_LOCKS = """
    SELECT CASE WHEN later THEN pg_advisory_xact_lock(4, place)::text ELSE pg_advisory_xact_lock_shared(4, place)::text END
    FROM unnest(%b::integer[], %b::boolean[]) AS locks (place, later)
"""
FILL_GAP: Final = "SELECT fill_version_gap(%s, %s, %s, %s, %s)"
KNOWN_KEYS = "SELECT posting_id, content_hash FROM posting_key WHERE posting_id = ANY(%s::uuid[])"
# By the key, one after the other, whatever statistics say: OFFSET 0 keeps PostgreSQL from reading the whole of a table that has just grown.
KNOWN_DOCUMENTS = """
    SELECT known.* FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (document_type, identified_in, number), LATERAL (
        SELECT d.document_type, d.identified_in, d.number, d.version, d.source, d.content_hash, d.posting_id,
               (SELECT n.version FROM dependency n WHERE n.posting_id = d.posting_id AND n.version IS NOT NULL) AS awaited FROM document d
        WHERE d.document_type = asked.document_type AND d.identified_in = asked.identified_in AND d.number = asked.number OFFSET 0) AS known
"""

# Who has written one part waits for the next out of order, perhaps in a circle with another. So not for long: it lets go, and starts again
# with everything in order.
WAIT_BRIEFLY = "SET LOCAL lock_timeout = '50ms'"

_Identity = tuple[str, str, str]

_Row = tuple[Any, ...]
_Answers = list[Stored | RefusedEventError]


@dataclass(frozen=True, slots=True)
class PostgresIntake:
    """Stores postings. Needs the rights of `hybrid_erp_intake`."""

    pool: ConnectionPool[Connection[_Row]]
    gapless: Collection[str] = ()
    """Sources whose versions have no gaps: one that is missing is waited for."""

    def accept(self, parts: Iterable[Sequence[Posting]], *, accepted_by: str) -> Sequence[Stored | RefusedEventError]:
        """Store the new ones in one transaction; answer each in order."""
        incoming, taken = iter(parts), list[Posting]()
        try:
            return self._as_they_come(incoming, taken, accepted_by)
        except (errors.UniqueViolation, errors.LockNotAvailable, errors.SerializationFailure):
            # Another batch has one of these keys or documents: wait for it, in the one order, and look again.
            taken += chain.from_iterable(incoming)
        for _ in range(MAX_ROUNDS):
            try:
                with self.pool.connection() as connection, connection.pipeline():
                    return _take(connection, taken, accepted_by, self.gapless, keys_too=True)
            except (errors.UniqueViolation, errors.SerializationFailure):
                continue  # another batch wrote one of these keys between our look and our write
        raise errors.SerializationFailure(f"the same keys were written by others {MAX_ROUNDS} times in a row; send the batch again")

    def _as_they_come(self, incoming: Iterator[Sequence[Posting]], taken: list[Posting], accepted_by: str) -> _Answers:
        """Part by part: PostgreSQL writes one while the events of the next are checked."""
        parts = _noted(incoming, taken)
        first = next(parts, None)
        if first is None:
            return []
        with self.pool.connection() as connection, connection.pipeline():
            answers = _take(connection, first, accepted_by, self.gapless, keys_too=False)
            for part in parts:
                connection.execute(WAIT_BRIEFLY)
                answers += _take(connection, part, accepted_by, self.gapless, keys_too=False)
        return answers


def _noted(incoming: Iterator[Sequence[Posting]], taken: list[Posting]) -> Iterator[Sequence[Posting]]:
    for part in incoming:
        taken += part  # before it can be lost with what fails next
        if part:
            yield part


def _take(
    connection: Connection[_Row], postings: Sequence[Posting], accepted_by: str, gapless: Collection[str], *, keys_too: bool
) -> _Answers:
    look = _Look.begin(connection, postings, keys_too=keys_too)
    sorting = _Sorting.of(postings, gapless)  # while PostgreSQL looks: nearly always, nothing is known and this stands
    acceptance = Acceptance.of(sorting.new, sorting.gaps)
    if known := look.known():
        sorting = _Sorting.of(postings, gapless, *known)
        acceptance = Acceptance.of(sorting.new, sorting.gaps)
    if sorting.new:
        acceptance.write(connection, accepted_by)
    for posting in sorting.fillers:
        together = [each.posting_id for each in sorting.new if each.identity == posting.identity]
        connection.execute(FILL_GAP, (*posting.identity, posting.document.version, together))
    return sorting.answers


_Keys = dict[UUID, str]
_Documents = dict[_Identity, dict[int, tuple[str, str, UUID]]]
_Awaited = set[tuple[_Identity, int]]
"""Versions that a later one waits for."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What the store holds of a batch's keys and documents: asked, not yet answered."""

    keys: Cursor[_Row] | None
    documents: Cursor[_Row]

    @classmethod
    def begin(cls, connection: Connection[_Row], postings: Sequence[Posting], *, keys_too: bool) -> Self:
        """Lock, then look; each statement sees what was committed before it began.

        At first the documents alone: an event that is sent again is known by its document, and a key that is used for another document
        shows when it is written, which makes us look again.
        """
        later: dict[_Identity, bool] = {}
        for posting in postings:
            identity = posting.identity
            later[identity] = later.get(identity, False) or posting.document.version > 1
        connection.execute(VERSION_LOCKS, _version_locks(later))
        return cls(
            connection.execute(KNOWN_KEYS, (texts([posting.posting_id.hex for posting in postings]),)) if keys_too else None,
            connection.execute(KNOWN_DOCUMENTS, [texts(column) for column in zip(*later, strict=True)]),
        )

    def known(self) -> tuple[_Keys, _Documents, _Awaited] | None:
        """Keys with their hashes, documents with their versions, and those that are missing; None if the store knows nothing of them."""
        keys = {posting_id: content_hash.hex() for posting_id, content_hash in self.keys or ()}
        documents: _Documents = {}
        awaited: _Awaited = set()
        for document_type, identified_in, number, version, source, content_hash, posting_id, missing in self.documents:
            identity = (document_type, identified_in, number)
            documents.setdefault(identity, {})[version] = (source, content_hash.hex(), posting_id)
            awaited |= {(identity, missing)} if missing else set()
        return (keys, documents, awaited) if keys or documents else None


def _version_locks(later: dict[_Identity, bool]) -> tuple[list[int], list[bool]]:
    places: dict[int, bool] = {}
    for identity, excludes in later.items():
        place = zlib.crc32("\0".join(identity).encode()) % PLACES
        places[place] = places.get(place, False) or excludes
    in_order = sorted(places)  # the same order everywhere: nobody waits in a circle
    return in_order, [places[place] for place in in_order]


@dataclass
class _Sorting:
    """An answer to each, and the new ones among them."""

    answers: _Answers = field(default_factory=list)
    new: list[Posting] = field(default_factory=list)
    gaps: list[Posting] = field(default_factory=list)
    """Of the new ones, those that wait for the version before them."""
    fillers: list[Posting] = field(default_factory=list)
    """Of the new ones, those that came after a later version, into a gap before it."""

    @classmethod
    def of(
        cls,
        postings: Sequence[Posting],
        gapless: Collection[str],
        keys: _Keys | None = None,
        documents: _Documents | None = None,
        awaited: _Awaited | None = None,
    ) -> Self:
        """Sort them out; on the way, what is new is added to what is known."""
        if not keys and not documents and _are_strangers(postings):
            return cls([Stored(posting.posting_id, new=True) for posting in postings], list(postings))
        keys, documents, awaited = keys or {}, documents or {}, awaited or set()
        sorting = cls()
        for posting in postings:
            verdict = _judge(posting, keys, documents, awaited)
            sorting.answers.append(verdict)
            if isinstance(verdict, Stored) and verdict.new:
                sorting._add(posting, documents.setdefault(posting.identity, {}), awaited, is_gapless=posting.source in gapless)
                keys[posting.posting_id] = posting.content_hash
        return sorting

    def _add(self, posting: Posting, versions: dict[int, tuple[str, str, UUID]], awaited: _Awaited, *, is_gapless: bool) -> None:
        version = posting.document.version
        self.new.append(posting)
        if max(versions, default=0) > version:
            self.fillers.append(posting)
        # What a source sends first is where it begins; from then on nothing is missing.
        if is_gapless and versions and version - 1 not in versions and version > min(versions):
            self.gaps.append(posting)
            awaited.add((posting.identity, version - 1))
        versions[version] = (posting.source, posting.content_hash, posting.posting_id)


def _are_strangers(postings: Sequence[Posting]) -> bool:
    """Whether no two of them share a key or a document: no answer then depends on another."""
    keys, identities = {posting.posting_id for posting in postings}, {posting.identity for posting in postings}
    return len(keys) == len(identities) == len(postings)


def _judge(posting: Posting, keys: _Keys, documents: _Documents, awaited: _Awaited) -> Stored | RefusedEventError:
    stored_hash = keys.get(posting.posting_id)
    if stored_hash == posting.content_hash:
        return Stored(posting.posting_id, new=False)
    if stored_hash is not None:
        key = f"{posting.source} {posting.event_id}"
        return KeyReusedError(f"The key {key} holds other content.", stored_hash=stored_hash, sent_hash=posting.content_hash)
    versions = documents.get(posting.identity)
    if not versions:
        return Stored(posting.posting_id, new=True)
    document = posting.document
    name = f"{document.document_type} {document.number} of {'the firm' if document.identified_in == FIRM else document.identified_in}"
    for source, _, _ in versions.values():
        if source != posting.source:
            return ForeignSourceError(f"{name} belongs to the source {source}.", owner=source)
    if document.version in versions:
        _, known_hash, posting_id = versions[document.version]
        if known_hash == posting.content_hash:
            return Stored(posting_id, new=False)
        reason = f"Version {document.version} of {name} is known with other content."
        return DocumentConflictError(reason, stored_hash=known_hash, sent_hash=posting.content_hash)
    later = [version for version in versions if version > document.version]
    if later and (posting.identity, min(later) - 1) not in awaited:
        return StaleVersionError(f"Version {max(versions)} of {name} is accepted; {document.version} is older.")
    return Stored(posting.posting_id, new=True)
