"""The whole of a region at one moment, to go back to: every row of its store, and its companies.

A store is put back row by row instead of being copied: what is under test begins from the same state each time either way, and connections
that know the store's tables stay open.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import Final

from tests.operations.cutover.region import Facts, Region

TABLES: Final = """
    SELECT c.relname AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version'
    GROUP BY c.relname ORDER BY c.relname
"""
# All that a later step, claim or capture can see, but for instants, tokens and positions that differ from run to run, and for cutovers
# that have ended.
STATE: Final = """
    WITH active AS (SELECT * FROM cutover WHERE ended_at IS NULL)
    SELECT jsonb_build_object(
        'ownership', (SELECT jsonb_agg(jsonb_build_array(kind, phase, epoch, w.pin_version, w.cutover_id = a.cutover_id, moving_from_period,
                          w.lock_generation, frozen_until IS NULL, frozen_until <= clock_timestamp()) ORDER BY ownership_id)
                      FROM ownership w LEFT JOIN active a ON true WHERE w.region = 'emea'),
        'periods', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p::text) FROM ownership_period p),
        'cutover', (SELECT jsonb_build_array(direction, evidence_hash, epochs, frozen_at IS NULL, drained_at IS NULL, locked_at IS NULL,
                        verified_at IS NULL, switched_at IS NULL, (SELECT jsonb_agg(role || legal_entity ORDER BY role, legal_entity)
                        FROM cutover_approval y WHERE y.cutover_id = a.cutover_id)) FROM active a),
        'lock_outs', (SELECT jsonb_agg(jsonb_build_array(erp, legal_entity, kind, l.cutover_id = a.cutover_id, generation, desired, taken,
                          quiet_at IS NULL, read_back_at IS NULL, read_back_at < a.verified_at, read_back) ORDER BY erp, legal_entity, kind)
                      FROM lock_out l LEFT JOIN active a ON true),
        'outbox', (SELECT jsonb_agg(jsonb_build_array(posting_id, legal_entity, destination, state, role, priority)
                                    ORDER BY posting_id, destination) FROM outbox),
        'deliveries', (SELECT jsonb_agg(jsonb_build_array(posting_id, erp, role, state)
                                        || CASE WHEN state <> 'posted' THEN jsonb_build_array(maybe_there, mark_before, attempt, draft_id)
                                           ELSE '[]' END ORDER BY posting_id, erp) FROM delivery),
        'captured', (SELECT jsonb_agg(jsonb_build_array(erp, legal_entity, native_id, treatment) ORDER BY erp, legal_entity, native_id)
                     FROM native_document),
        'cursors', (SELECT jsonb_agg(jsonb_build_array(erp, legal_entity, cursor) ORDER BY erp, legal_entity) FROM capture_cursor)
    )::text AS state
"""

_numbers = itertools.count(1)


def state_of(region: Region) -> str:
    """What tells one state of a region from another: from the same state everything goes the same way."""
    (row,) = region.sql(STATE)
    erps = [
        (
            address,
            sorted(str(each.posting_id) for each in company.books.documents),
            [entry.native_id for entry in company.natives],
            company.rights.generation,
            sorted(map(str, company.rights.rights)),
        )
        for address, company in sorted(region.companies.of.items())
    ]
    return hashlib.sha256(f"{row['state']}{erps}".encode()).hexdigest()


@dataclass(frozen=True)
class Snapshot:
    """One moment of a region."""

    region: Region
    schema: str
    facts: Facts
    state: str

    def restore(self) -> None:
        """Be there again."""
        parts = ["SET LOCAL session_replication_role = replica"]  # no trigger looks on: this is no act of the product's
        for table in self.region.sql(TABLES):
            name, columns = table["name"], table["columns"]
            copy = f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {self.schema}.{name}"
            parts += [f"DELETE FROM {name}", copy]
        self.region.sql("; ".join(("BEGIN", *parts, "COMMIT")))
        self.region.go_back(self.facts)
        assert state_of(self.region) == self.state, "not all of it was put back"


def snapshot(region: Region) -> Snapshot:
    """The region as it is now."""
    schema = f"moment_{next(_numbers)}"
    copies = [f"CREATE TABLE {schema}.{each['name']} AS SELECT * FROM {each['name']}" for each in region.sql(TABLES)]
    region.sql("; ".join((f"CREATE SCHEMA {schema}", *copies)))
    return Snapshot(region, schema, region.facts(), state_of(region))
