"""Questions of a preflight to the store."""

from typing import LiteralString

# A kind is copied whole since the latest of two moments: its phase became `dual_run` (a cutover that was given up does not begin it anew),
# and its share became 100 %.
KINDS: LiteralString = """
    SELECT w.kind, w.phase, owned.owner, owned.candidate, w.open_share, w.cutover_id, greatest(began.at, whole.at) AS dual_run_since
    FROM ownership w
    LEFT JOIN LATERAL (SELECT owner, candidate FROM ownership_period p WHERE p.ownership_id = w.ownership_id
                       AND p.from_period <= %(from_period)s ORDER BY from_period DESC LIMIT 1) owned ON true
    LEFT JOIN LATERAL (SELECT min(h.changed_at) AS at FROM ownership_history h
                       WHERE h.ownership_id = w.ownership_id AND h.after->>'phase' = 'dual_run'
                       AND h.history_id > coalesce((SELECT max(x.history_id) FROM ownership_history x WHERE x.ownership_id = w.ownership_id
                                                    AND x.after->>'phase' IN ('legacy_only', 'cloud_only', 'hypercare')), 0)) began ON true
    LEFT JOIN LATERAL (SELECT min(h.changed_at) AS at FROM ownership_history h
                       WHERE h.ownership_id = w.ownership_id AND h.after->>'candidate_share' = '10000'
                       AND h.history_id > coalesce((SELECT max(x.history_id) FROM ownership_history x WHERE x.ownership_id = w.ownership_id
                                                    AND x.after->>'phase' IN ('legacy_only', 'cloud_only')), 0)) whole ON true
    WHERE w.region = %(region)s AND w.kind <> 'reference' ORDER BY w.ownership_id
"""
UNDER_WAY: LiteralString = """
    SELECT direction, run, requested_by, requested_at FROM cutover WHERE region = %(region)s AND ended_at IS NULL ORDER BY requested_at
"""
MADE: LiteralString = """
    SELECT direction, mode, kinds, outcome, ended_at, configuration, mappings, package FROM cutover
    WHERE region = %(region)s AND ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT %(limit)s
"""

LATEST: LiteralString = """
    SELECT reconciliation_id, finished_at, passed, reasons, configuration, mappings,
           ARRAY(SELECT legal_entity FROM reconciliation_entity e WHERE e.reconciliation_id = r.reconciliation_id) AS legal_entities
    FROM reconciliation r WHERE region = %(region)s AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1
"""
DIFFERENCES: LiteralString = """
    SELECT class, count(*) AS count, sum(greatest(gross, moved)) AS sum FROM reconciliation_difference
    WHERE reconciliation_id = %(reconciliation_id)s AND NOT arrived GROUP BY class
"""

REMAINING: LiteralString = """
    SELECT d.legal_entity, d.class AS difference_class, d.aspect, d.posting_id, d.legacy_id, d.cloud_id, d.number, d.document_type,
           greatest(d.gross, d.moved) AS amount, d.why,
           ARRAY(SELECT ARRAY[a.period, a.account, a.currency, a.amount::text] FROM reconciliation_amount a
                 WHERE a.reconciliation_id = d.reconciliation_id AND a.legal_entity = d.legal_entity
                 AND a.difference_no = d.difference_no ORDER BY a.period, a.account, a.currency) AS cells
    FROM reconciliation_difference d
    WHERE d.reconciliation_id = %(reconciliation_id)s AND NOT d.arrived AND d.ignored = '' AND d.class <> ALL(%(zero)s)
    ORDER BY d.legal_entity, d.difference_no
"""
BY_A_RULE: LiteralString = """
    SELECT legal_entity, class AS difference_class, aspect, ignored AS rule, count(*) AS count FROM reconciliation_difference
    WHERE reconciliation_id = %(reconciliation_id)s AND NOT arrived AND ignored <> '' AND class <> ALL(%(zero)s)
    GROUP BY legal_entity, class, aspect, ignored ORDER BY legal_entity, class, aspect, ignored
"""

