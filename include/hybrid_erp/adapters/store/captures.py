"""Captured documents in the store: taken in and settled at once where they were found, with their copies, in one transaction."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from hybrid_erp.adapters.store.acceptance import Acceptance
from hybrid_erp.model.booking import Booking
from hybrid_erp.model.capture import Treated, Treatment
from hybrid_erp.model.posting import Posting

CURSOR: Final = "SELECT cursor FROM capture_cursor WHERE erp = %s AND legal_entity = %s"
MOVE_CURSOR: Final = """
    INSERT INTO capture_cursor (erp, legal_entity, cursor) VALUES (%s, %s, %s)
    ON CONFLICT (erp, legal_entity) DO UPDATE SET cursor = excluded.cursor, read_at = clock_timestamp()
"""
# A capture that is stopped inside its transaction must not hold up a flip for longer than this.
ENDS: Final = "SET LOCAL idle_in_transaction_session_timeout = '10s'"
# Who owns a captured document's period is read in order to act on it (PROTOCOL C1).
LOCKS: Final = """
    SELECT pg_advisory_xact_lock_shared(1, ownership_id) FROM (SELECT ownership_id FROM ownership WHERE region = %s ORDER BY ownership_id)
"""
KNOWN: Final = """
    SELECT native_id, treatment, booking_hash FROM native_document WHERE erp = %s AND legal_entity = %s AND native_id = ANY(%s) FOR UPDATE
"""
# What we delivered ourselves is never captured, whatever a reader makes of it: a second line, where the receipt's native id is a reader's.
DELIVERED: Final = """
    SELECT native_id FROM crosswalk WHERE erp = %s AND legal_entity = %s AND native_id = ANY(%s) AND posting_id IS NOT NULL
    AND number <> erp || ':' || native_id
"""
# Found in the ERP that owns its period: booked by the control. Found in the other one: booked there as a copy, and due at the owner.
SETTLED: Final = """
    WITH found AS (
        SELECT o.posting_id, o.legal_entity, o.destination, o.accepted_on, o.seq, o.lane, o.region, o.document_type, w.ownership_id,
               w.epoch, f.native_id, f.native_number, f.legal_number, f.accounting_on, f.canonical_number,
               (SELECT owner FROM ownership_period p WHERE p.ownership_id = w.ownership_id AND p.from_period <= o.period
                ORDER BY from_period DESC LIMIT 1) = %(erp)s AS owned
        FROM unnest(%(posting_ids)s::uuid[], %(native_ids)s::text[], %(native_numbers)s::text[], %(legal_numbers)s::text[],
                    %(accounting_on)s::date[], %(numbers)s::text[])
             AS f (posting_id, native_id, native_number, legal_number, accounting_on, canonical_number)
        JOIN outbox o USING (posting_id) JOIN ownership w ON w.region = o.region AND w.kind = o.kind
    ), done AS (
        UPDATE outbox o SET state = 'posted' FROM found f
        WHERE f.owned AND o.posting_id = f.posting_id AND o.legal_entity = f.legal_entity AND o.destination = f.destination
    ), settled AS (
        INSERT INTO delivery (accepted_on, posting_id, legal_entity, erp, role, seq, lane, state, maybe_there, mark_before, ownership_id,
                              epoch, attempt, native_id, native_number, legal_number, accounting_on, settle_position, settled_at)
        SELECT accepted_on, posting_id, legal_entity, %(erp)s, CASE WHEN owned THEN 'control' ELSE 'candidate' END, seq, lane, 'posted',
               true, false, ownership_id, epoch, 0, native_id, native_number, legal_number, accounting_on,
               nextval('settle_position_seq'), clock_timestamp()
        FROM found
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, erp, details)
        SELECT region, %(by)s, 'captured', posting_id, legal_entity, %(erp)s,
               jsonb_build_object('native_id', native_id, 'native_number', native_number, 'accounting_on', accounting_on)
        FROM found
    )
    INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id, native_number, legal_number, posting_id)
    SELECT %(erp)s, legal_entity, document_type, canonical_number, native_id, native_number, legal_number, posting_id FROM found
    ON CONFLICT (erp, legal_entity, document_type, number) DO NOTHING
"""
COPIES: Final = """
    INSERT INTO outbox (posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, period, routing_key,
                        lane, role)
    SELECT posting_id, legal_entity, candidate, accepted_on, settle_position, region, kind, document_type, period, routing_key, lane,
           'candidate'
    FROM lacking_copy WHERE posting_id = ANY(%s) ON CONFLICT (posting_id, legal_entity, destination) DO NOTHING
"""
REMEMBER: Final = """
    INSERT INTO native_document AS n (erp, legal_entity, native_id, treatment, reason, posting_id, number, document_type, accounting_on,
                                      booking_hash, entered_by)
    VALUES (%(erp)s, %(legal_entity)s, %(native_id)s, %(treatment)s, %(reason)s, %(posting_id)s, %(number)s, %(document_type)s,
            %(accounting_on)s, %(booking_hash)s, %(entered_by)s)
    ON CONFLICT (erp, legal_entity, native_id) DO UPDATE SET treatment = excluded.treatment, reason = excluded.reason,
        posting_id = excluded.posting_id, number = excluded.number, document_type = excluded.document_type,
        accounting_on = excluded.accounting_on, booking_hash = excluded.booking_hash, deleted_at = NULL
    WHERE n.treatment <> 'captured'
"""
ALTERED: Final = """
    UPDATE native_document SET altered_at = clock_timestamp(), reason = 'altered in the ERP after it had been captured'
    WHERE erp = %s AND legal_entity = %s AND native_id = ANY(%s) AND altered_at IS NULL
