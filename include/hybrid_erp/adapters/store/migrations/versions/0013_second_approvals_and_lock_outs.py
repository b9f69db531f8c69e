"""A second controller overrides a blackout date, with the reason that was given for it; who was locked out, when and why stays known."""

from alembic import op

revision = "0013"
down_revision = "0012"

SECOND_APPROVALS = """
ALTER TABLE cutover_approval DROP CONSTRAINT cutover_approval_role_check;
ALTER TABLE cutover_approval ADD CONSTRAINT cutover_approval_role_check
    CHECK (role IN ('migration_lead', 'controller', 'second_controller'));
ALTER TABLE cutover_approval DROP CONSTRAINT cutover_approval_check;
ALTER TABLE cutover_approval ADD CONSTRAINT cutover_approval_check CHECK ((role = 'migration_lead') = (legal_entity = ''));

-- The legal entities whose calendar a cutover overrides, by the evidence that people say yes to: other evidence voids their answers.
CREATE FUNCTION overridden_blackouts(c cutover) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(DISTINCT entity ORDER BY entity), '{}')
    FROM jsonb_array_elements(c.evidence->'checks') AS each,
         jsonb_array_elements_text(coalesce(each->'evidence'->'overridden', '[]')) AS entity
    WHERE each->>'name' = 'blackout_dates'
$$;

-- Who has not said yes to the present evidence, in time. A lead, and the controller of each legal entity; a second one of each whose
-- calendar keeps the day free (ACCOUNTING D24).
CREATE OR REPLACE FUNCTION approvals_lacking(c cutover) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(trim(needed.role || ' ' || needed.legal_entity) ORDER BY needed.place, needed.legal_entity), '{}')
    FROM (SELECT 1 AS place, 'migration_lead' AS role, '' AS legal_entity
          UNION ALL SELECT 2, 'controller', unnest(c.legal_entities)
          UNION ALL SELECT 3, 'second_controller', unnest(overridden_blackouts(c))) AS needed
    WHERE NOT EXISTS (SELECT FROM cutover_approval a WHERE a.cutover_id = c.cutover_id AND a.role = needed.role
                      AND a.legal_entity = needed.legal_entity AND a.evidence_hash = c.evidence_hash AND a.approved_by <> c.requested_by
                      AND a.answered_at > clock_timestamp() - make_interval(mins => (c.limits->>'approval_minutes_max')::integer))
$$;

-- Writes one person's yes. Nobody approves what he asked for, and each role is another person's.
CREATE OR REPLACE FUNCTION record_approval(p_cutover_id uuid, p_role text, p_legal_entity text, p_evidence_hash text, p_by text,
                                           p_by_id text, p_answered_at timestamptz) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE c cutover := lock_cutover(p_cutover_id);
BEGIN
    IF c.ended_at IS NOT NULL OR c.frozen_at IS NOT NULL THEN
        RAISE EXCEPTION 'cutover % of region % has begun or ended', c.cutover_id, c.region
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF p_by = c.requested_by THEN
        RAISE EXCEPTION '% asked for this %, and so cannot approve it', p_by, c.direction
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF c.evidence_hash IS DISTINCT FROM p_evidence_hash THEN
        RAISE EXCEPTION 'the evidence has changed since % was asked', p_by USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF p_role <> 'migration_lead' AND NOT p_legal_entity = ANY(c.legal_entities) THEN
        RAISE EXCEPTION '% is not of region %', p_legal_entity, c.region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF p_role = 'second_controller' AND NOT p_legal_entity = ANY(overridden_blackouts(c)) THEN
        RAISE EXCEPTION 'no blackout date of % is overridden', p_legal_entity USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM cutover_approval WHERE cutover_id = c.cutover_id AND approved_by = p_by AND role <> p_role) THEN
        RAISE EXCEPTION '% has approved in another role', p_by USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO cutover_approval (cutover_id, role, legal_entity, evidence_hash, approved_by, approver_id, answered_at)
    VALUES (c.cutover_id, p_role, p_legal_entity, p_evidence_hash, p_by, p_by_id, p_answered_at);
    INSERT INTO audit (region, actor, action, legal_entity, details)
    VALUES (c.region, p_by, 'cutover_approved', nullif(p_legal_entity, ''),
            jsonb_build_object('cutover', c.cutover_id, 'role', p_role, 'evidence_hash', p_evidence_hash, 'answered_at', p_answered_at)
            || CASE WHEN p_role = 'second_controller'
               THEN jsonb_build_object('overrides', 'blackout date', 'reason', c.evidence->'request'->'override_blackout')
               ELSE '{}' END);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION '% % has approved this already', p_role, p_legal_entity USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
"""


