"""A verification bears no difference that the controllers have not signed (ACCOUNTING D23)."""

from alembic import op

revision = "0016"
down_revision = "0013"

SIGNED = """
CREATE FUNCTION reconciliation_evidence_of(c cutover, p_list text) RETURNS SETOF jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT item FROM jsonb_array_elements(c.evidence->'checks') AS each,
                     jsonb_array_elements(coalesce(each->'evidence'->p_list, '[]')) AS item
    WHERE each->>'name' = 'reconciliation_passed'
$$;
COMMENT ON FUNCTION reconciliation_evidence_of IS 'One list of what people said yes to: differences to sign, or what may still arise.';

-- Differences of a reconciliation that are neither on the list that was signed, with this very amount, nor of a class of which more may
-- arise: as many and as much as was signed for it. What a rule of the plan lets pass moves no money, and is signed with the plan.
CREATE FUNCTION unsigned_differences(c cutover, p_reconciliation_id uuid)
RETURNS TABLE (legal_entity text, class text, differences bigint, amount numeric) LANGUAGE sql STABLE AS $$
    SELECT arisen.legal_entity, arisen.class, count(*), sum(arisen.amount)
    FROM (SELECT d.legal_entity, d.class, greatest(d.gross, d.moved) AS amount FROM reconciliation_difference d
          WHERE d.reconciliation_id = p_reconciliation_id AND NOT d.arrived AND d.ignored = ''
          AND NOT EXISTS (
              SELECT FROM reconciliation_evidence_of(c, 'to_sign') AS s WHERE s->>'legal_entity' = d.legal_entity
              AND s->>'class' = d.class AND s->>'aspect' = d.aspect AND s->>'number' = d.number
              AND s->>'document_type' = d.document_type AND (s->>'posting_id')::uuid IS NOT DISTINCT FROM d.posting_id
              AND s->>'legacy_id' IS NOT DISTINCT FROM d.legacy_id AND s->>'cloud_id' IS NOT DISTINCT FROM d.cloud_id
              AND (s->>'amount')::numeric = greatest(d.gross, d.moved))) AS arisen
    GROUP BY arisen.legal_entity, arisen.class
    HAVING NOT EXISTS (
        SELECT FROM reconciliation_evidence_of(c, 'may_arise') AS a
        WHERE a->>'legal_entity' = arisen.legal_entity AND a->>'class' = arisen.class
        AND (a->>'amount')::numeric >= sum(arisen.amount)
        AND (a->>'without_money')::bigint >= count(*) FILTER (WHERE arisen.amount = 0))
$$;

-- As in 0007, and no difference that nobody has signed.
CREATE OR REPLACE FUNCTION verification_fault(c cutover, p_reconciliation_id uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    r reconciliation;
    told text;
BEGIN
    SELECT * INTO r FROM reconciliation WHERE reconciliation_id = p_reconciliation_id AND region = c.region;
    IF NOT FOUND OR r.finished_at IS NULL THEN RETURN 'the reconciliation is not finished'; END IF;
    IF c.locked_at IS NULL OR r.started_at < c.locked_at THEN RETURN 'the reconciliation began before the lock-out'; END IF;
    IF NOT r.passed THEN RETURN 'the reconciliation did not pass: ' || coalesce(r.reasons[1], ''); END IF;
    IF r.configuration <> c.configuration OR r.mappings <> c.mappings THEN
        RETURN 'the reconciliation went by another configuration';
    END IF;
    SELECT string_agg(each, ', ') INTO told FROM unnest(c.legal_entities) AS each
    WHERE NOT EXISTS (SELECT FROM reconciliation_entity e WHERE e.reconciliation_id = r.reconciliation_id AND e.legal_entity = each
                      AND e.passed);
    IF told IS NOT NULL THEN RETURN told || ' was not reconciled'; END IF;
    SELECT string_agg(counted.count || ' ' || counted.class, ', ') INTO told FROM (
        SELECT class, count(*) FROM reconciliation_difference WHERE reconciliation_id = r.reconciliation_id AND NOT arrived
        AND class IN ('in_flight', 'candidate_retrying', 'dead_letter', 'mapping_gap', 'changed_after_posting', 'deleted_after_posting',
                      'unexplained') GROUP BY class) counted;
    IF told IS NOT NULL THEN RETURN 'must be zero: ' || told; END IF;
    SELECT string_agg(differences || ' ' || class || ' of ' || legal_entity || ' (' || amount || ')', ', ') INTO told
    FROM unsigned_differences(c, r.reconciliation_id);
    IF told IS NOT NULL THEN RETURN 'not signed by the controllers: ' || told; END IF;
    IF EXISTS (SELECT FROM reconciliation_entity e
               JOIN delivery d ON d.legal_entity = e.legal_entity AND d.settle_position > e.settle_position AND d.state = 'posted'
                               AND d.settle_position > (SELECT min(settle_position) FROM reconciliation_entity
                                                        WHERE reconciliation_id = p_reconciliation_id)
               JOIN outbox o ON o.posting_id = d.posting_id AND o.legal_entity = d.legal_entity AND o.kind = ANY(c.kinds)
                             AND routed_period(o.period) >= c.from_period
               WHERE e.reconciliation_id = r.reconciliation_id) THEN
        RETURN 'something was posted after the reconciliation';
    END IF;
    RETURN NULL;
END
$$;
"""


def upgrade() -> None:
    """Make everything."""
    op.get_bind().exec_driver_sql(SIGNED.replace("%", "%%"))
