"""Writes new postings: their keys, documents, contents, places in the outbox, dependencies and audit rows, in the caller's transaction.

One statement a table and one binary array a column: a row costs no message of its own, and nothing is quoted. The statements go out without
waiting for answers, so the next table's columns are made while PostgreSQL writes the last one's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from hybrid_erp.model.ownership import PostingKind, period_of
from hybrid_erp.model.posting import Posting

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
INSERT_KEYS = """
    INSERT INTO posting_key (posting_id, content_hash, accepted_on)
    SELECT posting_id, content_hash, %s FROM unnest(%b::uuid[], %b::bytea[]) AS key (posting_id, content_hash)
"""
INSERT_DOCUMENTS = """
    INSERT INTO document (document_type, identified_in, number, version, source, content_hash, posting_id)
    SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::integer[], %b::text[], %b::bytea[], %b::uuid[])
"""
INSERT_POSTINGS = """
    INSERT INTO posting (accepted_on, accepted_at, accepted_by, posting_id, seq, source, event_id, event_type, document_type, identified_in,
                         number, version, correlation_id, traceparent, data)
    SELECT %s, %s, %s, posting_id, seq, source, event_id, event_type, document_type, identified_in, number, version, correlation_id,
           traceparent, data::jsonb
    FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::integer[], %b::text[],
                %b::text[], %b::text[])
    AS new (posting_id, seq, source, event_id, event_type, document_type, identified_in, number, version, correlation_id, traceparent, data)
"""
INSERT_OUTBOX = """
    INSERT INTO outbox (accepted_on, posting_id, seq, legal_entity, destination, region, kind, document_type, period, routing_key, lane)
    SELECT %s, new.* FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
                                 %b::text[], %b::text[]) AS new
"""
INSERT_DEPENDENCIES = """
    INSERT INTO dependency (posting_id, document_type, legal_entity, number, until)
    SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[])
"""
INSERT_AUDIT = """
    INSERT INTO audit (actor, action, region, posting_id, correlation_id, details)
    SELECT %s, 'accepted', region, posting_id, correlation_id,
           jsonb_build_object('type', event_type, 'number', number, 'content_hash', encode(content_hash, 'hex'))
    FROM unnest(%b::text[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::bytea[])
    AS new (region, posting_id, correlation_id, event_type, number, content_hash)
"""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """New postings in the order of intake, each with its place in that order."""

    postings: Sequence[Posting]
    places: Sequence[int]
    accepted_by: str

    def write(self, connection: Connection[tuple[Any, ...]]) -> None:
        """Write everything or raise.

        Raises:
            psycopg.errors.UniqueViolation: Another transaction wrote one of the keys or documents in the meantime.
        """
        now = datetime.now(UTC)
        today = now.date()
        hashes = {posting.posting_id: bytes.fromhex(posting.content_hash) for posting in self.postings}
        # In the order of the keys, so that two batches with common keys meet in the same order and never deadlock.
        keys = sorted(hashes.items(), key=lambda item: item[0].int)
        _insert(connection, INSERT_KEYS, keys, today)
        _insert(connection, INSERT_DOCUMENTS, sorted(_document_row(posting, hashes[posting.posting_id]) for posting in self.postings))
        destinations = _reference_destinations(connection, self.postings)
        placed = list(zip(self.postings, self.places, strict=True))
        _insert(connection, INSERT_POSTINGS, [_posting_row(posting, place) for posting, place in placed], today, now, self.accepted_by)
        outbox = [row for posting, place in placed for row in _outbox_rows(posting, place, destinations)]
        _insert(connection, INSERT_OUTBOX, outbox, today)
        _insert(connection, INSERT_DEPENDENCIES, [row for posting in self.postings for row in _dependency_rows(posting)])
        audit = [row for posting in self.postings for row in _audit_rows(posting, hashes[posting.posting_id])]
        _insert(connection, INSERT_AUDIT, audit, self.accepted_by)


def _insert(connection: Connection[tuple[Any, ...]], statement: str, rows: Sequence[tuple[Any, ...]], *same_in_all: object) -> None:
    if rows:
        connection.execute(statement.encode(), (*same_in_all, *map(list, zip(*rows, strict=True))))


def _reference_destinations(connection: Connection[tuple[Any, ...]], postings: Sequence[Posting]) -> Mapping[str, Sequence[str]]:
    references = [posting for posting in postings if posting.document.kind == PostingKind.REFERENCE]
    regions = sorted({region for posting in references for region in posting.region_of.values()})
    if not regions:
        return {}
    connection.execute(REFERENCE_LOCKS, (regions,))
    found: dict[str, list[str]] = {}
    for region, erp in connection.execute(ERPS_OF_REGIONS, (regions,)):
        found.setdefault(region, []).append(erp)
    return found


def _document_row(posting: Posting, content_hash: bytes) -> tuple[Any, ...]:
    return (*posting.identity, posting.document.version, posting.source, content_hash, posting.posting_id)


def _posting_row(posting: Posting, place: int) -> tuple[Any, ...]:
    head = (posting.posting_id, place, posting.source, posting.event_id, posting.event_type)
    return (*head, *posting.identity, posting.document.version, posting.correlation_id, posting.traceparent, posting.data)


def _outbox_rows(posting: Posting, place: int, destinations: Mapping[str, Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    """One for each legal entity, and for a reference document one for each of its ERPs."""
    document = posting.document
    reference = document.kind == PostingKind.REFERENCE
    period = period_of(document.accounting_on) if document.accounting_on else None
    for legal_entity, region in posting.region_of.items():
        lane = f"{legal_entity}/{document.lane}" if reference else document.lane
        for erp in destinations.get(region, ()) if reference else ("",):
            head = (posting.posting_id, place, legal_entity, erp, region, document.kind.value, document.document_type.value)
            yield (*head, period, document.routing_key, f"{erp}/{lane}" if reference else lane)


def _dependency_rows(posting: Posting) -> Iterator[tuple[Any, ...]]:
    # A dependency on a reference document is met where the posting goes: in its own legal entity there.
    for each in dict.fromkeys(posting.document.depends_on):
        yield posting.posting_id, each.document_type.value, each.legal_entity or "", each.number, each.until


def _audit_rows(posting: Posting, content_hash: bytes) -> Iterator[tuple[Any, ...]]:
    for region in dict.fromkeys(posting.region_of.values()):
        yield region, posting.posting_id, posting.correlation_id, posting.event_type, posting.document.number, content_hash
