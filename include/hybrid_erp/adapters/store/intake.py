"""Intake's side of the store: keys, documents, postings and the outbox in one transaction.

Looks first, then writes. Two batches with the same key at the same time meet at a unique key: the later one starts again and looks again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection, Cursor, errors
from psycopg_pool import ConnectionPool

from hybrid_erp.model.documents import FIRM
from hybrid_erp.model.errors import DocumentConflictError, ForeignSourceError, KeyReusedError, RefusedEventError, StaleVersionError
from hybrid_erp.model.ownership import PostingKind, period_of
from hybrid_erp.model.posting import Posting
from hybrid_erp.ports import Stored

MAX_ROUNDS: Final = 8

# Two versions of one document at the same time: the later look must come after the earlier write, or an old state would follow a new one.
# First versions share a lock, later ones exclude all; what shares a place by chance only waits for a moment. Class constant 4.
PLACES: Final = 64
VERSION_LOCKS = """
    SELECT CASE WHEN later THEN pg_advisory_xact_lock(4, place)::text ELSE pg_advisory_xact_lock_shared(4, place)::text END
    FROM unnest(%s::int[], %s::boolean[]) AS locks (place, later)
"""
KNOWN_KEYS = "SELECT posting_id, content_hash FROM posting_key WHERE posting_id = ANY(%s)"
KNOWN_DOCUMENTS = """
    SELECT d.document_type, d.identified_in, d.number, d.version, d.source, d.content_hash, d.posting_id
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (document_type, identified_in, number)
    JOIN document d USING (document_type, identified_in, number)
"""
NEXT_PLACES = "SELECT nextval('posting_seq') FROM generate_series(1, %s)"
# A reference document goes to every ERP that owns or shadows something of the region. Dual run starts and ends under the exclusive side of
# this lock, so that no document slips between the load's snapshot and the first dual posting.
REFERENCE_LOCKS = """
    SELECT pg_advisory_xact_lock_shared(1, ownership_id) FROM (SELECT ownership_id FROM ownership
    WHERE kind = 'reference' AND region = ANY(%s) ORDER BY ownership_id) AS locks
"""
ERPS_OF_REGIONS = """
    SELECT DISTINCT w.region, erp FROM ownership w JOIN ownership_period p USING (ownership_id), unnest(ARRAY[p.owner, p.candidate]) AS erp
    WHERE w.region = ANY(%s) AND erp IS NOT NULL
"""
COPY_KEYS = "COPY posting_key (posting_id, content_hash, accepted_on) FROM STDIN"
COPY_DOCUMENTS = "COPY document (document_type, identified_in, number, version, source, content_hash, posting_id) FROM STDIN"
COPY_POSTINGS = """
    COPY posting (accepted_on, posting_id, seq, source, event_id, event_type, document_type, identified_in, number, version, correlation_id,
                  traceparent, accepted_at, accepted_by, data) FROM STDIN
"""
COPY_OUTBOX = """
    COPY outbox (posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, period, routing_key, lane) FROM STDIN
"""
COPY_DEPENDENCIES = "COPY dependency (posting_id, document_type, legal_entity, number, until) FROM STDIN"
COPY_AUDIT = "COPY audit (region, actor, action, posting_id, correlation_id, details) FROM STDIN"

_Identity = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class PostgresIntake:
    """Stores postings. Needs the rights of `hybrid_erp_intake`."""

    pool: ConnectionPool[Connection[tuple[Any, ...]]]

    def accept(self, postings: Sequence[Posting], *, accepted_by: str) -> Sequence[Stored | RefusedEventError]:
        """Store the new ones; answer each in order."""
        for tried in range(MAX_ROUNDS):
            try:
                with self.pool.connection() as connection:
                    known = _look(connection, postings, keys_too=tried > 0)
                    answers, new = _sort_out(postings, known)
                    if new:
                        with connection.cursor() as cursor:
                            _write(cursor, new, known.places, accepted_by)
            except errors.UniqueViolation:
                continue  # another batch wrote one of these keys between our look and our write
            return answers
        raise errors.SerializationFailure(f"the same keys were written by others {MAX_ROUNDS} times in a row; send the batch again")


_Documents = dict[_Identity, dict[int, tuple[str, str, UUID]]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store held of a batch's keys and documents, and places in the order of intake for its postings."""

    keys: dict[UUID, str]
    documents: _Documents
    places: list[int]


def _look(connection: Connection[tuple[Any, ...]], postings: Sequence[Posting], *, keys_too: bool) -> _Known:
    """Lock, then look, in one round trip; each statement sees what was committed before it began.

    At first the documents alone: an event that is sent again is known by its document, and a key that is used for another document shows
    when it is written, which makes us look again.
    """
    identities = {_identity(posting) for posting in postings}
    columns = [list(column) for column in zip(*identities, strict=True)]
    with connection.pipeline():
        connection.execute(VERSION_LOCKS, _version_locks(postings))
        keys = connection.execute(KNOWN_KEYS, ([posting.posting_id for posting in postings] if keys_too else [],))
        documents = connection.execute(KNOWN_DOCUMENTS, columns)
        places = connection.execute(NEXT_PLACES, (len(postings),))
    known: _Documents = {}
    for document_type, identified_in, number, version, source, content_hash, posting_id in documents:
        known.setdefault((document_type, identified_in, number), {})[version] = (source, content_hash.hex(), posting_id)
    return _Known({row[0]: row[1].hex() for row in keys}, known, [row[0] for row in places])


def _version_locks(postings: Sequence[Posting]) -> tuple[list[int], list[bool]]:
    places: dict[int, bool] = {}
    for posting in postings:
        place = zlib.crc32("\0".join(_identity(posting)).encode()) % PLACES
        places[place] = places.get(place, False) or posting.document.version > 1
    in_order = sorted(places)  # the same order everywhere: nobody waits in a circle
    return in_order, [places[place] for place in in_order]


