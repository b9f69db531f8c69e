"""Questions of a reconciliation to the store."""

from typing import LiteralString

SETTLE_POSITION: LiteralString = """
    SELECT coalesce(max(settle_position), 0) AS position FROM delivery WHERE legal_entity = %(legal_entity)s AND state = 'posted'
"""

# `joins_later`: the share of dual posting leaves the entity out so far.
POSTINGS: LiteralString = """
    SELECT k.posting_id, p.source, p.number, p.document_type,
           EXISTS (SELECT FROM outbox o JOIN ownership w ON w.region = o.region AND w.kind = o.kind
                   WHERE o.posting_id = k.posting_id AND o.legal_entity = %(legal_entity)s AND o.role = 'control'
                   AND o.kind <> 'reference' AND w.phase = 'dual_run' AND w.candidate_share < 10000
                   AND share_place(coalesce(o.routing_key, o.posting_id::text)) >= w.candidate_share) AS joins_later
    FROM posting_key k JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id
    WHERE k.posting_id = ANY(%(posting_ids)s)
"""

# What the outbox says of a row outweighs its delivery where the two differ: a dead letter that is sent again waits there first.
DELIVERIES: LiteralString = """
    SELECT o.posting_id, coalesce(d.erp, o.destination) AS erp, CASE WHEN d.state = 'posted' THEN 'posted' ELSE o.state END AS state,
           d.attempt, d.failure, d.native_id, d.settled_at, coalesce(d.message, o.reason) AS reason,
           coalesce(d.settled_at >= %(since)s, false) AS after_reading,
           (SELECT string_agg(replace(n.document_type, '_', ' ') || ' ' || n.number, ', ' ORDER BY n.document_type, n.number)
            FROM dependency n WHERE n.posting_id = o.posting_id AND n.until = 'posted' AND o.state = 'waiting' AND NOT EXISTS (
                SELECT FROM crosswalk c WHERE c.erp = coalesce(d.erp, o.destination) AND c.document_type = n.document_type
                AND c.legal_entity = coalesce(nullif(n.legal_entity, ''), o.legal_entity) AND c.number = n.number)) AS waits_for
    FROM outbox o LEFT JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id
         AND d.legal_entity = o.legal_entity AND (d.erp = o.destination OR (o.destination = '' AND d.role <> 'candidate'))
    WHERE o.posting_id = ANY(%(posting_ids)s) AND o.legal_entity = %(legal_entity)s AND coalesce(d.erp, o.destination) <> ''
    UNION ALL
    SELECT d.posting_id, d.erp, d.state, d.attempt, d.failure, d.native_id, d.settled_at, d.message,
           coalesce(d.settled_at >= %(since)s, false), NULL
    FROM delivery d JOIN outbox o ON o.accepted_on = d.accepted_on AND o.posting_id = d.posting_id AND o.legal_entity = d.legal_entity
         AND o.destination = ''
    WHERE d.posting_id = ANY(%(posting_ids)s) AND d.legal_entity = %(legal_entity)s AND d.role = 'candidate'
      AND NOT EXISTS (SELECT FROM outbox c WHERE c.posting_id = d.posting_id AND c.legal_entity = d.legal_entity AND c.destination = d.erp)
"""

STILL_OPEN: LiteralString = """
    SELECT count(DISTINCT posting_id) AS postings FROM outbox
    WHERE posting_id = ANY(%(posting_ids)s) AND legal_entity = %(legal_entity)s AND state NOT IN ('posted', 'dead_lettered', 'cancelled')
"""

LOADED: LiteralString = """
    SELECT DISTINCT i.posting_id FROM load_item i JOIN load l USING (load_id)
    WHERE i.posting_id = ANY(%(posting_ids)s) AND l.legal_entity = %(legal_entity)s AND l.state <> 'abandoned'
"""
LOAD: LiteralString = """
    SELECT load_id, cursor, cloud_cursor, accounting_on FROM load
    WHERE legal_entity = %(legal_entity)s AND state IN ('sent', 'verified') ORDER BY ordinal DESC LIMIT 1
"""
IS_LOADED: LiteralString = "SELECT 1 AS loaded FROM dual_run_boundary WHERE legal_entity = %(legal_entity)s AND candidate = %(cloud)s"
LOAD_BALANCES: LiteralString = "SELECT side, period, native_account, account, amount FROM load_balance WHERE load_id = %(load_id)s"
LOAD_DOCUMENTS: LiteralString = "SELECT native_id FROM load_document WHERE load_id = %(load_id)s AND posted"

