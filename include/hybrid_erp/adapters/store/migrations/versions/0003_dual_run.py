"""Dual run: copies for the candidate in the same outbox, their share, and the boundary between load and dual posting."""

from alembic import op

revision = "0003"
down_revision = "0002"

# A copy is a row of the outbox with a role of its own and the candidate as its destination. Its place is the control's settle position:
# the candidate follows the order in which the control booked (PROTOCOL D1). Role leads the index of what is open, so that a candidate's
# backlog costs a control nothing.
COPIES = """
ALTER TABLE outbox ADD COLUMN role text NOT NULL DEFAULT 'control' CHECK (role IN ('control', 'candidate'));
ALTER TABLE outbox ADD COLUMN priority smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN outbox.priority IS '0: live traffic; 1: the load of opening figures, which goes behind it.';
ALTER TABLE outbox DROP CONSTRAINT outbox_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_destination CHECK ((kind = 'reference' OR role = 'candidate') = (destination <> ''));
DROP INDEX outbox_open;
CREATE INDEX outbox_open ON outbox (role, region, kind, legal_entity, priority, seq)
    WHERE state IN ('waiting', 'claimed', 'working', 'draft', 'partly_posted', 'in_doubt');
"""

# `candidate_share` decides which copies are written, `open_share` which may be claimed: between the two the share is being filled up with
# the entities that join. In parts of 10,000.
SHARE = """
ALTER TABLE ownership ADD COLUMN candidate_share integer NOT NULL DEFAULT 0 CHECK (candidate_share BETWEEN 0 AND 10000);
ALTER TABLE ownership ADD COLUMN open_share integer NOT NULL DEFAULT 0 CHECK (open_share BETWEEN 0 AND candidate_share);

-- A routing key's place among 10,000, the same forever.
CREATE FUNCTION share_place(key text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (get_byte(hash, 0) * 65536 + get_byte(hash, 1) * 256 + get_byte(hash, 2)) % 10000
    FROM sha256(convert_to(key, 'UTF8')) AS hash
$$;
"""

# Up to the boundary everything comes by the load, after it everything by copies, nothing by both (ACCOUNTING C19). Every posting settled
# up to the position was in the load's snapshot; of those that were under way then, the ones that the snapshot showed are named.
BOUNDARY = """
CREATE TABLE dual_run_boundary (
    legal_entity    text NOT NULL,
    candidate       text NOT NULL,
    control         text NOT NULL,
    settle_position bigint NOT NULL,
    control_cursor  text NOT NULL,
    candidate_cursor text NOT NULL,
    taken_at        timestamptz NOT NULL,
    PRIMARY KEY (legal_entity, candidate)
);
COMMENT ON COLUMN dual_run_boundary.control_cursor IS 'Where capture goes on in the ERP that was loaded from.';
CREATE TABLE dual_run_contained (
    legal_entity text NOT NULL,
    candidate    text NOT NULL,
    posting_id   uuid NOT NULL,
    PRIMARY KEY (legal_entity, candidate, posting_id)
);
"""