"""
DELETED: Final = """
    UPDATE native_document SET deleted_at = clock_timestamp() WHERE erp = %s AND legal_entity = %s AND native_id = ANY(%s)
    AND deleted_at IS NULL
"""
FLAGGED: Final = """
    SELECT native_id FROM native_document WHERE erp = %s AND legal_entity = %s AND treatment = 'flagged' AND deleted_at IS NULL
    ORDER BY seen_at LIMIT 1000
"""
INVOICE_OF: Final = """
    SELECT number FROM crosswalk WHERE erp = %s AND legal_entity = %s AND native_id = ANY(%s) AND document_type = 'invoice' LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class PostgresCaptures:
    """Needs the rights of `hybrid_erp_capture`; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]
    by: str
    """Who captures, for the audit trail."""

    def cursor(self, erp: str, legal_entity: str) -> str | None:
        """How far the company's books have been followed; None: from the beginning."""
        row = self.connection.execute(CURSOR, (erp, legal_entity)).fetchone()
        return str(row[0]) if row else None

    def flagged(self, erp: str, legal_entity: str) -> Sequence[str]:
        """The native ids of what a person has to look at, oldest first."""
        return [row[0] for row in self.connection.execute(FLAGGED, (erp, legal_entity)).fetchall()]

    def begin(self, erp: str, legal_entity: str, cursor: str) -> None:
        """Follow from a boundary on: what lies before it came by the load."""
        self.connection.execute(MOVE_CURSOR, (erp, legal_entity, cursor))

    def invoice_of(self, erp: str, legal_entity: str, native_id: str) -> str | None:
        """The canonical number of an invoice by its native id, with or without the ERP's word before it."""
        row = self.connection.execute(INVOICE_OF, (erp, legal_entity, [native_id, native_id.partition(",")[2]])).fetchone()
        return str(row[0]) if row else None

    def record(self, erp: str, legal_entity: str, treated: Sequence[Treated], *, deleted: Sequence[str], cursor: str) -> Mapping[str, int]:
        """Store what is new, and the cursor with it; counts by what became of it."""
        done: Counter[str] = Counter()
        with self.connection.transaction():
            self.connection.execute(ENDS)
            regions = {region for each in treated if each.posting for region in each.posting.region_of.values()}
            for region in sorted(regions):
                self.connection.execute(LOCKS, (region,))
            native_ids = [each.entry.native_id for each in treated]
            known = self._known(erp, legal_entity, native_ids)
            ours = {row[0] for row in self.connection.execute(DELIVERED, (erp, legal_entity, native_ids)).fetchall()}
            fresh: list[tuple[Treated, Posting]] = []
            altered: list[str] = []
            for each in treated:
                if each.entry.native_id in ours:
                    done["ours"] += 1
                    continue
                before = known.get(each.entry.native_id)
                booked = booking_hash(each.entry.booking)
                if before is not None and before[0] == Treatment.CAPTURED:
                    altered += [each.entry.native_id] if before[1] != booked else []
                    continue
                if before == (each.treatment.value, booked):
                    continue
                done[each.treatment.value] += 1
                if each.posting is not None:
                    fresh.append((each, each.posting))
                self.connection.execute(REMEMBER, _remembered(erp, legal_entity, each, booked))
            if fresh:
                self._settle(erp, fresh)
            if altered:
                done["altered"] += self.connection.execute(ALTERED, (erp, legal_entity, altered)).rowcount
            if deleted:
                done["deleted"] += self.connection.execute(DELETED, (erp, legal_entity, list(deleted))).rowcount
            self.connection.execute(MOVE_CURSOR, (erp, legal_entity, cursor))
        return +done

    def _known(self, erp: str, legal_entity: str, native_ids: list[str]) -> dict[str, tuple[str, str]]:
        rows = self.connection.execute(KNOWN, (erp, legal_entity, native_ids)).fetchall()
        return {native_id: (treatment, booked) for native_id, treatment, booked in rows}

    def _settle(self, erp: str, fresh: Sequence[tuple[Treated, Posting]]) -> None:
        Acceptance.of([posting for _, posting in fresh]).write(self.connection, self.by)
        entries = [each.entry for each, _ in fresh]
        posting_ids = [posting.posting_id for _, posting in fresh]
        terms = {
            "erp": erp,
            "by": self.by,
            "posting_ids": posting_ids,
            "native_ids": [entry.native_id for entry in entries],
            "native_numbers": [entry.number for entry in entries],
            "legal_numbers": [entry.legal_number for entry in entries],
            "accounting_on": [entry.booking.accounting_on for entry in entries],
            "numbers": [posting.document.number for _, posting in fresh],
        }
        self.connection.execute(SETTLED, terms)
        self.connection.execute(COPIES, (posting_ids,))


def booking_hash(booking: Booking) -> str:
    """What tells one booking from another, 64 hexadecimal digits; the order of lines does not count."""
    head = (booking.legal_entity, booking.accounting_on.isoformat(), booking.currency)
    lines = sorted(
        repr((line.account, f"{line.amount:f}", f"{line.functional_amount:f}", line.dimensions, line.party, line.tax_code))
        for line in booking.lines
    )
    return hashlib.sha256(repr((head, lines)).encode()).hexdigest()


def _remembered(erp: str, legal_entity: str, treated: Treated, booked: str) -> dict[str, Any]:
    entry = treated.entry
    return {
        "erp": erp,
        "legal_entity": legal_entity,
        "native_id": entry.native_id,
        "treatment": treated.treatment.value,
        "reason": treated.reason[:500],
        "posting_id": treated.posting.posting_id if treated.posting else None,
        "number": entry.number,
        "document_type": entry.document_type.value if entry.document_type else None,
        "accounting_on": entry.booking.accounting_on,
        "booking_hash": booked,
        "entered_by": entry.entered_by,
    }
