"""Writes new postings: their keys, documents, contents, places in the outbox, dependencies and audit rows, in the caller's transaction.

A statement takes a whole batch, a column at a time, so that a row costs no message of its own. None waits for the one before it if the
connection is a pipeline: the next columns are made while PostgreSQL writes the last ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from psycopg import Connection

from hybrid_erp.adapters.store.columns import numbers, optional_texts, texts
from hybrid_erp.model.documents import FIRM
from hybrid_erp.model.ownership import PostingKind, period_of
from hybrid_erp.model.posting import Posting

# A reference document goes to every ERP that owns or shadows something of the region. Dual run starts and ends under the exclusive side of
# this lock, so that no document slips between the load's snapshot and the first dual posting.
REFERENCE_LOCKS = """
    SELECT pg_advisory_xact_lock_shared(1, ownership_id) FROM (SELECT ownership_id FROM ownership
    WHERE kind = 'reference' AND region = ANY(%s) ORDER BY ownership_id) AS locks
"""
ERPS_OF_REGIONS = """
    SELECT w.region, erp, CASE WHEN bool_or(erp = p.owner) THEN 'control' ELSE 'candidate' END AS role
    FROM ownership w JOIN ownership_period p USING (ownership_id), unnest(ARRAY[p.owner, p.candidate]) AS erp
    WHERE w.region = ANY(%s) AND erp IS NOT NULL GROUP BY 1, 2
"""
INSERT_KEYS = """
    INSERT INTO posting_key (posting_id, content_hash, accepted_on)
    SELECT posting_id, decode(content_hash, 'hex'), %s FROM unnest(%s::uuid[], %s::text[]) AS key (posting_id, content_hash)
"""
INSERT_DOCUMENTS = """
    INSERT INTO document (document_type, identified_in, number, version, source, content_hash, posting_id)
    SELECT document_type, identified_in, number, version, source, decode(content_hash, 'hex'), posting_id
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::uuid[])
    AS document (document_type, identified_in, number, version, source, content_hash, posting_id)
"""
# A posting's place in the order of intake is drawn here, one after the other, and goes with it to the outbox.
INSERT_POSTINGS = """
    WITH new AS MATERIALIZED (
        SELECT row_no, nextval('posting_seq') AS seq, posting_id, content_hash, source, event_id, event_type, document_type, identified_in,
               number, version, correlation_id, traceparent, data::jsonb AS data
        FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::integer[],
                    %s::text[], %s::text[], %s::text[])
        WITH ORDINALITY AS sent (posting_id, content_hash, source, event_id, event_type, document_type, identified_in, number, version,
                                 correlation_id, traceparent, data, row_no)
    ), stored AS (
        INSERT INTO posting (accepted_on, accepted_at, accepted_by, posting_id, seq, source, event_id, event_type, document_type,
                             identified_in, number, version, correlation_id, traceparent, data)
        SELECT %s, %s, %s, posting_id, seq, source, event_id, event_type, document_type, identified_in, number, version, correlation_id,
               traceparent, data FROM new
    ), placed AS (
        INSERT INTO outbox (accepted_on, posting_id, seq, document_type, legal_entity, destination, role, region, kind, period,
                            routing_key, lane)
        SELECT %s, new.posting_id, new.seq, new.document_type, way.legal_entity, way.destination, way.role, way.region, way.kind,
               way.period, way.routing_key, way.lane
        FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
        AS way (row_no, legal_entity, destination, role, region, kind, period, routing_key, lane) JOIN new USING (row_no)
    )
    INSERT INTO audit (actor, action, region, posting_id, correlation_id, details)
    SELECT %s, 'accepted', concerned.region, new.posting_id, new.correlation_id,
           jsonb_build_object('type', new.event_type, 'number', new.number, 'content_hash', new.content_hash)
    FROM unnest(%s::bigint[], %s::text[]) AS concerned (row_no, region) JOIN new USING (row_no)
"""
INSERT_DEPENDENCIES = """
    INSERT INTO dependency (posting_id, document_type, legal_entity, number, until, version)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::integer[])