# What a control has posted and nobody has copied, of the entities of the share.
LACKING = """
CREATE VIEW lacking_copy AS
SELECT w.ownership_id, o.posting_id, o.legal_entity, owned.candidate, o.accepted_on, d.settle_position, o.region, o.kind, o.document_type,
       coalesce(to_char(d.accounting_on, 'YYYY-MM'), o.period) AS period, o.routing_key, owned.candidate || '/' || o.lane AS lane
FROM ownership w
JOIN outbox o ON o.region = w.region AND o.kind = w.kind AND o.role = 'control' AND o.state = 'posted' AND o.kind <> 'reference'
JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
                AND d.state = 'posted' AND d.role = 'control'
JOIN LATERAL (SELECT owner, candidate FROM ownership_period p WHERE p.ownership_id = w.ownership_id
              AND p.from_period <= coalesce(to_char(d.accounting_on, 'YYYY-MM'), o.period,
                                            to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM'))
              ORDER BY from_period DESC LIMIT 1) owned ON owned.owner = d.erp AND owned.candidate IS NOT NULL
JOIN dual_run_boundary b ON b.legal_entity = o.legal_entity AND b.candidate = owned.candidate AND d.settle_position > b.settle_position
WHERE share_place(coalesce(o.routing_key, o.posting_id::text)) < w.candidate_share
  AND NOT EXISTS (SELECT FROM dual_run_contained c WHERE c.legal_entity = o.legal_entity AND c.candidate = owned.candidate
                  AND c.posting_id = o.posting_id)
  AND NOT EXISTS (SELECT FROM delivery there WHERE there.accepted_on = o.accepted_on AND there.posting_id = o.posting_id
                  AND there.legal_entity = o.legal_entity AND there.erp = owned.candidate AND there.state = 'posted')
  AND NOT EXISTS (SELECT FROM outbox copy WHERE copy.posting_id = o.posting_id AND copy.legal_entity = o.legal_entity
                  AND copy.destination = owned.candidate);
"""

# Documents that people made in an ERP, and what became of each. A document of ours, or one that the ERP derived, has no row.
CAPTURE = """
CREATE TABLE native_document (
    erp           text NOT NULL,
    legal_entity  text NOT NULL,
    native_id     text NOT NULL,
    treatment     text NOT NULL CHECK (treatment IN ('captured', 'flagged', 'left', 'draft')),
    reason        text NOT NULL,
    posting_id    uuid,
    number        text NOT NULL,
    document_type text,
    accounting_on date NOT NULL,
    booking_hash  text NOT NULL,
    entered_by    text,
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    altered_at    timestamptz,
    deleted_at    timestamptz,
    PRIMARY KEY (erp, legal_entity, native_id),
    CHECK ((treatment = 'captured') = (posting_id IS NOT NULL))
);
COMMENT ON COLUMN native_document.altered_at IS 'When it was seen to differ from what had been captured.';
CREATE INDEX crosswalk_native ON crosswalk (erp, legal_entity, native_id);
CREATE TABLE capture_cursor (
    erp          text NOT NULL,
    legal_entity text NOT NULL,
    cursor       text NOT NULL,
    read_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (erp, legal_entity)
);
"""

# What comes out of an ERP's books is taken in and is settled at once: the rights of both duties.
ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hybrid_erp_capture') THEN
        BEGIN
            CREATE ROLE hybrid_erp_capture NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
END $$;
GRANT hybrid_erp_intake, hybrid_erp_delivery TO hybrid_erp_capture;
"""

MOVES = """
-- The ownership rows of a region that a change is about; raises where one is missing.
CREATE FUNCTION ownership_ids(p_region text, p_kinds text[]) RETURNS integer[] LANGUAGE plpgsql STABLE AS $$
DECLARE ids integer[] := (SELECT array_agg(ownership_id ORDER BY ownership_id) FROM ownership
                          WHERE region = p_region AND kind = ANY(p_kinds));
BEGIN
    IF coalesce(cardinality(ids), 0) <> cardinality(p_kinds) THEN
        RAISE EXCEPTION 'region % has no ownership of %', p_region, array_to_string(p_kinds, ', ') USING ERRCODE = 'no_data_found';
    END IF;
    RETURN ids;
END $$;