# `lock_out` says how a company should be now, and the next move of the region writes over it. Why is the cutover's reason. It is no foreign
# key: a read back would wait for the row of a cutover that another function has locked, and that one for the row that is read back.
LOCK_OUTS = """
CREATE TABLE lock_out_history (
    history_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at   timestamptz NOT NULL DEFAULT transaction_timestamp(),
    cutover_id   uuid NOT NULL,
    erp          text NOT NULL,
    legal_entity text NOT NULL,
    kind         text NOT NULL,
    generation   bigint NOT NULL,
    event        text NOT NULL CHECK (event IN ('lock intended', 'locked', 'opening intended', 'opened', 'not as desired')),
    taken        jsonb NOT NULL
);
CREATE INDEX lock_out_history_of ON lock_out_history (cutover_id);
COMMENT ON COLUMN lock_out_history.event IS 'Intended: before the ERP is told. The others are what the ERP itself was read to say.';
COMMENT ON COLUMN lock_out_history.taken IS 'The rights that were, or are to be, taken from whom, or given back.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON lock_out_history FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON lock_out_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION remember_lock_out() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    event text := CASE
        WHEN TG_OP = 'INSERT' OR (OLD.generation, OLD.desired, OLD.taken) IS DISTINCT FROM (NEW.generation, NEW.desired, NEW.taken)
            THEN CASE NEW.desired WHEN 'locked' THEN 'lock intended' ELSE 'opening intended' END
        WHEN OLD.read_back_at IS NULL AND NEW.read_back_at IS NOT NULL
            THEN CASE NEW.desired WHEN 'locked' THEN 'locked' ELSE 'opened' END
        WHEN OLD.read_back_at IS NOT NULL AND NEW.read_back_at IS NULL AND NEW.read_back IS NOT NULL THEN 'not as desired'
    END;
BEGIN
    IF event IS NOT NULL THEN
        INSERT INTO lock_out_history (cutover_id, erp, legal_entity, kind, generation, event, taken)
        VALUES (NEW.cutover_id, NEW.erp, NEW.legal_entity, NEW.kind, NEW.generation, event, NEW.taken);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER remembered AFTER INSERT OR UPDATE ON lock_out FOR EACH ROW EXECUTE FUNCTION remember_lock_out();

-- As in 0007, behind the region's lock: two functions that take a company's rows in another order would wait for each other.
CREATE OR REPLACE FUNCTION note_read_back(p_erp text, p_legal_entity text, p_generation bigint, p_as_desired boolean, p_quiet boolean,
                                          p_read_back jsonb) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE ids integer[] := (SELECT array_agg(DISTINCT w.ownership_id) FROM lock_out l JOIN cutover c USING (cutover_id)
                          JOIN ownership w ON w.region = c.region WHERE l.erp = p_erp AND l.legal_entity = p_legal_entity);
BEGIN
    IF ids IS NULL THEN RETURN false; END IF;
    PERFORM lock_ownership(ids);
    UPDATE lock_out SET read_back = p_read_back, read_back_at = CASE WHEN p_as_desired THEN clock_timestamp() END,
        quiet_at = CASE WHEN p_quiet THEN clock_timestamp() ELSE quiet_at END
    WHERE erp = p_erp AND legal_entity = p_legal_entity AND generation = p_generation;
    RETURN FOUND;
END $$;

GRANT SELECT ON lock_out_history TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (SECOND_APPROVALS, LOCK_OUTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