"""

_Row = tuple[Any, ...]
_Destinations = Mapping[str, Sequence[tuple[str, str]]]
"""Of each region: the ERPs that reference documents go to, and their roles there. One that owns nothing there yet gets copies."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """New postings in the order of intake, and the columns under which two batches with common keys meet."""

    postings: Sequence[Posting]
    keys: Sequence[str]
    documents: Sequence[str]
    gaps: Sequence[Posting] = ()
    """Those that wait for the version before them."""

    @classmethod
    def of(cls, postings: Sequence[Posting], gaps: Sequence[Posting] = ()) -> Self:
        """What can be made without the store."""
        # In one order everywhere, so that two batches with common keys meet in the same order and never deadlock.
        by_key = sorted(postings, key=lambda posting: posting.posting_id.int)
        by_document = sorted(postings, key=lambda posting: (posting.identity, posting.document.version))
        keys = (_ids(by_key), texts([posting.content_hash for posting in by_key]))
        sources, hashes = [posting.source for posting in by_document], [posting.content_hash for posting in by_document]
        return cls(postings, keys, (*_identities(by_document), texts(sources), texts(hashes), _ids(by_document)), gaps)

    def write(self, connection: Connection[_Row], accepted_by: str) -> None:
        """Write everything or raise.

        Raises:
            psycopg.errors.UniqueViolation: Another transaction wrote one of the keys or documents in the meantime.
        """
        now = datetime.now(UTC)
        today = now.date()
        connection.execute(INSERT_KEYS, (today, *self.keys))
        connection.execute(INSERT_DOCUMENTS, self.documents)
        destinations = _reference_destinations(connection, self.postings)
        ways, regions = _ways(self.postings, destinations), _regions(self.postings)
        terms = (*_contents(self.postings), today, now, accepted_by, today, *ways, accepted_by, *regions)
        connection.execute(INSERT_POSTINGS, terms)
        if self.gaps or any(posting.document.depends_on for posting in self.postings):
            connection.execute(INSERT_DEPENDENCIES, _dependencies(self.postings, self.gaps))


def _ids(postings: Sequence[Posting]) -> str:
    return texts([posting.posting_id.hex for posting in postings])


def _identities(postings: Sequence[Posting]) -> tuple[str, str, str, str]:
    """Document types, where they are identified, numbers, versions."""
    identities = [posting.identity for posting in postings]
    document_types, identified_in, document_numbers = zip(*identities, strict=True) if identities else [()] * 3
    versions = numbers([posting.document.version for posting in postings])
    return texts(document_types), texts(identified_in), texts(document_numbers), versions


def _contents(postings: Sequence[Posting]) -> tuple[str, ...]:
    return (
        _ids(postings),
        texts([posting.content_hash for posting in postings]),
        texts([posting.source for posting in postings]),
        texts([posting.event_id for posting in postings]),
        texts([posting.event_type for posting in postings]),
        *_identities(postings),
        texts([posting.correlation_id for posting in postings]),
        optional_texts([posting.traceparent for posting in postings]),
        texts([posting.data for posting in postings]),
    )


def _reference_destinations(connection: Connection[_Row], postings: Sequence[Posting]) -> _Destinations:
    references = [posting for posting in postings if posting.document.kind == PostingKind.REFERENCE]
    regions = sorted({region for posting in references for region in posting.region_of.values()})
    if not regions:
        return {}
    connection.execute(REFERENCE_LOCKS, (regions,))
    found: dict[str, list[tuple[str, str]]] = {}
    for region, erp, role in connection.execute(ERPS_OF_REGIONS, (regions,)):
        found.setdefault(region, []).append((erp, role))
    return found


def _ways(postings: Sequence[Posting], destinations: _Destinations) -> tuple[str, ...]:
    rows = [row for row_no, posting in enumerate(postings, start=1) for row in _ways_of(posting, row_no, destinations)]
    row_no, legal_entities, erps, roles, regions, kinds, *optional = zip(*rows, strict=True) if rows else [()] * 9
    return (numbers(row_no), texts(legal_entities), texts(erps), texts(roles), texts(regions), texts(kinds), *map(optional_texts, optional))


def _ways_of(posting: Posting, row_no: int, destinations: _Destinations) -> Iterator[_Row]:
    """One for each legal entity, and for a reference document one for each of its ERPs."""
    document = posting.document
    kind, lane, routing_key, accounting_on = document.kind, document.lane, document.routing_key, document.accounting_on
    period = period_of(accounting_on) if accounting_on else None
    for legal_entity, region in posting.region_of.items():
        if kind == PostingKind.REFERENCE:
            for erp, role in destinations.get(region, ()):
                yield row_no, legal_entity, erp, role, region, kind, period, routing_key, f"{erp}/{legal_entity}/{lane}"
        else:
            yield row_no, legal_entity, "", "control", region, kind, period, routing_key, lane


def _regions(postings: Sequence[Posting]) -> tuple[str, str]:
    rows = [(row_no, region) for row_no, posting in enumerate(postings, start=1) for region in dict.fromkeys(posting.region_of.values())]
    return numbers([row_no for row_no, _ in rows]), texts([region for _, region in rows])


def _dependencies(postings: Sequence[Posting], gaps: Sequence[Posting]) -> tuple[str, ...]:
    # A dependency on a reference document is met where the posting goes: in its own legal entity there.
    rows: list[_Row] = [
        (posting.posting_id.hex, each.document_type, each.legal_entity or "", each.number, each.until, None)
        for posting in postings
        for each in dict.fromkeys(posting.document.depends_on)
    ]
    for posting in gaps:
        document_type, identified_in, number = posting.identity
        where = "" if identified_in == FIRM else identified_in
        rows.append((posting.posting_id.hex, document_type, where, number, "accepted", posting.document.version - 1))
    *names, versions = zip(*rows, strict=True)
    return (*map(texts, names), optional_texts([None if each is None else str(each) for each in versions]))