-- From now on reference documents of the region go to the candidate too. The load sends it those that came before.
CREATE FUNCTION shadow_reference(p_region text, p_candidate text, p_by text, p_reason text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE id integer := (ownership_ids(p_region, ARRAY['reference']))[1];
BEGIN
    PERFORM lock_ownership(ARRAY[id]);
    UPDATE ownership_period SET candidate = p_candidate WHERE ownership_id = id AND candidate IS DISTINCT FROM p_candidate
        AND owner <> p_candidate;
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    VALUES (id, p_by, p_reason, jsonb_build_object('candidate', p_candidate));
    INSERT INTO audit (region, actor, action, erp, details)
    VALUES (p_region, p_by, 'reference_shadowed', p_candidate, jsonb_build_object('reason', p_reason));
    RETURN true;
END $$;

-- Opens the dual run: the candidate is named, its share is nought. Demands the boundary of every legal entity.
CREATE FUNCTION start_dual_run(p_region text, p_kinds text[], p_legal_entities text[], p_candidate text, p_by text, p_reason text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids integer[] := ownership_ids(p_region, p_kinds);
    lacking text := (SELECT min(each) FROM unnest(p_legal_entities) AS each WHERE NOT EXISTS (
                     SELECT FROM dual_run_boundary b WHERE b.legal_entity = each AND b.candidate = p_candidate));
BEGIN
    PERFORM lock_ownership(ids);
    IF EXISTS (SELECT FROM ownership WHERE ownership_id = ANY(ids)
               AND (phase NOT IN ('legacy_only', 'cloud_only') OR cutover_id IS NOT NULL)) THEN
        RAISE EXCEPTION 'region % moves already', p_region USING ERRCODE = 'object_not_in_prerequisite_state'; END IF;
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION '% is not loaded into %', lacking, p_candidate USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM ownership_period WHERE ownership_id = ANY(ids) AND owner = p_candidate) THEN
        RAISE EXCEPTION '% owns periods of region % already', p_candidate, p_region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership_period SET candidate = p_candidate WHERE ownership_id = ANY(ids);
    UPDATE ownership SET phase = 'dual_run', epoch = epoch + 1, candidate_share = 0, open_share = 0
    WHERE ownership_id = ANY(ids);
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    SELECT ownership_id, p_by, p_reason, jsonb_build_object('phase', phase, 'epoch', epoch, 'candidate', p_candidate)
    FROM ownership WHERE ownership_id = ANY(ids);
    INSERT INTO audit (region, actor, action, erp, details)
    VALUES (p_region, p_by, 'dual_run_started', p_candidate, jsonb_build_object('kinds', p_kinds, 'reason', p_reason));
END $$;

-- Raises the share of entities that are copied. Copies of those that join are written by every settlement from now on, and claimed by none
-- until `fill_share` has written the copies of what they booked before.
CREATE FUNCTION raise_share(p_region text, p_kinds text[], p_share integer, p_by text, p_reason text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE ids integer[] := ownership_ids(p_region, p_kinds);
BEGIN
    PERFORM lock_ownership(ids);
    IF EXISTS (SELECT FROM ownership WHERE ownership_id = ANY(ids) AND (phase <> 'dual_run' OR cutover_id IS NOT NULL)) THEN
        RAISE EXCEPTION 'region % is not in dual run', p_region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM ownership WHERE ownership_id = ANY(ids) AND candidate_share > p_share) THEN
        RAISE EXCEPTION 'the share of region % can only rise', p_region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership SET candidate_share = p_share
    WHERE ownership_id = ANY(ids) AND candidate_share < p_share;
    IF NOT FOUND THEN RETURN; END IF;
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    SELECT ownership_id, p_by, p_reason, jsonb_build_object('candidate_share', p_share) FROM ownership WHERE ownership_id = ANY(ids);
    INSERT INTO audit (region, actor, action, details)
    VALUES (p_region, p_by, 'share_raised', jsonb_build_object('kinds', p_kinds, 'share', p_share, 'reason', p_reason));
END $$;

-- Writes the copies of what the entities of the share booked before it was raised, in the control's order, and opens them. A
-- settlement reads the share under the lock's shared side (PROTOCOL C1): what it did not copy was committed before the raise, and is seen
-- here. The lock is taken for the opening alone, so that a long fill delays no claim.
CREATE FUNCTION fill_share(p_region text, p_kinds text[]) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids integer[] := ownership_ids(p_region, p_kinds);
    written bigint;
BEGIN
    INSERT INTO outbox (posting_id, legal_entity, destination, accepted_on, seq, region, kind, document_type, period, routing_key,
                        lane, role)
    SELECT posting_id, legal_entity, candidate, accepted_on, settle_position, region, kind, document_type, period, routing_key,
           lane, 'candidate'
    FROM lacking_copy WHERE ownership_id = ANY(ids)
    ON CONFLICT (posting_id, legal_entity, destination) DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM lock_ownership(ids);
    UPDATE ownership SET open_share = candidate_share WHERE ownership_id = ANY(ids) AND open_share < candidate_share;
    RETURN written;
END $$;

-- Gives the dual run up: nothing is copied any more, and what waits for the candidate is cancelled. Refused while a request for a copy may
-- be under way there.
CREATE FUNCTION end_dual_run(p_region text, p_kinds text[], p_legal_entities text[], p_by text, p_reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids integer[] := ownership_ids(p_region, p_kinds);
    given_up bigint;
BEGIN
    PERFORM lock_ownership(ids);
    IF EXISTS (SELECT FROM ownership WHERE ownership_id = ANY(ids) AND (phase <> 'dual_run' OR cutover_id IS NOT NULL)) THEN
        RAISE EXCEPTION 'region % is not in dual run', p_region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM outbox o JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id
               AND d.legal_entity = o.legal_entity AND d.erp = o.destination
               WHERE o.region = p_region AND o.kind = ANY(p_kinds) AND o.role = 'candidate' AND d.maybe_there
               AND o.state NOT IN ('posted', 'cancelled')) THEN
        RAISE EXCEPTION 'a copy of region % is under way', p_region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE outbox SET state = 'cancelled', reason = 'dual run ended: ' || p_reason
    WHERE region = p_region AND kind = ANY(p_kinds) AND role = 'candidate' AND state NOT IN ('posted', 'cancelled');
    GET DIAGNOSTICS given_up = ROW_COUNT;
    UPDATE ownership_period SET candidate = NULL WHERE ownership_id = ANY(ids || ownership_ids(p_region, ARRAY['reference']));
    DELETE FROM dual_run_contained WHERE legal_entity = ANY(p_legal_entities);
    DELETE FROM dual_run_boundary WHERE legal_entity = ANY(p_legal_entities);
    UPDATE ownership SET phase = 'legacy_only', epoch = epoch + 1, candidate_share = 0, open_share = 0 WHERE ownership_id = ANY(ids);
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    SELECT ownership_id, p_by, p_reason, jsonb_build_object('phase', phase, 'epoch', epoch) FROM ownership WHERE ownership_id = ANY(ids);
    INSERT INTO audit (region, actor, action, details)
    VALUES (p_region, p_by, 'dual_run_ended', jsonb_build_object('kinds', p_kinds, 'cancelled', given_up, 'reason', p_reason));
    RETURN given_up;
END $$;
REVOKE ALL ON FUNCTION shadow_reference, start_dual_run, raise_share, fill_share, end_dual_run FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT ON dual_run_boundary, dual_run_contained TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT ON dual_run_boundary, dual_run_contained TO hybrid_erp_cutover;
GRANT SELECT ON lacking_copy, native_document, capture_cursor TO hybrid_erp_capture, hybrid_erp_delivery, hybrid_erp_cutover,
    hybrid_erp_reader, hybrid_erp_intake;
GRANT INSERT, UPDATE ON native_document, capture_cursor TO hybrid_erp_capture;
GRANT INSERT ON outbox TO hybrid_erp_delivery;
GRANT EXECUTE ON FUNCTION shadow_reference, start_dual_run, raise_share, fill_share, end_dual_run TO hybrid_erp_cutover;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (COPIES, SHARE, BOUNDARY, LACKING, CAPTURE, ROLE, MOVES, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
