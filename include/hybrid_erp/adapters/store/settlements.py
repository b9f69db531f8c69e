"""Settlements (PROTOCOL T): one statement, and so one transaction; each posting by itself, only for the worker whose token is on its claim.

A statement that changes no row means that another worker has taken over: what this one found is thrown away.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import RLock
from typing import Any, Final, LiteralString

from psycopg import Connection, errors

from hybrid_erp.model.claim import (
    Claim,
    SettledAbsent,
    SettledDead,
    SettledInDoubt,
    SettledNotKept,
    SettledPosted,
    SettledRetry,
    SettledWorking,
    Settlement,
)
from hybrid_erp.model.errors import ClaimLostError

LOCK: Final = "SELECT pg_advisory_xact_lock_shared(1, each) FROM unnest(%s::int[]) AS each"
# A worker that is stopped inside its transaction must not hold up a flip for longer than this. In a pipeline a session that waits for the
# rest is not idle by PostgreSQL's word; what ends it there knows PostgreSQL since 17.
ENDS: Final = "SET LOCAL transaction_timeout = '10s'"
ENDS_SINCE: Final = 170_000

_MINE: LiteralString = """
    d.accepted_on = %(accepted_on)s AND d.posting_id = %(posting_id)s AND d.legal_entity = %(legal_entity)s AND d.erp = %(erp)s
    AND d.claim_token = %(token)s AND d.state = 'claimed'
"""
_OUTBOX: LiteralString = """
    o.posting_id = %(posting_id)s AND o.legal_entity = %(legal_entity)s AND o.destination = %(destination)s
    AND EXISTS (SELECT FROM settled)
"""
_NOTED: LiteralString = """
    INSERT INTO audit (region, actor, action, posting_id, legal_entity, erp, correlation_id, details)
    SELECT %(region)s, %(worker)s, %(action)s, %(posting_id)s, %(legal_entity)s, %(erp)s, %(correlation_id)s, %(details)s::jsonb
    FROM settled
