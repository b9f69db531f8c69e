"""Claims (PROTOCOL C): one short transaction that takes the lock, reads the owner, and writes who may send what until when.

The lock is the transaction's first statement and READ COMMITTED is the isolation: what is read after it cannot be older than the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import uuid4

from psycopg import Connection, errors
from psycopg.rows import class_row, dict_row

from hybrid_erp.model.claim import Claim, boot_clock
from hybrid_erp.model.delivery import Role
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.model.errors import StoreNotBelievedError

# A worker that stops inside its claim must not hold up a flip for longer than this.
BEGIN = "SET LOCAL statement_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '5s'; SET LOCAL lock_timeout = '5s'"
# A store that was restored, failed over or copied has forgotten what it sent: it claims nothing until a person believes it again.
LOCK: Final = "SELECT pg_advisory_xact_lock_shared(1, %s), require_trusted_store()"

# Which open postings may be sent to an ERP now; the same words for "is anything due?" and for the claim itself.
# Destination: a reference document's own, else the pin, else the owner of the posting's accounting period (C3).
_ROUTED: LiteralString = """
        FROM outbox o
        JOIN ownership w ON w.region = o.region AND w.kind = o.kind
        LEFT JOIN pin ON pin.region = o.region AND pin.routing_key = o.routing_key
        CROSS JOIN LATERAL (SELECT coalesce(o.period, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM')) AS period) booked
        LEFT JOIN LATERAL (SELECT owner FROM ownership_period p WHERE p.ownership_id = w.ownership_id AND p.from_period <= booked.period
                           ORDER BY from_period DESC LIMIT 1) period ON true
        CROSS JOIN LATERAL (SELECT coalesce(nullif(o.destination, ''), pin.erp, period.owner) AS erp) routed
"""
_MARKED: LiteralString = """
    SELECT FROM delivery d WHERE d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
    AND d.maybe_there AND d.state <> 'posted'
"""
# People booked it at the other ERP, where it was captured: begun, and so finished.
_THERE_ALREADY: LiteralString = """
    SELECT FROM delivery d WHERE d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
    AND d.erp <> %(erp)s AND d.state = 'posted'
"""
# An earlier request may have reached another ERP: that one is asked first (C4). Phases: C7; a pinned entity and a period that stays with
# the old owner are not touched by the region's phase. A kind that is held is as if frozen (R2). A freeze is a lease: while nothing is
# locked out, claims go on when it has ended. A smoke test's entries go alone after a switch. A candidate's copy goes once its share is
# open. Order and dependencies: C2, C5.
# What has no lane waits for no copy: asked all the same, each such row would look through the whole outbox, copies of a dead candidate too.
_CLAIMABLE: LiteralString = f"""
          o.role = %(role)s
          AND o.state IN ('waiting', 'claimed', 'working', 'draft', 'partly_posted', 'in_doubt') AND o.due_at <= clock_timestamp()
          AND (CASE WHEN o.destination = '' AND EXISTS ({_MARKED} AND d.erp <> routed.erp)
               THEN EXISTS ({_MARKED} AND d.erp = %(erp)s AND d.erp <> routed.erp)
               ELSE routed.erp = %(erp)s END)
          AND ((w.phase IN ('legacy_only', 'dual_run', 'hypercare', 'cloud_only') AND (w.held_at IS NULL OR o.role = 'candidate'
                    OR EXISTS ({_MARKED} AND d.erp = %(erp)s) OR EXISTS ({_THERE_ALREADY})))
               OR pin.erp IS NOT NULL OR o.kind = 'reference' OR booked.period < w.moving_from_period
               OR (w.phase IN ('frozen', 'drained') AND w.lock_generation IS NULL AND w.frozen_until <= clock_timestamp())
               OR (o.role = 'candidate' AND w.phase IN ('frozen', 'drained', 'locked'))
               OR (w.phase = 'switched' AND o.priority = -1)
               OR (w.phase = 'frozen' AND (EXISTS ({_MARKED} AND d.erp = %(erp)s) OR EXISTS ({_THERE_ALREADY}))))
          AND (o.role = 'control' OR o.kind = 'reference' OR o.priority > 0 OR w.open_share = 10000
               OR share_place(coalesce(o.routing_key, o.posting_id::text)) < w.open_share)
          AND NOT EXISTS (SELECT FROM outbox e WHERE e.lane = o.lane AND e.seq < o.seq AND e.state NOT IN ('posted', 'cancelled'))
          AND (o.role = 'candidate' OR o.lane IS NULL
               OR NOT EXISTS (SELECT FROM outbox e WHERE e.lane = routed.erp || '/' || o.lane
                              AND e.role = 'candidate' AND e.state NOT IN ('posted', 'cancelled')))
          AND NOT EXISTS (SELECT FROM delivery d WHERE d.erp = routed.erp AND d.lane = o.lane AND d.seq < o.seq
                          AND d.state NOT IN ('posted', 'cancelled'))
          AND NOT EXISTS (SELECT FROM dependency n WHERE n.posting_id = o.posting_id AND CASE n.until
                          WHEN 'posted' THEN NOT EXISTS (
                              SELECT FROM crosswalk c WHERE c.erp = routed.erp AND c.document_type = n.document_type
                              AND c.legal_entity = coalesce(nullif(n.legal_entity, ''), o.legal_entity) AND c.number = n.number)
                          ELSE NOT EXISTS (
                              SELECT FROM document a WHERE a.document_type = n.document_type AND a.number = n.number
                              AND a.identified_in IN ('*', coalesce(nullif(n.legal_entity, ''), o.legal_entity))
                              AND a.version = coalesce(n.version, a.version)) END)
"""

# After a restore the first attempt counts as a second one: an earlier first may have been forgotten (DESIGN, invariant 14). By the place of
# the posting, not the row's: a copy is written late.
_FORGOTTEN: LiteralString = """
        CROSS JOIN LATERAL (SELECT trust.is_recovering OR (trust.looks_first_to > 0 AND EXISTS (
            SELECT FROM posting sent WHERE sent.accepted_on = o.accepted_on AND sent.posting_id = o.posting_id
            AND sent.seq <= trust.looks_first_to)) AS perhaps FROM store_trust trust) forgotten
"""

# Where work is due at an ERP. Read without the lock: a hint. Reference documents first, then what others wait for.
DUE: LiteralString = f"""
    SELECT o.legal_entity, w.ownership_id, o.kind, count(*) AS postings {_ROUTED} WHERE {_CLAIMABLE}
    GROUP BY o.legal_entity, w.ownership_id, o.kind
    ORDER BY o.legal_entity, array_position(ARRAY['reference', 'project', 'billing', 'ledger'], o.kind)
"""

# The insert repeats the epoch that was read under the lock: a second line. A copy is sent as the control booked it (ACCOUNTING B11); what
# was captured in the candidate goes to the owner under the number that it has there: a legal number is given once (B10). What stays with
# an ERP that its region leaves or has left, a pinned entity or an earlier period, goes by the run-off credential (PROTOCOL L2).
CLAIM: LiteralString = f"""
    WITH due AS (
        SELECT o.posting_id, o.legal_entity, o.destination, o.accepted_on, o.priority, o.seq, o.lane, o.region, o.kind, o.period, o.role,
               w.ownership_id, w.epoch, routed.erp AS owner, forgotten.perhaps AS perhaps_sent,
               pin.erp IS NOT NULL OR booked.period < w.moving_from_period OR EXISTS (
                   SELECT FROM ownership_period later WHERE later.ownership_id = w.ownership_id AND later.from_period > booked.period
                   AND later.owner <> routed.erp) AS runs_off
        {_ROUTED} {_FORGOTTEN}
        WHERE w.ownership_id = %(ownership_id)s AND o.legal_entity = %(legal_entity)s AND {_CLAIMABLE}
        ORDER BY o.priority, o.seq LIMIT %(limit)s
        FOR UPDATE OF o SKIP LOCKED
    ), held AS (
        UPDATE outbox o SET state = 'claimed', due_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s), reason = NULL
        FROM due WHERE (o.posting_id, o.legal_entity, o.destination) = (due.posting_id, due.legal_entity, due.destination)
        RETURNING o.posting_id, o.due_at
    ), before AS (
        SELECT d.posting_id, d.maybe_there, extract(epoch FROM clock_timestamp() - d.lease_until)::float AS quiet_seconds
        FROM due JOIN delivery d ON d.accepted_on = due.accepted_on AND d.posting_id = due.posting_id
        AND d.legal_entity = due.legal_entity AND d.erp = %(erp)s
    ), claimed AS (
        INSERT INTO delivery AS d (accepted_on, posting_id, legal_entity, erp, role, seq, lane, state, maybe_there, mark_before,
                                   claim_token, claimed_by, lease_until, ownership_id, epoch, attempt)
        SELECT due.accepted_on, due.posting_id, due.legal_entity, %(erp)s,
               CASE WHEN due.role = 'candidate' THEN 'candidate' WHEN due.runs_off THEN 'run_off' ELSE 'control' END,
               due.seq, due.lane, 'claimed', true, due.perhaps_sent, %(token)s, %(worker)s, held.due_at, due.ownership_id, due.epoch, 1
        FROM due JOIN held USING (posting_id) JOIN ownership w ON w.ownership_id = due.ownership_id AND w.epoch = due.epoch
        ON CONFLICT (accepted_on, posting_id, legal_entity, erp) DO UPDATE
        SET role = excluded.role, state = 'claimed', mark_before = d.maybe_there OR excluded.mark_before, maybe_there = true,
            claim_token = excluded.claim_token, claimed_by = excluded.claimed_by, lease_until = excluded.lease_until,
            ownership_id = excluded.ownership_id, epoch = excluded.epoch, attempt = d.attempt + 1, failure = NULL, message = NULL
        RETURNING d.posting_id, d.role, d.mark_before, d.attempt, d.draft_id, d.accounting_on
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, erp, correlation_id, details)
        SELECT due.region, %(worker)s, 'claimed', due.posting_id, due.legal_entity, %(erp)s, p.correlation_id,
               jsonb_build_object('token', %(token)s::text, 'attempt', claimed.attempt, 'epoch', due.epoch, 'owner', due.owner,
                                  'lease_seconds', %(lease_seconds)s)
        FROM due JOIN claimed USING (posting_id) JOIN posting p ON p.accepted_on = due.accepted_on AND p.posting_id = due.posting_id
    )
    SELECT due.posting_id, due.legal_entity, due.destination, due.accepted_on, due.region, due.ownership_id, due.owner, due.period,
           claimed.role, claimed.mark_before, claimed.attempt, claimed.draft_id, before.quiet_seconds,
           coalesce(claimed.accounting_on, booked.accounting_on) AS accounting_on, booked.legal_number,
           p.event_type, p.correlation_id, p.traceparent, p.data,
           extract(epoch FROM clock_timestamp() - p.accepted_at)::float AS waited_seconds, encode(k.content_hash, 'hex') AS content_hash
    FROM due JOIN claimed USING (posting_id) LEFT JOIN before USING (posting_id)
    LEFT JOIN LATERAL (SELECT c.accounting_on, c.legal_number FROM delivery c
                       WHERE c.accepted_on = due.accepted_on AND c.posting_id = due.posting_id AND c.legal_entity = due.legal_entity
                       AND c.erp <> %(erp)s AND c.state = 'posted'
                       AND (c.role = 'candidate') IS DISTINCT FROM (due.role = 'candidate') LIMIT 1) booked ON true
    JOIN posting p ON p.accepted_on = due.accepted_on AND p.posting_id = due.posting_id
    JOIN posting_key k ON k.posting_id = due.posting_id
    ORDER BY due.priority, due.seq
