"""What is read of cutovers."""

from typing import Final, LiteralString

CUTOVER: LiteralString = """
    SELECT c.cutover_id, c.region, c.direction, c.mode, c.kinds, c.legal_entities, c.from_period, c.old_owner, c.new_owner, c.run,
           c.requested_by, c.reason, c.ticket, c.configuration, c.mappings, c.package, c.evidence, c.evidence_hash, c.requested_at,
           c.frozen_at, c.drained_at, c.locked_at, c.verified_at, c.reconciliation_id, c.switched_at, c.ended_at, c.outcome, c.limits,
           w.phase, w.cutover_id IS NOT DISTINCT FROM c.cutover_id AS active, w.lock_generation AS generation,
           coalesce(w.cutover_id = c.cutover_id AND w.phase IN ('frozen', 'drained', 'locked', 'verified')
                    AND w.frozen_until <= clock_timestamp(), false) AS lapsed
    FROM cutover c JOIN ownership w ON w.region = c.region AND w.kind = c.kinds[1]
"""
UNSETTLED: Final = """
    SELECT u.legal_entity, u.erp, u.role, u.state, u.postings::bigint FROM cutover c, unsettled(c) u WHERE c.cutover_id = %(cutover_id)s
"""
APPROVALS: Final = """
    SELECT a.role, a.legal_entity, a.approved_by, a.answered_at FROM cutover_approval a JOIN cutover c USING (cutover_id)
    WHERE a.cutover_id = %(cutover_id)s AND a.evidence_hash = c.evidence_hash ORDER BY a.recorded_at
"""
LOCK_OUTS: Final = """
    SELECT l.erp, l.legal_entity, l.generation, l.desired, array_agg(l.kind ORDER BY l.kind) AS kinds, min(c.from_period) AS from_period,
           bool_and(l.read_back_at IS NOT NULL) AS confirmed,
           coalesce((array_agg(l.read_back))[1], '{}') AS read_back,
           coalesce((SELECT jsonb_agg(DISTINCT each) FROM lock_out x, jsonb_array_elements(x.taken) AS each
                     WHERE x.erp = l.erp AND x.legal_entity = l.legal_entity AND x.generation = l.generation), '[]') AS taken
    FROM lock_out l JOIN cutover c USING (cutover_id)
    WHERE (%(cutover_id)s::uuid IS NULL OR cutover_id = %(cutover_id)s) AND (%(erp)s::text IS NULL OR l.erp = %(erp)s)
    GROUP BY l.erp, l.legal_entity, l.generation, l.desired ORDER BY l.erp, l.legal_entity, l.generation
"""
BEGIN_STEP: Final = "INSERT INTO cutover_step (cutover_id, step) VALUES (%(cutover_id)s, %(step)s) RETURNING step_id"
END_STEP: Final = """
    UPDATE cutover_step SET ended_at = clock_timestamp(), outcome = %(outcome)s, found = %(found)s WHERE step_id = %(step_id)s
"""
# The latest result of each legal entity since the move was asked for: one that passed for some does not stand for the others.
FAILED_WHILE_IT_WAITED: Final = """
    SELECT legal_entity, reconciliation_id, reasons FROM (
        SELECT DISTINCT ON (e.legal_entity) e.legal_entity, e.reconciliation_id, e.passed, e.reasons
        FROM cutover c JOIN reconciliation r ON r.region = c.region AND r.finished_at > c.requested_at
        JOIN reconciliation_entity e ON e.reconciliation_id = r.reconciliation_id
        WHERE c.cutover_id = %(cutover_id)s ORDER BY e.legal_entity, r.finished_at DESC) AS latest
    WHERE NOT passed ORDER BY legal_entity
"""
LAST_LOOKED: Final = "SELECT max(started_at) AS at FROM reconciliation WHERE region = %(region)s"
OVER_BUDGET: Final = """
    INSERT INTO audit (region, actor, action, erp, details)
    SELECT region, %(by)s, 'over_budget', old_owner, jsonb_build_object('cutover', cutover_id, 'budget_seconds', %(budget_seconds)s::float)
    FROM cutover WHERE cutover_id = %(cutover_id)s
"""
LOCK_OUT_HISTORY: Final = """
    SELECT h.changed_at, h.event, h.erp, h.legal_entity, h.generation, array_agg(DISTINCT h.kind ORDER BY h.kind) AS kinds,
           coalesce(array_agg(DISTINCT each->>'login') FILTER (WHERE each IS NOT NULL), '{}') AS logins,
           c.direction, c.requested_by, c.reason, c.ticket
    FROM lock_out_history h JOIN cutover c USING (cutover_id) LEFT JOIN LATERAL jsonb_array_elements(h.taken) AS each ON true
    WHERE c.region = %(region)s
    GROUP BY h.changed_at, h.event, h.erp, h.legal_entity, h.generation, c.cutover_id ORDER BY min(h.history_id)
"""