# A mark that outlived a claim is old, however lately it was tried again.
STUCK: LiteralString = """
    SELECT legal_entity, kind, erp, role, what, count(*) AS postings FROM (
        SELECT o.legal_entity, o.kind, coalesce(nullif(o.destination, ''), there.erp, '') AS erp, o.role,
               CASE o.state WHEN 'dead_lettered' THEN 'dead-lettered' ELSE 'in doubt' END AS what
        FROM outbox o LEFT JOIN LATERAL (
            SELECT d.erp FROM delivery d WHERE d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id
            AND d.legal_entity = o.legal_entity AND d.role <> 'candidate' AND d.state = o.state LIMIT 1) there ON true
        WHERE o.region = %(region)s AND o.kind = ANY(%(kinds)s) AND o.state IN ('dead_lettered', 'in_doubt')
        UNION ALL
        SELECT o.legal_entity, o.kind, d.erp, o.role, 'may be there and are not settled'
        FROM delivery d JOIN outbox o ON o.posting_id = d.posting_id AND o.legal_entity = d.legal_entity
             AND (o.destination = d.erp OR (o.destination = '' AND d.role <> 'candidate'))
        WHERE d.maybe_there AND d.state <> 'posted' AND (d.mark_before OR d.lease_until < %(marked_before)s)
          AND o.region = %(region)s AND o.kind = ANY(%(kinds)s) AND o.state NOT IN ('dead_lettered', 'in_doubt')
        UNION ALL
        SELECT o.legal_entity, o.kind, d.erp, o.role, 'given up'
        FROM outbox o JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
             AND d.erp = o.destination
        LEFT JOIN pin ON pin.region = o.region AND pin.routing_key = o.routing_key
        WHERE o.region = %(region)s AND o.kind = ANY(%(kinds)s) AND o.role = 'candidate' AND o.state = 'cancelled'
          AND d.state = 'cancelled' AND d.failure IS NOT NULL AND pin.erp IS NULL
    ) found GROUP BY legal_entity, kind, erp, role, what ORDER BY what, legal_entity, kind, erp, role
"""

# A copy could be there from when the owner booked it, a posting from when it was accepted.
BACKLOG: LiteralString = """
    SELECT o.legal_entity, o.destination AS erp, o.role, count(*) AS postings, min(coalesce(booked.at, accepted.at)) AS oldest_at
    FROM outbox o
    LEFT JOIN LATERAL (SELECT d.settled_at AS at FROM delivery d WHERE o.role = 'candidate' AND d.accepted_on = o.accepted_on
                       AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity AND d.role <> 'candidate'
                       AND d.state = 'posted' LIMIT 1) booked ON true
    JOIN LATERAL (SELECT p.accepted_at AS at FROM posting p WHERE p.accepted_on = o.accepted_on AND p.posting_id = o.posting_id) accepted
         ON true
    WHERE o.region = %(region)s AND o.kind = ANY(%(kinds)s) AND (o.role = 'control' OR o.destination = %(new_owner)s)
      AND o.state IN ('waiting', 'claimed', 'working', 'draft', 'partly_posted', 'in_doubt')
    GROUP BY o.legal_entity, o.destination, o.role ORDER BY o.role, o.legal_entity, o.destination
"""
BUSIEST_HOUR: LiteralString = """
    SELECT date_trunc('hour', settled_at, 'UTC') AS began_at, count(*) AS copies FROM delivery
    WHERE erp = %(erp)s AND legal_entity = ANY(%(legal_entities)s) AND role = 'candidate' AND state = 'posted'
      AND settled_at >= %(since)s AND settled_at < date_trunc('hour', clock_timestamp(), 'UTC')
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1
"""

BOOKED_LINES: LiteralString = """
    SELECT d.document_type, cell.account, detail.dimensions, nullif(detail.tax_code, '') AS tax_code, max(d.accounting_on) AS last_on
    FROM observed_company c JOIN observed_document d USING (company_id) JOIN observed_line l USING (document_id)
    JOIN observed_cell cell USING (cell_id) JOIN observed_detail detail USING (detail_id)
    WHERE c.erp = %(erp)s AND c.legal_entity = %(legal_entity)s AND d.period >= %(since_period)s AND d.posted AND d.deleted_at IS NULL
    GROUP BY 1, 2, 3, 4 ORDER BY 2, 1, 4, 3
"""

# A login without rights of supervision is told that there are sessions and standbys, and none of their details.
HEALTH: LiteralString = """
    SELECT current_setting('synchronous_standby_names') AS synchronous_standbys, (SELECT count(*) FROM pg_stat_replication) AS standbys,
           current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer AS connections_max,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections_used,
           pg_database_size(current_database()) AS database_bytes
"""
TIMELINE: LiteralString = "SELECT store_timeline() AS timeline"
CLOCK: LiteralString = "SELECT clock_timestamp() AS instant"
SWITCHED_TO: LiteralString = """
    SELECT switched_at, from_period, legal_entities FROM cutover
    WHERE region = %(region)s AND new_owner = %(owner)s AND outcome = 'switched'
    ORDER BY switched_at DESC LIMIT 1
"""
# A copy bears the number that the other one gave.
ISSUED: LiteralString = """
    SELECT DISTINCT legal_entity, legal_number FROM delivery
    WHERE erp = %(owner)s AND legal_entity = ANY(%(legal_entities)s) AND state = 'posted' AND role <> 'candidate'
      AND legal_number IS NOT NULL AND settled_at >= %(switched_at)s
    ORDER BY legal_entity, legal_number
"""