def _sort_out(postings: Sequence[Posting], known_before: _Known) -> tuple[list[Stored | RefusedEventError], list[Posting]]:
    keys, documents = known_before.keys, known_before.documents
    answers: list[Stored | RefusedEventError] = []
    new: list[Posting] = []
    for posting in postings:
        verdict = _judge(posting, keys, documents)
        answers.append(verdict)
        if isinstance(verdict, Stored) and verdict.new:
            new.append(posting)
            keys[posting.posting_id] = posting.content_hash
            known = (posting.source, posting.content_hash, posting.posting_id)
            documents.setdefault(_identity(posting), {})[posting.document.version] = known
    return answers, new


def _identity(posting: Posting) -> _Identity:
    document = posting.document
    return document.document_type.value, document.identified_in, document.number


def _judge(posting: Posting, keys: dict[UUID, str], documents: _Documents) -> Stored | RefusedEventError:
    stored_hash = keys.get(posting.posting_id)
    if stored_hash == posting.content_hash:
        return Stored(posting.posting_id, new=False)
    if stored_hash is not None:
        key = f"{posting.source} {posting.event_id}"
        return KeyReusedError(f"The key {key} holds other content.", stored_hash=stored_hash, sent_hash=posting.content_hash)
    document, versions = posting.document, documents.get(_identity(posting), {})
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
    if versions and document.version < max(versions):
        return StaleVersionError(f"Version {max(versions)} of {name} is accepted; {document.version} is older.")
    return Stored(posting.posting_id, new=True)


def _write(cursor: Cursor[tuple[Any, ...]], postings: Sequence[Posting], places: Sequence[int], accepted_by: str) -> None:
    now = datetime.now(UTC)
    today = now.date()
    # In the order of the keys, so that two batches with common keys meet in the same order and never deadlock.
    by_key = sorted(postings, key=lambda posting: posting.posting_id)
    _copy(cursor, COPY_KEYS, ((posting.posting_id, bytes.fromhex(posting.content_hash), today) for posting in by_key))
    _copy(cursor, COPY_DOCUMENTS, sorted(_document_row(posting) for posting in postings))
    destinations = _reference_destinations(cursor, postings)
    placed = list(zip(places, postings, strict=False))  # a place that a duplicate leaves free stays free
    _copy(cursor, COPY_POSTINGS, (posting_row(posting, place, now, accepted_by) for place, posting in placed))
    _copy(cursor, COPY_OUTBOX, (row for place, posting in placed for row in outbox_rows(posting, place, today, destinations)))
    _copy(cursor, COPY_DEPENDENCIES, (row for posting in postings for row in _dependency_rows(posting)))
    _copy(cursor, COPY_AUDIT, (row for posting in postings for row in _audit_rows(posting, accepted_by)))


def _copy(cursor: Cursor[tuple[Any, ...]], statement: LiteralString, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _reference_destinations(cursor: Cursor[tuple[Any, ...]], postings: Sequence[Posting]) -> dict[str, list[str]]:
    references = [posting for posting in postings if posting.document.kind == PostingKind.REFERENCE]
    regions = sorted({region for posting in references for region in posting.region_of.values()})
    if not regions:
        return {}
    cursor.execute(REFERENCE_LOCKS, (regions,))
    found: dict[str, list[str]] = {}
    for region, erp in cursor.execute(ERPS_OF_REGIONS, (regions,)):
        found.setdefault(region, []).append(erp)
    return found


def _document_row(posting: Posting) -> tuple[Any, ...]:
    version, content_hash = posting.document.version, bytes.fromhex(posting.content_hash)
    return (*_identity(posting), version, posting.source, content_hash, posting.posting_id)


def posting_row(posting: Posting, place: int, now: datetime, accepted_by: str) -> tuple[Any, ...]:
    """A row of `posting`, in the order of its columns."""
    identity, version = _identity(posting), posting.document.version
    head = (now.date(), posting.posting_id, place, posting.source, posting.event_id, posting.event_type)
    return (*head, *identity, version, posting.correlation_id, posting.traceparent, now, accepted_by, posting.data)


def outbox_rows(posting: Posting, place: int, today: date, destinations: dict[str, list[str]]) -> Iterator[tuple[Any, ...]]:
    """The rows of `outbox`: one for each legal entity, and for a reference document one for each of its ERPs."""
    document = posting.document
    period = period_of(document.accounting_on) if document.accounting_on else None
    for legal_entity, region in posting.region_of.items():
        reference = document.kind == PostingKind.REFERENCE
        lane = f"{legal_entity}/{document.lane}" if reference else document.lane
        for erp in destinations.get(region, ()) if reference else ("",):
            head = (posting.posting_id, legal_entity, erp, today, place, region, document.kind.value, document.document_type.value)
            yield (*head, period, document.routing_key, f"{erp}/{lane}" if reference else lane)


def _dependency_rows(posting: Posting) -> Iterator[tuple[Any, ...]]:
    # A dependency on a reference document is met where the posting goes: in its own legal entity there.
    for each in dict.fromkeys(posting.document.depends_on):
        yield posting.posting_id, each.document_type.value, each.legal_entity or "", each.number, each.until


def _audit_rows(posting: Posting, accepted_by: str) -> Iterator[tuple[Any, ...]]:
    details = json.dumps({"type": posting.event_type, "number": posting.document.number, "content_hash": posting.content_hash})
    for region in dict.fromkeys(posting.region_of.values()):
        yield region, accepted_by, "accepted", posting.posting_id, posting.correlation_id, details