"""

# Many receipts in one statement, each standing alone by its token: a row whose claim another worker has taken is left out of everything.
# Found at a former owner (C4), it is a copy there; the posting goes on to the ERP that owns it now. What a control has posted while its
# region runs on two ERPs is due at the candidate from the same moment (T3), in the order in which the controls settled (D1).
POSTED: LiteralString = """
    WITH given AS (
        SELECT * FROM unnest(%(accepted_on)s::date[], %(posting_id)s::uuid[], %(legal_entity)s::text[], %(destination)s::text[],
                             %(token)s::uuid[], %(native_id)s::text[], %(native_number)s::text[], %(legal_number)s::text[],
                             %(accounting_on)s::date[], %(elsewhere)s::boolean[], %(region)s::text[], %(correlation_id)s::text[],
                             %(document_type)s::text[], %(number)s::text[], %(content_hash)s::text[])
        AS g (accepted_on, posting_id, legal_entity, destination, token, native_id, native_number, legal_number, accounting_on, elsewhere,
              region, correlation_id, document_type, number, content_hash)
    ), settled AS (
        UPDATE delivery d SET state = 'posted', role = CASE WHEN g.elsewhere THEN 'candidate' ELSE d.role END, native_id = g.native_id,
            native_number = g.native_number, legal_number = g.legal_number, accounting_on = coalesce(g.accounting_on, d.accounting_on),
            lease_until = NULL, settle_position = nextval('settle_position_seq'), settled_at = clock_timestamp(), failure = NULL,
            message = NULL
        FROM given g
        WHERE d.accepted_on = g.accepted_on AND d.posting_id = g.posting_id AND d.legal_entity = g.legal_entity AND d.erp = %(erp)s
          AND d.claim_token = g.token AND d.state = 'claimed'
        RETURNING d.posting_id, d.role, d.settle_position
    ), done AS (
        UPDATE outbox o SET state = CASE WHEN g.elsewhere THEN 'waiting' ELSE 'posted' END, due_at = clock_timestamp(), reason = NULL
        FROM given g JOIN settled USING (posting_id)
        WHERE o.posting_id = g.posting_id AND o.legal_entity = g.legal_entity AND o.destination = g.destination
    ), known AS (
        INSERT INTO crosswalk (erp, legal_entity, document_type, number, native_id, native_number, legal_number, posting_id)
        SELECT %(erp)s, g.legal_entity, g.document_type, g.number, g.native_id, g.native_number, g.legal_number, g.posting_id
        FROM given g JOIN settled USING (posting_id)
        ON CONFLICT (erp, legal_entity, document_type, number) DO UPDATE SET native_id = excluded.native_id,
            native_number = excluded.native_number, legal_number = excluded.legal_number, posting_id = excluded.posting_id,
            recorded_at = clock_timestamp()
    ), copied AS (
        INSERT INTO outbox (posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, period, routing_key,
                            lane, role)
        SELECT o.posting_id, o.legal_entity, owned.candidate, o.accepted_on, settled.settle_position, o.region, o.kind, o.document_type,
               coalesce(to_char(g.accounting_on, 'YYYY-MM'), o.period), o.routing_key, owned.candidate || '/' || o.lane, 'candidate'
        FROM settled JOIN given g USING (posting_id)
        JOIN outbox o ON o.posting_id = g.posting_id AND o.legal_entity = g.legal_entity AND o.destination = g.destination
        JOIN ownership w ON w.region = o.region AND w.kind = o.kind AND w.phase NOT IN ('legacy_only', 'cloud_only')
        JOIN LATERAL (SELECT owner, candidate FROM ownership_period p WHERE p.ownership_id = w.ownership_id
                      AND p.from_period <= coalesce(to_char(g.accounting_on, 'YYYY-MM'), o.period,
                                                    to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM'))
                      ORDER BY from_period DESC LIMIT 1) owned ON owned.owner = %(erp)s AND owned.candidate IS NOT NULL
        WHERE settled.role <> 'candidate' AND o.kind <> 'reference' AND NOT g.elsewhere
          AND NOT EXISTS (SELECT FROM pin WHERE pin.region = o.region AND pin.routing_key = o.routing_key)
          AND (w.candidate_share = 10000 OR share_place(coalesce(o.routing_key, o.posting_id::text)) < w.candidate_share)
          AND NOT EXISTS (SELECT FROM dual_run_contained c WHERE c.legal_entity = o.legal_entity AND c.candidate = owned.candidate
                          AND c.posting_id = o.posting_id)
          AND NOT EXISTS (SELECT FROM delivery there WHERE there.accepted_on = o.accepted_on AND there.posting_id = o.posting_id
                          AND there.legal_entity = o.legal_entity AND there.erp = owned.candidate AND there.state = 'posted')
        ON CONFLICT (posting_id, legal_entity, destination) DO NOTHING
    ), noted AS (
        INSERT INTO audit (region, actor, action, posting_id, legal_entity, erp, correlation_id, details)
        SELECT g.region, %(worker)s, 'posted', g.posting_id, g.legal_entity, %(erp)s, g.correlation_id,
               jsonb_build_object('role', settled.role, 'native_id', g.native_id, 'native_number', g.native_number,
                                  'legal_number', g.legal_number, 'accounting_on', g.accounting_on, 'content_hash', g.content_hash)
        FROM given g JOIN settled USING (posting_id)
    )
    SELECT posting_id FROM settled WHERE set_config('synchronous_commit', 'off', true) = 'off'
"""

# A refusal clears the mark only if nothing was sent before this claim either (T4); a dead letter that keeps it is in doubt (T5).
OTHERWISE: LiteralString = f"""
    WITH settled AS (
        UPDATE delivery d SET state = %(state)s,
            maybe_there = CASE WHEN %(clears)s THEN (d.mark_before AND %(keeps)s) OR (%(state)s = 'waiting' AND d.draft_id IS NOT NULL)
                               ELSE true END,
            failure = %(failure)s, message = %(message)s, native_id = coalesce(%(native_id)s, d.native_id),
            lease_until = clock_timestamp(), settled_at = clock_timestamp()
        WHERE {_MINE} RETURNING d.posting_id
    ), done AS (
        UPDATE outbox o SET state = %(outbox_state)s, reason = %(reason)s,
            due_at = clock_timestamp() + make_interval(secs => %(wait_seconds)s)
        WHERE {_OUTBOX}
    ), noted AS ({_NOTED})
    SELECT count(*) FROM settled
"""

GIVE_BACK: LiteralString = f"""
    WITH settled AS (
        UPDATE delivery d SET state = CASE WHEN d.mark_before OR d.draft_id IS NOT NULL THEN 'in_doubt' ELSE 'waiting' END,
            maybe_there = d.mark_before OR d.draft_id IS NOT NULL, lease_until = clock_timestamp()
        WHERE {_MINE} RETURNING d.posting_id, d.state
    ), done AS (
        UPDATE outbox o SET state = (SELECT state FROM settled), due_at = clock_timestamp() WHERE {_OUTBOX}
    ), noted AS ({_NOTED})
    SELECT count(*) FROM settled
"""

# In another accounting period it may have another owner: it is routed again.
MOVE_TO_PERIOD: LiteralString = f"""
    WITH settled AS (
        UPDATE delivery d SET state = 'waiting', maybe_there = d.mark_before, lease_until = clock_timestamp()
        WHERE {_MINE} AND d.draft_id IS NULL RETURNING d.posting_id
    ), done AS (
        UPDATE outbox o SET state = 'waiting', due_at = clock_timestamp(), period = %(period)s WHERE {_OUTBOX}
    ), noted AS ({_NOTED})
    SELECT count(*) FROM settled
"""

# S5: the first draft id is stored, durably, before anything is posted by id; a second one is never stored over it.
KEEP_DRAFT: LiteralString = f"""
    UPDATE delivery d SET draft_id = %(draft_id)s WHERE {_MINE} AND (d.draft_id IS NULL OR d.draft_id = %(draft_id)s)
"""
FORGET_DRAFT: LiteralString = f"UPDATE delivery d SET draft_id = NULL WHERE {_MINE} AND d.draft_id = %(draft_id)s"
KEEP_ACCOUNTING_DATE: LiteralString = f"UPDATE delivery d SET accounting_on = %(accounting_on)s WHERE {_MINE}"


@dataclass(frozen=True, slots=True)
class PostgresSettlements:
    """Writes down what came of claims. Needs the rights of `hybrid_erp_delivery`.

    The connection is in autocommit. A receipt may be committed asynchronously: were it lost in a crash of PostgreSQL, the claim's mark,
    which was made durable before anything was sent, leads the next worker to ask the ERP, which holds the document.

    Several threads may use it, one at a time: what one writes must never fall into the transaction, or the pipeline, of another.
    """

    connection: Connection[tuple[Any, ...]]
    worker: str
    _alone: RLock = field(default_factory=RLock, init=False, repr=False, compare=False)

    def settle(self, claim: Claim, settlement: Settlement) -> None:
        """Write one settlement.

        Raises:
            ClaimLostError: The claim is not this worker's any more.
        """
        if isinstance(settlement, SettledPosted):
            self._require(claim, 1 - len(self.settle_posted([(claim, settlement)])))
        else:
            self._write(claim, OTHERWISE, _terms_of(claim, settlement))

    def settle_posted(self, receipts: Sequence[tuple[Claim, SettledPosted]]) -> Sequence[Claim]:
        """Write receipts of one ERP; the claims that were lost to other workers, of which nothing was written."""
        if not receipts:
            return []
        owned = sorted({claim.ownership_id for claim, _ in receipts})
        try:
            # Whether a copy is due is read from ownership, so the lock comes first (PROTOCOL C1); both go in one round trip.
            with self._alone, self.connection.pipeline(), self.connection.transaction():
                if self.connection.info.server_version >= ENDS_SINCE:
                    self.connection.execute(ENDS)
                self.connection.execute(LOCK, (owned,))
                rows = self.connection.execute(POSTED, self._columns(receipts)).fetchall()
        except (errors.IntegrityError, errors.DataError, errors.CardinalityViolation):
            if len(receipts) == 1:
                raise
            # Two states of one document, or one bad row: each by itself, so that it stops no other.
            return [lost for receipt in receipts for lost in self.settle_posted([receipt])]
        settled = {row[0] for row in rows}
        return [claim for claim, _ in receipts if claim.posting_id not in settled]

    def _columns(self, receipts: Sequence[tuple[Claim, SettledPosted]]) -> dict[str, Any]:
        claims = [self._terms(claim) | {"elsewhere": claim.look_up_only, "content_hash": claim.content_hash} for claim, _ in receipts]
        names = ("native_id", "native_number", "legal_number", "accounting_on")
        columns: dict[str, Any] = {name: [getattr(posted, name) for _, posted in receipts] for name in names}
        columns |= {name: [terms[name] for terms in claims] for name in claims[0]}
        return columns | {"erp": receipts[0][0].erp, "worker": self.worker}

    def give_back(self, claim: Claim) -> None:
        """Return a claim under which nothing at all was sent (PROTOCOL S3)."""
        self._write(claim, GIVE_BACK, {"action": "given_back", "details": json.dumps({"token": str(claim.token)})})

    def move_to_period(self, claim: Claim, period: str) -> None:
        """Return a claim under which nothing was sent, to be routed by another accounting period."""
        details = {"token": str(claim.token), "before": claim.period, "period": period}
        self._write(claim, MOVE_TO_PERIOD, {"action": "moved_to_period", "period": period, "details": json.dumps(details)})

    def keep_draft(self, claim: Claim, draft_id: str) -> None:
        """Store the native id of the one draft that may be posted.

        Raises:
            ClaimLostError: The claim is not ours, or another draft is stored.
        """
        self._require(claim, self._changed(KEEP_DRAFT, self._terms(claim) | {"draft_id": draft_id}))

    def forget_draft(self, claim: Claim, draft_id: str) -> None:
        """Clear the id of a draft that was deleted in the ERP."""
        self._require(claim, self._changed(FORGET_DRAFT, self._terms(claim) | {"draft_id": draft_id}))

    def keep_accounting_date(self, claim: Claim, accounting_on: date) -> None:
        """Store the accounting date that the control has decided, before it is sent."""
        self._require(claim, self._changed(KEEP_ACCOUNTING_DATE, self._terms(claim) | {"accounting_on": accounting_on}))

    def _changed(self, statement: LiteralString, terms: dict[str, Any]) -> int:
        with self._alone:
            return self.connection.execute(statement, terms).rowcount

    def _write(self, claim: Claim, statement: LiteralString, terms: dict[str, Any]) -> None:
        with self._alone:
            row = self.connection.execute(statement, self._terms(claim) | terms).fetchone()
        self._require(claim, row[0] if row else 0)

    def _require(self, claim: Claim, changed: int) -> None:
        if changed != 1:
            raise ClaimLostError(f"Posting {claim.posting_id} at {claim.erp}: the claim {claim.token} is no longer in force.")

    def _terms(self, claim: Claim) -> dict[str, Any]:
        return {
            "accepted_on": claim.accepted_on,
            "posting_id": claim.posting_id,
            "legal_entity": claim.legal_entity,
            "erp": claim.erp,
            "destination": claim.destination,
            "token": claim.token,
            "region": claim.region,
            "worker": self.worker,
            "correlation_id": claim.correlation_id,
            "document_type": claim.document.document_type.value,
            "number": claim.document.number,
        }


def _terms_of(claim: Claim, settlement: Settlement) -> dict[str, Any]:
    match settlement:
        case SettledPosted():
            raise AssertionError("receipts have a statement of their own")
        case SettledRetry(failure, message, wait_seconds, nothing_sent):
            del nothing_sent  # either way nothing was booked by this attempt; an earlier mark stays
            return _otherwise("waiting", "retry", failure.value, message, wait_seconds, clears=True)
        case SettledInDoubt(message, wait_seconds):
            return _otherwise("in_doubt", "in_doubt", "in_doubt", message, wait_seconds)
        case SettledDead(failure, message, native_id):
            terms = _otherwise("dead_lettered", "dead_lettered", failure.value, message, 0, clears=native_id is None)
            return terms | {"native_id": native_id}
        case SettledWorking(job, wait_seconds):
            return _otherwise("working", "working", None, f"job {job}", wait_seconds)
        case SettledNotKept():
            return _otherwise("cancelled", "not_kept", None, f"not kept by {claim.erp}: config/erps.yaml", 0, clears=True, keeps=False)
        case SettledAbsent():
            return _otherwise("waiting", "absent", None, "not at this ERP", 0, clears=True, keeps=False)


def _otherwise(
    state: str, action: str, failure: str | None, message: str, wait_seconds: float, *, clears: bool = False, keeps: bool = True
) -> dict[str, Any]:
    terms: dict[str, Any] = {"state": state, "outbox_state": state, "action": action, "failure": failure, "message": message[:2000]}
    details = {"failure": failure, "wait_seconds": wait_seconds}  # an ERP's message may name people: it stays out of the audit trail
    reason = f"{failure}: {message}"[:500] if failure else message[:500]
    return terms | {
        "reason": reason,
        "wait_seconds": wait_seconds,
        "details": json.dumps(details),
        "clears": clears,
        "keeps": keeps,
        "native_id": None,
    }
