"""What is read of a cutover for its evidence. Every answer has one order, so that the same store gives the same evidence."""

from typing import Final, LiteralString

from hybrid_erp.adapters.store.audit import ROWS

CUTOVER: Final = "SELECT c.* FROM cutover c WHERE c.cutover_id = %(cutover_id)s"
APPROVALS: Final = """
    SELECT a.role, a.legal_entity, a.approved_by, a.approver_id, a.answered_at, a.recorded_at, a.evidence_hash,
           a.evidence_hash = c.evidence_hash AS on_this_evidence
    FROM cutover_approval a JOIN cutover c USING (cutover_id)
    WHERE a.cutover_id = %(cutover_id)s ORDER BY a.role DESC, a.legal_entity
"""
STEPS: Final = """
    SELECT step_id, step, began_at, ended_at, round(extract(epoch FROM ended_at - began_at), 3) AS seconds, outcome, found
    FROM cutover_step WHERE cutover_id = %(cutover_id)s ORDER BY step_id
"""
# As they are now: a later move of the region writes its own over them. Their history stays.
LOCK_OUTS: Final = """
    SELECT erp, legal_entity, kind, generation, desired, taken, intended_at, quiet_at, read_back_at, read_back
    FROM lock_out WHERE cutover_id = %(cutover_id)s ORDER BY erp, legal_entity, kind
"""
#: A day more on each side: rows are dated by another clock reading than the cutover's.
_AUDIT_OF: LiteralString = """
    FROM audit a JOIN cutover c ON a.region = c.region AND a.details->>'cutover' = c.cutover_id::text
    WHERE c.cutover_id = %(cutover_id)s
      AND a.recorded_on >= (SELECT (requested_at AT TIME ZONE 'UTC')::date - 1 FROM cutover WHERE cutover_id = %(cutover_id)s)
"""
RIGHTS_TAKEN: Final = """
    SELECT h.changed_at, h.event, h.legal_entity, h.erp, h.generation, count(DISTINCT each) AS rights,
           coalesce(jsonb_agg(DISTINCT each) FILTER (WHERE each IS NOT NULL), '[]') AS taken
    FROM lock_out_history h LEFT JOIN LATERAL jsonb_array_elements(h.taken) AS each ON true
    WHERE h.cutover_id = %(cutover_id)s
    GROUP BY h.changed_at, h.event, h.legal_entity, h.erp, h.generation ORDER BY min(h.history_id)
"""
AUDIT_RANGE: Final = f"SELECT min(a.xid) AS first_xid, max(a.xid) AS last_xid {_AUDIT_OF}"
SEALS: Final = """
    SELECT region, seal_no, from_xid, to_xid, row_count, encode(rows_hash, 'hex') AS rows_hash,
           encode(previous_hash, 'hex') AS previous_hash, encode(seal_hash, 'hex') AS seal_hash
    FROM audit_seal WHERE region = %(region)s AND to_xid > %(first_xid)s AND from_xid <= %(last_xid)s ORDER BY seal_no
"""
# There may be a hundred thousand: PostgreSQL writes them as the lines that they become.
AUDIT_LINES: Final = f"SELECT to_json(a)::text AS line, a.xid FROM ({ROWS}) a ORDER BY a.xid, a.audit_id"
# Phase and epoch by the first and the last word of history on this cutover. The owner before is the one that the freeze demands, the owner
# after the one that the switch writes: both functions of the store, and neither is believed from a flag.
OWNERSHIP: Final = """
    SELECT w.kind, c.from_period, c.old_owner AS owner_before, c.new_owner AS candidate_before,
           CASE WHEN c.switched_at IS NULL THEN c.old_owner ELSE c.new_owner END AS owner_after,
           CASE WHEN c.switched_at IS NULL THEN c.new_owner ELSE c.old_owner END AS candidate_after,
           first.after->>'phase' AS phase_before, (first.after->>'epoch')::bigint AS epoch_before,
           last.after->>'phase' AS phase_after, (last.after->>'epoch')::bigint AS epoch_after
    FROM cutover c JOIN ownership w ON w.region = c.region AND w.kind = ANY(c.kinds)
    LEFT JOIN LATERAL (SELECT after FROM ownership_history h WHERE h.ownership_id = w.ownership_id
                       AND h.after->>'cutover' = c.cutover_id::text ORDER BY history_id LIMIT 1) first ON true
    LEFT JOIN LATERAL (SELECT after FROM ownership_history h WHERE h.ownership_id = w.ownership_id
                       AND h.after->>'cutover' = c.cutover_id::text ORDER BY history_id DESC LIMIT 1) last ON true
    WHERE c.cutover_id = %(cutover_id)s ORDER BY w.kind
"""
OWNERSHIP_HISTORY: Final = """
    SELECT h.history_id, w.kind, h.changed_at, h.changed_by, h.reason, h.before, h.after
    FROM ownership_history h JOIN ownership w USING (ownership_id) JOIN cutover c ON c.region = w.region
    WHERE c.cutover_id = %(cutover_id)s AND h.after->>'cutover' = c.cutover_id::text ORDER BY h.history_id
"""
# Before: up to the freeze; after: up to the end. A posting without a booking (a time entry, a project) has no currency and no amount.
DOCUMENTS: Final = """
    WITH booked AS (
        SELECT k.erp, k.legal_entity, o.posting_id, min(o.currency) AS currency, sum(o.debit) AS amount
        FROM observed_company k JOIN observed_document o USING (company_id)
        WHERE k.legal_entity = ANY(%(legal_entities)s) AND k.erp IN (%(old_owner)s, %(new_owner)s)
          AND o.posting_id IS NOT NULL AND o.origin <> 'derived'
        GROUP BY k.erp, k.legal_entity, o.posting_id
    )
    SELECT d.erp, d.legal_entity, p.document_type, d.role, b.currency,
           count(*) FILTER (WHERE d.settled_at <= %(frozen_at)s) AS documents_before,
           coalesce(sum(b.amount) FILTER (WHERE d.settled_at <= %(frozen_at)s), 0) AS amount_before,
           count(*) AS documents_after, coalesce(sum(b.amount), 0) AS amount_after,
           count(*) FILTER (WHERE p.erased_at IS NOT NULL) AS payloads_erased
    FROM delivery d JOIN posting p USING (accepted_on, posting_id)
    LEFT JOIN booked b ON b.erp = d.erp AND b.legal_entity = d.legal_entity AND b.posting_id = d.posting_id
    WHERE d.state = 'posted' AND d.legal_entity = ANY(%(legal_entities)s) AND d.erp IN (%(old_owner)s, %(new_owner)s)
      AND d.settled_at <= coalesce(%(ended_at)s, 'infinity'::timestamptz)
    GROUP BY d.erp, d.legal_entity, p.document_type, d.role, b.currency
    ORDER BY d.erp, d.legal_entity, p.document_type, d.role, b.currency
"""
TOLD_SERIES: Final = """
    SELECT erp, legal_entity, control_total AS told, row_count AS series, query, instant FROM reconciliation_evidence
    WHERE reconciliation_id = %(reconciliation_id)s AND figure = 'number series' ORDER BY erp, legal_entity, place
"""
LEGAL_NUMBERS: Final = """
    SELECT erp, legal_entity, legal_number, bool_and(cancelled) AS cancelled FROM (
        SELECT k.erp, k.legal_entity, o.legal_number, o.deleted_at <= coalesce(%(ended_at)s, 'infinity'::timestamptz) IS TRUE AS cancelled
        FROM observed_company k JOIN observed_document o USING (company_id)
        WHERE o.first_seen_at <= coalesce(%(ended_at)s, 'infinity'::timestamptz)
        UNION ALL
        SELECT d.erp, d.legal_entity, d.legal_number, false FROM delivery d
        WHERE d.state = 'posted' AND d.settled_at <= coalesce(%(ended_at)s, 'infinity'::timestamptz)
          AND NOT EXISTS (SELECT FROM observed_company k JOIN observed_document o USING (company_id)
                          WHERE k.erp = d.erp AND k.legal_entity = d.legal_entity AND o.match_key = d.posting_id)
    ) number
    WHERE legal_number IS NOT NULL AND legal_entity = ANY(%(legal_entities)s) AND erp IN (%(old_owner)s, %(new_owner)s)
    GROUP BY erp, legal_entity, legal_number ORDER BY erp, legal_entity, legal_number COLLATE "C"
"""
MAPPINGS_IN_FORCE: Final = """
    SELECT erp, since, mapping_version, rules_version, configuration FROM mapping_in_force m
    WHERE erp IN (%(old_owner)s, %(new_owner)s) AND since <= coalesce(%(ended_at)s, 'infinity'::timestamptz)
      AND NOT EXISTS (SELECT FROM mapping_in_force later WHERE later.erp = m.erp AND later.since > m.since
                      AND later.since <= coalesce(%(frozen_at)s, %(requested_at)s))
    ORDER BY erp, since
"""
RECONCILIATION_OF_REGION: Final = "SELECT 1 FROM reconciliation WHERE reconciliation_id = %(reconciliation_id)s AND region = %(region)s"
LATEST_RECONCILIATION: Final = """
    SELECT reconciliation_id FROM reconciliation
    WHERE region = %(region)s
      AND finished_at <= coalesce((SELECT max(answered_at) FROM cutover_approval WHERE cutover_id = %(cutover_id)s), %(requested_at)s)
    ORDER BY finished_at DESC, reconciliation_id LIMIT 1
"""