"""


@dataclass(frozen=True, slots=True)
class Queue:
    """What is due at one company of one ERP, of one (region, kind)."""

    legal_entity: str
    ownership_id: int
    kind: str
    postings: int


@dataclass(frozen=True, slots=True)
class PostgresClaims:
    """Claims postings for one worker. Needs the rights of `hybrid_erp_delivery`; works behind a transaction pooler."""

    connection: Connection[tuple[Any, ...]]
    worker: str
    role: Role = Role.CONTROL
    """Which rows of the outbox it works on: postings, or copies for the candidate."""

    def due(self, erp: str) -> Sequence[Queue]:
        """Where work is due at an ERP now."""
        with self.connection.cursor(row_factory=class_row(Queue)) as cursor:
            return cursor.execute(DUE, {"erp": erp, "role": self.role.value}).fetchall()

    def claim(self, erp: str, queue: Queue, *, limit: int, lease_seconds: float) -> Sequence[Claim]:
        """Claim up to `limit` postings of a queue, in order; empty when none may be sent now.

        Raises:
            StoreNotBelievedError: The store was restored, failed over or copied, and nobody has resumed it.
        """
        began, token = boot_clock(), uuid4()
        terms: dict[str, Any] = {
            "erp": erp,
            "role": self.role.value,
            "legal_entity": queue.legal_entity,
            "ownership_id": queue.ownership_id,
            "limit": limit,
        }
        terms |= {"lease_seconds": lease_seconds, "token": token, "worker": self.worker}
        try:
            with self.connection.transaction():
                self.connection.execute(BEGIN)
                self.connection.execute(LOCK, (queue.ownership_id,))
                with self.connection.cursor(row_factory=dict_row) as cursor:
                    rows = cursor.execute(CLAIM, terms).fetchall()
        except errors.ObjectNotInPrerequisiteState as error:
            raise StoreNotBelievedError(f"Nothing was claimed: {error.diag.message_primary}.") from error
        return [_to_claim(row, erp, terms, began + lease_seconds) for row in rows]


def _to_claim(row: dict[str, Any], erp: str, terms: dict[str, Any], deadline: float) -> Claim:
    return Claim(
        posting_id=row["posting_id"],
        legal_entity=row["legal_entity"],
        erp=erp,
        role=Role(row["role"]),
        region=row["region"],
        ownership_id=row["ownership_id"],
        destination=row["destination"],
        accepted_on=row["accepted_on"],
        content_hash=row["content_hash"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
        document=DOCUMENTS_BY_TYPE[row["event_type"]].model_validate(row["data"]),
        token=terms["token"],
        deadline=deadline,
        attempt=row["attempt"],
        maybe_there=row["mark_before"],
        period=row["period"],
        look_up_only=row["owner"] != erp,
        draft_id=row["draft_id"],
        accounting_on=row["accounting_on"],
        legal_number=row["legal_number"],
        quiet_seconds=row["quiet_seconds"],
        waited_seconds=row["waited_seconds"],
    )
