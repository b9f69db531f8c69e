"""A verification bears no difference that nobody has signed; a kind is held while somebody may post where nobody should."""

from alembic import op

revision = "0015"
down_revision = "0014"

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

# PROTOCOL R2. A hold is a freeze outside a move: no new control is claimed, what was begun and copies go on, and it ends when the ERP is as
# it should be again.
HOLDS = """
ALTER TABLE ownership ADD COLUMN held_at timestamptz, ADD COLUMN held_because text,
    ADD CHECK ((held_at IS NULL) = (held_because IS NULL));
COMMENT ON COLUMN ownership.held_at IS 'Since when nothing new is claimed, because an ERP that should be locked out lets somebody post.';

-- Holds these kinds of a region, and on demand lets go of every other one that is held. A move under way reads its own lock-outs back, and
-- nothing is claimed in it: its kinds stay as they are. The kinds that have changed.
CREATE FUNCTION hold_kinds(p_region text, p_kinds text[], p_let_go boolean, p_because text, p_by text) RETURNS text[] LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids integer[] := (SELECT array_agg(ownership_id) FROM ownership WHERE region = p_region);
    changed integer[];
BEGIN
    IF ids IS NULL THEN RAISE EXCEPTION 'region % has no ownership', p_region USING ERRCODE = 'no_data_found'; END IF;
    PERFORM lock_ownership(ids);
    WITH held AS (
        UPDATE ownership SET epoch = epoch + 1, held_at = CASE WHEN kind = ANY(p_kinds) THEN clock_timestamp() END,
            held_because = CASE WHEN kind = ANY(p_kinds) THEN p_because END
        WHERE region = p_region AND kind <> 'reference' AND cutover_id IS NULL
          AND CASE WHEN kind = ANY(p_kinds) THEN held_at IS NULL ELSE p_let_go AND held_at IS NOT NULL END
        RETURNING ownership_id
    ) SELECT coalesce(array_agg(ownership_id), '{}') INTO changed FROM held;
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    SELECT ownership_id, p_by, coalesce(held_because, 'the ERP is as it should be again'),
           jsonb_build_object('held', held_at IS NOT NULL, 'epoch', epoch) FROM ownership WHERE ownership_id = ANY(changed);
    INSERT INTO audit (region, actor, action, details)
    SELECT p_region, p_by, CASE WHEN held_at IS NULL THEN 'let_go' ELSE 'held' END,
           jsonb_build_object('kind', kind, 'reason', held_because, 'epoch', epoch) FROM ownership WHERE ownership_id = ANY(changed);
    RETURN ARRAY(SELECT kind FROM ownership WHERE ownership_id = ANY(changed) ORDER BY kind);
END $$;
REVOKE ALL ON FUNCTION hold_kinds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_kinds TO hybrid_erp_cutover;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (SIGNED, HOLDS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