# A captured document is a posting that is posted where it was found; the mirror read it before that, by itself.
CAPTURED: LiteralString = """
    SELECT o.native_id, x.posting_id
    FROM observed_company c JOIN observed_document o USING (company_id)
    JOIN crosswalk x ON x.erp = c.erp AND x.legal_entity = c.legal_entity AND x.native_id = o.native_id AND x.posting_id IS NOT NULL
    JOIN posting_key k ON k.posting_id = x.posting_id
    JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id AND p.source = %(source)s
    WHERE c.erp = %(erp)s AND c.legal_entity = %(legal_entity)s AND o.origin <> 'derived' AND o.match_key <> x.posting_id
"""

NOT_CAPTURED: LiteralString = """
    SELECT native_id, reason FROM native_document
    WHERE erp = %(erp)s AND legal_entity = %(legal_entity)s AND treatment = 'flagged' AND deleted_at IS NULL
"""

LATEST: LiteralString = """
    SELECT DISTINCT ON (d.number) d.number, d.posting_id FROM document d
    WHERE d.document_type = %(document_type)s AND d.number = ANY(%(numbers)s)
      AND EXISTS (SELECT FROM outbox o WHERE o.posting_id = d.posting_id AND o.legal_entity = %(legal_entity)s)
    ORDER BY d.number, d.version DESC
"""

# What an ERP cannot mark as unbillable, the store knows: a time entry says so itself.
UNBILLABLE_HOURS: LiteralString = """
    SELECT p.data->>'project' AS project, sum((p.data->>'hours')::numeric) AS hours
    FROM delivery d JOIN posting p ON p.accepted_on = d.accepted_on AND p.posting_id = d.posting_id
    WHERE d.erp = %(erp)s AND d.legal_entity = %(legal_entity)s AND d.state = 'posted' AND p.document_type = 'time_entry'
      AND p.data->>'billable' = 'false'
    GROUP BY 1 ORDER BY 1
"""
TIME_TERMS: LiteralString = """
    SELECT k.posting_id, coalesce(p.data->>'billable', 'true') = 'true' AS billable, (p.data->>'rate')::numeric AS rate,
           p.data->>'currency' AS currency
    FROM posting_key k JOIN posting p ON p.accepted_on = k.accepted_on AND p.posting_id = k.posting_id
    WHERE k.posting_id = ANY(%(posting_ids)s) AND p.document_type = 'time_entry'
"""

# Both halves carry the pair; each names the other legal entity. Their debits are equal, in the same currency and period (ACCOUNTING B14).
HALF_PAIRS: LiteralString = """
    WITH half AS (
        SELECT o.legal_entity, o.period, o.state, p.accepted_at, p.data->'intercompany'->>'pair' AS pair_id,
               p.data->'intercompany'->>'partner' AS partner, p.data->>'currency' AS currency,
               (SELECT sum((line->>'debit')::numeric) FROM jsonb_array_elements(p.data->'lines') AS line) AS amount
        FROM outbox o JOIN posting p ON p.accepted_on = o.accepted_on AND p.posting_id = o.posting_id
        WHERE o.document_type = 'journal_entry' AND o.role = 'control' AND o.state <> 'cancelled'
          AND jsonb_typeof(p.data->'intercompany') = 'object'
          AND (o.legal_entity = %(legal_entity)s OR p.data->'intercompany'->>'partner' = %(legal_entity)s)
    )
    SELECT one.legal_entity, one.pair_id, one.partner, one.amount || ' ' || one.currency || ' in ' || one.period AS expected,
           CASE WHEN other.pair_id IS NULL THEN 'nothing from ' || one.partner
                WHEN other.state <> 'posted' THEN 'the half of ' || one.partner || ' is ' || replace(other.state, '_', ' ')
                ELSE other.amount || ' ' || other.currency || ' in ' || other.period END AS found
    FROM half one LEFT JOIN half other ON other.pair_id = one.pair_id AND other.legal_entity = one.partner
    WHERE one.legal_entity = %(legal_entity)s AND one.state = 'posted' AND one.accepted_at < clock_timestamp() - interval '1 hour'
      AND (other.pair_id IS NULL OR other.state <> 'posted'
           OR (other.amount, other.currency, other.period) IS DISTINCT FROM (one.amount, one.currency, one.period))
    ORDER BY one.pair_id
"""
