"""Cutover and rollback: requests, approvals, the freeze with its end, lock-outs, and the functions that alone move a region."""

from alembic import op

revision = "0007"
down_revision = "0006"

# One cutover of a region at a time that has not ended; `ownership.cutover_id` names the one that the region is frozen by. A freeze is a
# lease: while nothing is locked out at an ERP, it ends by itself at `frozen_until`, and can never be renewed after that.
CUTOVERS = """
CREATE TABLE cutover (
    cutover_id        uuid PRIMARY KEY,
    region            text NOT NULL,
    direction         text NOT NULL CHECK (direction IN ('cutover', 'rollback')),
    mode              text NOT NULL CHECK (mode IN ('rehearsal', 'live')),
    kinds             text[] NOT NULL CHECK (cardinality(kinds) > 0),
    legal_entities    text[] NOT NULL CHECK (cardinality(legal_entities) > 0),
    from_period       text NOT NULL CHECK (from_period ~ '^\\d{4}-(0[1-9]|1[0-2])$'),
    old_owner         text NOT NULL,
    new_owner         text NOT NULL CHECK (new_owner <> old_owner),
    run               text NOT NULL,
    requested_by      text NOT NULL,
    reason            text NOT NULL,
    ticket            text NOT NULL,
    limits            jsonb NOT NULL,
    configuration     text NOT NULL,
    mappings          jsonb NOT NULL,
    posting_rules     text NOT NULL,
    package           text NOT NULL,
    evidence          jsonb,
    evidence_hash     text CHECK (length(evidence_hash) = 64),
    requested_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    frozen_at         timestamptz,
    epochs            jsonb,
    pin_version       bigint,
    store_timeline    text,
    drained_at        timestamptz,
    locked_at         timestamptz,
    verified_at       timestamptz,
    reconciliation_id uuid REFERENCES reconciliation,
    switched_at       timestamptz,
    ended_at          timestamptz,
    outcome           text CHECK (outcome IN ('refused', 'released', 'rehearsed', 'switched')),
    UNIQUE (region, run),
    CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CHECK ((evidence IS NULL) = (evidence_hash IS NULL))
);
CREATE UNIQUE INDEX cutover_at_a_time ON cutover (region) WHERE ended_at IS NULL;
COMMENT ON COLUMN cutover.configuration IS 'SHA-256 of the configuration folder that it was asked for on.';
COMMENT ON COLUMN cutover.epochs IS 'Of each ownership row that moves, at the freeze.';
COMMENT ON COLUMN cutover.store_timeline IS 'System identifier and timeline of the store''s PostgreSQL at the freeze.';

CREATE TABLE cutover_approval (
    cutover_id    uuid NOT NULL REFERENCES cutover,
    role          text NOT NULL CHECK (role IN ('migration_lead', 'controller')),
    legal_entity  text NOT NULL DEFAULT '',
    evidence_hash text NOT NULL,
    approved_by   text NOT NULL,
    approver_id   text NOT NULL,
    answered_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (cutover_id, role, legal_entity),
    CHECK ((role = 'controller') = (legal_entity <> ''))
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON cutover_approval FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON cutover_approval FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE cutover_step (
    step_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cutover_id uuid NOT NULL REFERENCES cutover,
    step       text NOT NULL,
    began_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    outcome    text,
    found      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX cutover_step_of ON cutover_step (cutover_id);

-- How an ERP's company should be, kind by kind: locked out, or open again. `taken` are the rights that were, or are to be, taken from whom.
CREATE TABLE lock_out (
    erp          text NOT NULL,
    legal_entity text NOT NULL,
    kind         text NOT NULL,
    cutover_id   uuid NOT NULL REFERENCES cutover,
    generation   bigint NOT NULL,
    desired      text NOT NULL CHECK (desired IN ('locked', 'open')),
    taken        jsonb NOT NULL,
    intended_at  timestamptz NOT NULL,
    quiet_at     timestamptz,
    read_back_at timestamptz,
    read_back    jsonb,
    PRIMARY KEY (erp, legal_entity, kind)
);
COMMENT ON COLUMN lock_out.read_back_at IS 'When the ERP itself last said that it is as desired; null until it has.';

ALTER TABLE ownership ADD COLUMN frozen_until timestamptz;
ALTER TABLE ownership ADD COLUMN lock_generation bigint;
COMMENT ON COLUMN ownership.lock_generation IS 'A lock-out was intended under this generation: the freeze does not end by itself any more.';

-- Positions rise with time, so a summary of each block of pages finds the latest; it costs a settlement nothing.
CREATE INDEX delivery_settle_position ON delivery USING brin (settle_position) WITH (pages_per_range = 16, autosummarize = on);

COMMENT ON COLUMN outbox.priority IS '-1: a smoke test''s entry; 0: live traffic; 1: the load of opening figures, which goes behind it.';
"""

# After a switch the roles are exchanged, and the boundary of the load is the same: what came after it is copied, whichever way.
COPIES_BOTH_WAYS = """
CREATE OR REPLACE VIEW lacking_copy AS
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
JOIN dual_run_boundary b ON b.legal_entity = o.legal_entity AND d.settle_position > b.settle_position
                         AND (b.candidate, b.control) IN ((owned.candidate, owned.owner), (owned.owner, owned.candidate))
WHERE share_place(coalesce(o.routing_key, o.posting_id::text)) < w.candidate_share
  AND NOT EXISTS (SELECT FROM dual_run_contained c WHERE c.legal_entity = o.legal_entity AND c.candidate = owned.candidate
                  AND c.posting_id = o.posting_id)
  AND NOT EXISTS (SELECT FROM delivery there WHERE there.accepted_on = o.accepted_on AND there.posting_id = o.posting_id
                  AND there.legal_entity = o.legal_entity AND there.erp = owned.candidate AND there.state = 'posted')
  AND NOT EXISTS (SELECT FROM outbox copy WHERE copy.posting_id = o.posting_id AND copy.legal_entity = o.legal_entity
                  AND copy.destination = owned.candidate);
"""

# What every step asks first. The lock is the first statement of each function; a statement of a function sees what was committed before it.
COMMON = """
-- Which PostgreSQL this is, and on which line of its history (PROTOCOL W1.7).
CREATE FUNCTION store_timeline() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()
$$;

-- The cutover's row as of after the exclusive locks of its region.
CREATE FUNCTION lock_cutover(p_cutover_id uuid) RETURNS cutover LANGUAGE plpgsql AS $$
DECLARE c cutover;
BEGIN
    PERFORM lock_ownership((SELECT array_agg(w.ownership_id) FROM cutover x JOIN ownership w USING (region)
                            WHERE x.cutover_id = p_cutover_id));
    SELECT * INTO c FROM cutover WHERE cutover_id = p_cutover_id FOR UPDATE;
    IF NOT FOUND THEN RAISE EXCEPTION 'there is no cutover %', p_cutover_id USING ERRCODE = 'no_data_found'; END IF;
    RETURN c;
END $$;

-- The phase of what a cutover moves. Raises where the region is not frozen by it, or its freeze has ended by itself.
CREATE FUNCTION active_phase(c cutover) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    phases text[] := (SELECT array_agg(DISTINCT phase) FROM ownership
                      WHERE region = c.region AND kind = ANY(c.kinds) AND cutover_id = c.cutover_id);
BEGIN
    IF phases IS NULL OR c.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'region % is not frozen by cutover %', c.region, c.cutover_id USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF cardinality(phases) <> 1 THEN
        RAISE EXCEPTION 'the kinds of region % are in different phases: %', c.region, array_to_string(phases, ', ')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN phases[1];
END $$;

CREATE FUNCTION require_phase(c cutover, VARIADIC p_wanted text[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE found text := active_phase(c);
BEGIN
    IF NOT found = ANY(p_wanted) THEN
        RAISE EXCEPTION 'region % is %, not %', c.region, found, array_to_string(p_wanted, ' or ')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM ownership WHERE cutover_id = c.cutover_id AND phase IN ('frozen', 'drained', 'locked', 'verified')
               AND frozen_until <= clock_timestamp()) THEN
        RAISE EXCEPTION 'the freeze of region % has ended by itself', c.region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION note_cutover(c cutover, p_action text, p_by text, p_details jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    SELECT ownership_id, p_by, p_action, jsonb_build_object('phase', phase, 'epoch', epoch, 'cutover', c.cutover_id)
    FROM ownership WHERE region = c.region AND kind = ANY(c.kinds);
    INSERT INTO audit (region, actor, action, erp, details)
    VALUES (c.region, p_by, p_action, c.old_owner, jsonb_build_object('cutover', c.cutover_id, 'direction', c.direction) || p_details);
$$;

-- In which accounting period a posting is routed now.
CREATE FUNCTION routed_period(period text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(period, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM'))
$$;

-- What stands between a region and its new owner (PROTOCOL F2, F5, W1.4): at the old owner what was begun as control and is not settled;
-- at the new owner every copy that is not posted there. Pinned entities and periods that stay are apart; what an ERP does not keep, too.
CREATE FUNCTION unsettled(c cutover) RETURNS TABLE (legal_entity text, erp text, role text, state text, postings bigint)
LANGUAGE sql STABLE AS $$
    SELECT d.legal_entity, d.erp, 'control', d.state, count(*)
    FROM delivery d JOIN outbox o ON o.posting_id = d.posting_id AND o.legal_entity = d.legal_entity AND o.destination = ''
    WHERE d.erp = c.old_owner AND d.legal_entity = ANY(c.legal_entities) AND d.maybe_there AND d.state <> 'posted'
      AND d.role = 'control' AND o.kind = ANY(c.kinds) AND routed_period(o.period) >= c.from_period
    GROUP BY d.legal_entity, d.erp, d.state
    UNION ALL  -- booked at the new owner by people, and captured: the old owner has to have it before it is left behind
    SELECT o.legal_entity, c.old_owner, 'control', 'captured, ' || o.state, count(*)
    FROM outbox o JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
         AND d.erp = c.new_owner AND d.state = 'posted'
    LEFT JOIN pin ON pin.region = o.region AND pin.routing_key = o.routing_key
    WHERE o.region = c.region AND o.role = 'control' AND o.destination = '' AND o.kind = ANY(c.kinds) AND pin.erp IS NULL
      AND o.state NOT IN ('posted', 'cancelled') AND routed_period(o.period) >= c.from_period
    GROUP BY o.legal_entity, o.state
    UNION ALL
    SELECT o.legal_entity, o.destination, 'candidate', o.state, count(*)
    FROM outbox o LEFT JOIN pin ON pin.region = o.region AND pin.routing_key = o.routing_key
    WHERE o.region = c.region AND o.role = 'candidate' AND o.destination = c.new_owner AND o.kind = ANY(c.kinds) AND pin.erp IS NULL
      AND o.state NOT IN ('posted', 'cancelled')
    GROUP BY o.legal_entity, o.destination, o.state
    UNION ALL
    SELECT d.legal_entity, d.erp, 'candidate', 'given up', count(*)
    FROM outbox o JOIN delivery d ON d.accepted_on = o.accepted_on AND d.posting_id = o.posting_id AND d.legal_entity = o.legal_entity
         AND d.erp = o.destination
    LEFT JOIN pin ON pin.region = o.region AND pin.routing_key = o.routing_key
    WHERE o.region = c.region AND o.role = 'candidate' AND o.destination = c.new_owner AND o.kind = ANY(c.kinds) AND pin.erp IS NULL
      AND o.state = 'cancelled' AND d.state = 'cancelled' AND d.failure IS NOT NULL
    GROUP BY d.legal_entity, d.erp
$$;

CREATE FUNCTION unsettled_in_words(c cutover) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(postings || ' ' || role || ' ' || state || ' of ' || legal_entity || ' at ' || erp, ', ') FROM unsettled(c)
$$;

-- Who has not said yes to the present evidence, in time. A lead, and the controller of each legal entity (ACCOUNTING D24).
CREATE FUNCTION approvals_lacking(c cutover) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(trim(needed.role || ' ' || needed.legal_entity) ORDER BY needed.role DESC, needed.legal_entity), '{}')
    FROM (SELECT 'migration_lead' AS role, '' AS legal_entity UNION ALL SELECT 'controller', unnest(c.legal_entities)) AS needed
    WHERE NOT EXISTS (SELECT FROM cutover_approval a WHERE a.cutover_id = c.cutover_id AND a.role = needed.role
                      AND a.legal_entity = needed.legal_entity AND a.evidence_hash = c.evidence_hash AND a.approved_by <> c.requested_by
                      AND a.answered_at > clock_timestamp() - make_interval(mins => (c.limits->>'approval_minutes_max')::integer))
$$;
"""

ASKING = """
-- Writes what was asked for; the same run again finds its own. Refused while another of the region has not ended.
CREATE FUNCTION request_cutover(p_request jsonb) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    r cutover := jsonb_populate_record(NULL::cutover, p_request);
    known cutover;
BEGIN
    PERFORM lock_ownership(ownership_ids(r.region, r.kinds));
    SELECT * INTO known FROM cutover WHERE region = r.region AND run = r.run;
    IF FOUND THEN RETURN known.cutover_id; END IF;
    SELECT * INTO known FROM cutover WHERE region = r.region AND ended_at IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'the % of region % that % asked for in run % has not ended', known.direction, r.region, known.requested_by,
            known.run
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO cutover (cutover_id, region, direction, mode, kinds, legal_entities, from_period, old_owner, new_owner, run, requested_by,
                         reason, ticket, limits, configuration, mappings, posting_rules, package)
    VALUES (r.cutover_id, r.region, r.direction, r.mode, r.kinds, r.legal_entities, r.from_period, r.old_owner, r.new_owner, r.run,
            r.requested_by, r.reason, r.ticket, r.limits, r.configuration, r.mappings, r.posting_rules, r.package);
    INSERT INTO audit (region, actor, action, erp, details)
    VALUES (r.region, r.requested_by, 'cutover_requested', r.old_owner,
            jsonb_build_object('cutover', r.cutover_id, 'direction', r.direction, 'mode', r.mode, 'kinds', r.kinds,
                               'from_period', r.from_period, 'new_owner', r.new_owner, 'reason', r.reason, 'ticket', r.ticket,
                               'configuration', r.configuration, 'package', r.package));
    RETURN r.cutover_id;
END $$;

-- Stores the evidence that people are asked on. Another evidence voids the answers to the one before; none changes after the freeze.
CREATE FUNCTION store_evidence(p_cutover_id uuid, p_evidence jsonb, p_hash text, p_by text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE c cutover := lock_cutover(p_cutover_id);
BEGIN
    IF c.ended_at IS NOT NULL OR c.frozen_at IS NOT NULL THEN
        RAISE EXCEPTION 'cutover % of region % has begun or ended: its evidence stays', c.cutover_id, c.region
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF c.evidence_hash IS NOT DISTINCT FROM p_hash THEN RETURN; END IF;
    UPDATE cutover SET evidence = p_evidence, evidence_hash = p_hash WHERE cutover_id = p_cutover_id;
    PERFORM note_cutover(c, 'cutover_evidence', p_by, jsonb_build_object('evidence_hash', p_hash));
END $$;

-- Writes one person's yes. Nobody approves what he asked for, and the lead and the controllers are different people.
CREATE FUNCTION record_approval(p_cutover_id uuid, p_role text, p_legal_entity text, p_evidence_hash text, p_by text, p_by_id text,
                                p_answered_at timestamptz) RETURNS void LANGUAGE plpgsql
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
    IF p_role = 'controller' AND NOT p_legal_entity = ANY(c.legal_entities) THEN
        RAISE EXCEPTION '% is not of region %', p_legal_entity, c.region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM cutover_approval WHERE cutover_id = c.cutover_id AND approved_by = p_by AND role <> p_role) THEN
        RAISE EXCEPTION '% has approved in another role', p_by USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO cutover_approval (cutover_id, role, legal_entity, evidence_hash, approved_by, approver_id, answered_at)
    VALUES (c.cutover_id, p_role, p_legal_entity, p_evidence_hash, p_by, p_by_id, p_answered_at);
    INSERT INTO audit (region, actor, action, legal_entity, details)
    VALUES (c.region, p_by, 'cutover_approved', nullif(p_legal_entity, ''),
            jsonb_build_object('cutover', c.cutover_id, 'role', p_role, 'evidence_hash', p_evidence_hash, 'answered_at', p_answered_at));
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION '% % has approved this already', p_role, p_legal_entity USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
"""

# PROTOCOL F. Each function answers with where the region is; one that has been done before changes nothing.
FREEZING = """
CREATE FUNCTION freeze_region(p_cutover_id uuid, p_by text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    ids integer[] := ownership_ids(c.region, c.kinds);
    begins_in text := CASE c.direction WHEN 'cutover' THEN 'dual_run' ELSE 'hypercare' END;
    lacking text[];
BEGIN
    IF c.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'cutover % of region % has ended: %', c.cutover_id, c.region, c.outcome
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM ownership WHERE region = c.region AND cutover_id = c.cutover_id) THEN
        RETURN require_phase(c, 'frozen', 'drained', 'locked', 'verified', 'switched');
    END IF;
    IF EXISTS (SELECT FROM ownership WHERE region = c.region AND cutover_id IS NOT NULL) THEN
        RAISE EXCEPTION 'region % is frozen by another cutover', c.region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF c.frozen_at IS NOT NULL THEN
        RAISE EXCEPTION 'cutover % has frozen region % before', c.cutover_id, c.region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM ownership WHERE ownership_id = ANY(ids) AND phase <> begins_in) THEN
        RAISE EXCEPTION 'a % begins in phase %; region % is %', c.direction, begins_in, c.region,
            (SELECT string_agg(kind || ' ' || phase, ', ') FROM ownership WHERE ownership_id = ANY(ids) AND phase <> begins_in)
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM ownership WHERE ownership_id = ANY(ids) AND open_share <> 10000) THEN
        RAISE EXCEPTION 'region % is not copied whole', c.region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM unnest(ids) AS id LEFT JOIN LATERAL (
                   SELECT owner, candidate FROM ownership_period p WHERE p.ownership_id = id AND p.from_period <= c.from_period
                   ORDER BY from_period DESC LIMIT 1) p ON true
               WHERE (p.owner, p.candidate) IS DISTINCT FROM (c.old_owner, c.new_owner))
       OR EXISTS (SELECT FROM ownership_period p WHERE p.ownership_id = ANY(ids) AND p.from_period > c.from_period
                  AND (p.owner, p.candidate) IS DISTINCT FROM (c.old_owner, c.new_owner)) THEN
        RAISE EXCEPTION '% does not own every period of region % from % on with % as its candidate', c.old_owner, c.region, c.from_period,
            c.new_owner USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    lacking := CASE WHEN c.evidence_hash IS NULL THEN ARRAY['evidence'] ELSE approvals_lacking(c) END;
    IF cardinality(lacking) > 0 THEN
        RAISE EXCEPTION 'not approved: % of region % lacks %', c.direction, c.region, array_to_string(lacking, ', ')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership SET epoch = epoch + 1 WHERE region = c.region;
    UPDATE ownership SET phase = 'frozen', cutover_id = c.cutover_id, moving_from_period = c.from_period, lock_generation = NULL,
        frozen_until = clock_timestamp() + make_interval(secs => (c.limits->>'lease_seconds')::float)
    WHERE ownership_id = ANY(ids);
    UPDATE cutover SET frozen_at = clock_timestamp(), store_timeline = store_timeline(),
        epochs = (SELECT jsonb_object_agg(ownership_id::text, epoch) FROM ownership WHERE ownership_id = ANY(ids)),
        pin_version = (SELECT max(w.pin_version) FROM ownership w WHERE w.region = c.region)
    WHERE cutover_id = c.cutover_id;
    PERFORM note_cutover(c, 'frozen', p_by);
    RETURN 'frozen';
END $$;

-- Lets the freeze run on, up to its longest. False: it has ended by itself, or may not run any longer; then the run gives up.
CREATE FUNCTION renew_freeze(p_cutover_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE c cutover := lock_cutover(p_cutover_id);
BEGIN
    UPDATE ownership SET frozen_until = least(clock_timestamp() + make_interval(secs => (c.limits->>'lease_seconds')::float),
                                              c.frozen_at + make_interval(secs => (c.limits->>'freeze_seconds_max')::float))
    WHERE cutover_id = c.cutover_id AND phase IN ('frozen', 'drained', 'locked', 'verified') AND frozen_until > clock_timestamp()
      AND clock_timestamp() < c.frozen_at + make_interval(secs => (c.limits->>'freeze_seconds_max')::float);
    RETURN FOUND;
END $$;

-- Drained only if nothing that was begun at the old owner is left: counted here, under the lock (PROTOCOL F2). How many are left.
CREATE FUNCTION mark_drained(p_cutover_id uuid, p_by text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    remaining bigint;
BEGIN
    IF require_phase(c, 'frozen', 'drained', 'locked', 'verified', 'switched') <> 'frozen' THEN RETURN 0; END IF;
    SELECT coalesce(sum(postings), 0) INTO remaining FROM unsettled(c) WHERE role = 'control';
    IF remaining > 0 THEN RETURN remaining; END IF;
    UPDATE ownership SET phase = 'drained' WHERE cutover_id = c.cutover_id;
    UPDATE cutover SET drained_at = clock_timestamp() WHERE cutover_id = c.cutover_id;
    PERFORM note_cutover(c, 'drained', p_by);
    RETURN 0;
END $$;

-- Writes down, before the ERP is told, that a company is to be locked out and whose rights are taken (PROTOCOL L1); its generation. At the
-- old owner only once it is drained; from then on the freeze does not end by itself: whoever gives up has to undo the lock-out first. At
-- the new owner people are locked out as soon as the region is frozen, so that nothing new arises there; null: it is locked out already.
CREATE FUNCTION intend_lock_out(p_cutover_id uuid, p_erp text, p_legal_entity text, p_taken jsonb, p_by text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    now_generation bigint := (SELECT max(epoch) FROM ownership WHERE region = c.region);
BEGIN
    IF NOT p_legal_entity = ANY(c.legal_entities) OR p_erp NOT IN (c.old_owner, c.new_owner) THEN
        RAISE EXCEPTION '% at % is not of this cutover', p_legal_entity, p_erp USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF p_erp = c.new_owner THEN
        PERFORM require_phase(c, 'frozen', 'drained');
        IF EXISTS (SELECT FROM lock_out WHERE erp = p_erp AND legal_entity = p_legal_entity AND kind = ANY(c.kinds)
                   AND desired = 'locked' AND cutover_id <> c.cutover_id) THEN
            RETURN NULL;  -- since a move before this one; it stays if this one is given up
        END IF;
    ELSE
        PERFORM require_phase(c, 'drained');
        IF EXISTS (SELECT FROM unsettled(c) WHERE role = 'control') THEN  -- a clock that was set back may have let a claim through
            RAISE EXCEPTION 'region % is not drained any more', c.region USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        UPDATE ownership SET lock_generation = now_generation WHERE cutover_id = c.cutover_id;
    END IF;
    INSERT INTO lock_out (erp, legal_entity, kind, cutover_id, generation, desired, taken, intended_at)
    SELECT p_erp, p_legal_entity, moved.kind, c.cutover_id, now_generation, 'locked',
           (SELECT coalesce(jsonb_agg(each), '[]') FROM jsonb_array_elements(p_taken) AS each WHERE each->>'kind' = moved.kind),
           clock_timestamp()
    FROM unnest(c.kinds) AS moved (kind)
    ON CONFLICT (erp, legal_entity, kind) DO UPDATE
    SET cutover_id = excluded.cutover_id, generation = excluded.generation, desired = 'locked', intended_at = excluded.intended_at,
        taken = CASE WHEN lock_out.desired = 'locked'  -- tried again: part of the rights may be taken by now
                     THEN (SELECT coalesce(jsonb_agg(DISTINCT each), '[]') FROM jsonb_array_elements(lock_out.taken || excluded.taken) each)
                     ELSE excluded.taken END,
        quiet_at = NULL, read_back_at = NULL, read_back = NULL;
    INSERT INTO audit (region, actor, action, legal_entity, erp, details)
    VALUES (c.region, p_by, 'lock_out_intended', p_legal_entity, p_erp,
            jsonb_build_object('cutover', c.cutover_id, 'generation', now_generation, 'taken', jsonb_array_length(p_taken)));
    RETURN now_generation;
END $$;

-- Writes down what the ERP itself said of a company, read under this generation; a later generation keeps its own word. `p_quiet`: every
-- transaction that had passed the check has ended.
CREATE FUNCTION note_read_back(p_erp text, p_legal_entity text, p_generation bigint, p_as_desired boolean, p_quiet boolean,
                               p_read_back jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE lock_out SET read_back = p_read_back, read_back_at = CASE WHEN p_as_desired THEN clock_timestamp() END,
        quiet_at = CASE WHEN p_quiet THEN clock_timestamp() ELSE quiet_at END
    WHERE erp = p_erp AND legal_entity = p_legal_entity AND generation = p_generation;
    RETURN FOUND;
END $$;

-- The companies whose lock-out the ERP has not confirmed since an instant, and quiet since the drain; null: none.
CREATE FUNCTION lock_outs_lacking(c cutover, p_since timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(DISTINCT company.code, ', ')
    FROM unnest(c.legal_entities) AS company (code) CROSS JOIN unnest(c.kinds) AS moved (kind)
    WHERE NOT EXISTS (SELECT FROM lock_out l
                      JOIN ownership w ON w.region = c.region AND w.kind = moved.kind AND w.cutover_id = c.cutover_id
                                      AND w.lock_generation = l.generation
                      WHERE l.erp = c.old_owner AND l.legal_entity = company.code AND l.kind = moved.kind AND l.cutover_id = c.cutover_id
                      AND l.desired = 'locked' AND l.read_back_at > p_since AND l.quiet_at > c.drained_at)
$$;

-- Locked only if every company's read back says so (PROTOCOL L4).
CREATE FUNCTION confirm_lock_out(p_cutover_id uuid, p_by text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    lacking text;
BEGIN
    IF require_phase(c, 'drained', 'locked', 'verified', 'switched') <> 'drained' THEN RETURN active_phase(c); END IF;
    lacking := lock_outs_lacking(c, c.drained_at);
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'the lock-out of % at % is not confirmed', lacking, c.old_owner USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership SET phase = 'locked' WHERE cutover_id = c.cutover_id;
    UPDATE cutover SET locked_at = clock_timestamp() WHERE cutover_id = c.cutover_id;
    PERFORM note_cutover(c, 'locked', p_by);
    RETURN 'locked';
END $$;

-- Why a reconciliation does not prove that the new owner holds everything (PROTOCOL F5, ACCOUNTING D23); null: it does.
CREATE FUNCTION verification_fault(c cutover, p_reconciliation_id uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
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
END $$;

CREATE FUNCTION mark_verified(p_cutover_id uuid, p_reconciliation_id uuid, p_by text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    fault text;
BEGIN
    IF require_phase(c, 'locked', 'verified', 'switched') <> 'locked' THEN RETURN active_phase(c); END IF;
    fault := coalesce('not settled: ' || unsettled_in_words(c), verification_fault(c, p_reconciliation_id));
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'region % is not verified: %', c.region, fault USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership SET phase = 'verified' WHERE cutover_id = c.cutover_id;
    UPDATE cutover SET verified_at = clock_timestamp(), reconciliation_id = p_reconciliation_id WHERE cutover_id = c.cutover_id;
    PERFORM note_cutover(c, 'verified', p_by, jsonb_build_object('reconciliation', p_reconciliation_id));
    RETURN 'verified';
END $$;
"""

# PROTOCOL W1: the seven facts, asked here and not taken from any flag.
SWITCHING = """
CREATE FUNCTION switch_ownership(p_cutover_id uuid, p_configuration text, p_mappings jsonb, p_by text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    ids integer[] := ownership_ids(c.region, c.kinds);
    reference_ids integer[] := ownership_ids(c.region, ARRAY['reference']);
    fault text;
BEGIN
    IF c.switched_at IS NOT NULL THEN RETURN 'switched already'; END IF;
    PERFORM require_phase(c, 'verified');
    PERFORM FROM ownership WHERE region = c.region ORDER BY ownership_id FOR UPDATE;
    fault := CASE
        WHEN c.mode <> 'live' THEN 'a rehearsal never switches'
        WHEN EXISTS (SELECT FROM unnest(ids) AS id JOIN LATERAL (
                         SELECT owner FROM ownership_period p WHERE p.ownership_id = id AND p.from_period <= c.from_period
                         ORDER BY from_period DESC LIMIT 1) p ON true WHERE p.owner <> c.old_owner)
            THEN c.old_owner || ' is not the owner any more'
        WHEN EXISTS (SELECT FROM ownership WHERE ownership_id = ANY(ids) AND epoch <> (c.epochs->>ownership_id::text)::bigint)
            THEN 'the epoch has moved since the freeze'
        WHEN c.pin_version <> (SELECT max(pin_version) FROM ownership WHERE region = c.region) THEN 'a pin has moved since the freeze'
        WHEN cardinality(approvals_lacking(c)) > 0 THEN 'it lacks ' || array_to_string(approvals_lacking(c), ', ')
        WHEN unsettled_in_words(c) IS NOT NULL THEN 'not settled: ' || unsettled_in_words(c)
        WHEN c.verified_at < clock_timestamp() - make_interval(secs => (c.limits->>'verification_seconds_max')::float)
            THEN 'the verification is too old'
        WHEN p_configuration <> c.configuration OR p_mappings <> c.mappings THEN 'the configuration is not the one that was approved'
        WHEN lock_outs_lacking(c, greatest(c.verified_at, clock_timestamp() - make_interval(
                 secs => (c.limits->>'read_back_seconds_max')::float))) IS NOT NULL
            THEN 'the lock-out was not read back since the verification, or too long ago'
        WHEN c.store_timeline <> store_timeline() THEN 'the store is not the one of the freeze'
        ELSE verification_fault(c, c.reconciliation_id)
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'region % is not switched: %', c.region, fault USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership SET epoch = epoch + 1 WHERE region = c.region;
    UPDATE ownership SET phase = 'switched', frozen_until = NULL WHERE ownership_id = ANY(ids);
    INSERT INTO ownership_period (ownership_id, from_period, owner, candidate)
    SELECT id, c.from_period, c.new_owner, c.old_owner FROM unnest(ids) AS id
    ON CONFLICT (ownership_id, from_period) DO UPDATE SET owner = excluded.owner, candidate = excluded.candidate;
    UPDATE ownership_period SET owner = c.new_owner, candidate = c.old_owner WHERE ownership_id = ANY(ids) AND from_period > c.from_period;
    -- Reference documents belong to their source and go to both; as control to the book of record.
    IF 'ledger' = ANY(c.kinds) THEN
        UPDATE ownership_period SET owner = c.new_owner, candidate = c.old_owner WHERE ownership_id = ANY(reference_ids);
    END IF;
    UPDATE cutover SET switched_at = clock_timestamp() WHERE cutover_id = c.cutover_id;
    PERFORM note_cutover(c, 'switched', p_by, jsonb_build_object('owner', c.new_owner, 'from_period', c.from_period,
                                                                 'reconciliation', c.reconciliation_id));
    RETURN 'switched';
END $$;

-- Lets a smoke test's entries go while everything else of the region waits for it.
CREATE FUNCTION send_canary(p_cutover_id uuid, p_posting_ids uuid[], p_by text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    sent bigint;
BEGIN
    PERFORM require_phase(c, 'switched');
    UPDATE outbox o SET priority = -1, due_at = CASE WHEN o.state = 'waiting' THEN '-infinity' ELSE o.due_at END FROM posting p
    WHERE o.posting_id = ANY(p_posting_ids) AND o.role = 'control' AND o.region = c.region AND p.accepted_on = o.accepted_on
      AND p.posting_id = o.posting_id AND p.source = 'hybrid-erp/canary';
    GET DIAGNOSTICS sent = ROW_COUNT;
    RETURN sent;
END $$;
"""

# PROTOCOL R: what a release does depends on the phase that it finds, never on what ran before.
RELEASING = """
CREATE FUNCTION end_cutover(c cutover, p_outcome text) RETURNS void LANGUAGE sql AS $$
    UPDATE cutover SET ended_at = clock_timestamp(), outcome = p_outcome WHERE cutover_id = c.cutover_id AND ended_at IS NULL;
$$;

-- The first half of a release. Answers: `nothing` (the region is not frozen by it; its request is ended), `releasing` (the companies with a
-- lock-out that is desired open are to be opened and read back, then `finish_release`), or `switched` (open the new owner instead).
CREATE FUNCTION begin_release(p_cutover_id uuid, p_by text, p_reason text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    now_phase text;
BEGIN
    IF c.ended_at IS NOT NULL THEN RETURN 'nothing'; END IF;
    IF NOT EXISTS (SELECT FROM ownership WHERE region = c.region AND cutover_id = c.cutover_id) THEN
        PERFORM end_cutover(c, 'refused');
        PERFORM note_cutover(c, 'cutover_refused', p_by, jsonb_build_object('reason', p_reason));
        RETURN 'nothing';
    END IF;
    now_phase := active_phase(c);
    IF now_phase IN ('switched', 'releasing') THEN RETURN now_phase; END IF;
    UPDATE ownership SET epoch = epoch + 1 WHERE region = c.region;
    UPDATE ownership SET phase = 'releasing', frozen_until = NULL WHERE cutover_id = c.cutover_id;
    UPDATE lock_out SET desired = 'open', generation = (SELECT max(epoch) FROM ownership WHERE region = c.region), read_back_at = NULL,
        quiet_at = NULL, read_back = NULL
    WHERE cutover_id = c.cutover_id;
    PERFORM note_cutover(c, 'releasing', p_by, jsonb_build_object('reason', p_reason, 'from', now_phase));
    RETURN 'releasing';
END $$;

-- Opens the old owner again, once every company that this cutover locked out has been read back open.
CREATE FUNCTION finish_release(p_cutover_id uuid, p_by text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    begins_in text := CASE c.direction WHEN 'cutover' THEN 'dual_run' ELSE 'hypercare' END;
    lacking text;
BEGIN
    IF c.ended_at IS NOT NULL THEN RETURN c.outcome; END IF;
    PERFORM require_phase(c, 'releasing');
    SELECT string_agg(DISTINCT legal_entity || ' at ' || erp, ', ') INTO lacking FROM lock_out
    WHERE cutover_id = c.cutover_id AND (desired <> 'open' OR read_back_at IS NULL);
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'not known to be open again: %', lacking USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership SET phase = begins_in, cutover_id = NULL, moving_from_period = NULL, lock_generation = NULL, frozen_until = NULL
    WHERE cutover_id = c.cutover_id;
    PERFORM end_cutover(c, CASE WHEN c.mode = 'rehearsal' AND c.verified_at IS NOT NULL THEN 'rehearsed' ELSE 'released' END);
    PERFORM note_cutover(c, 'released', p_by);
    RETURN (SELECT outcome FROM cutover WHERE cutover_id = c.cutover_id);
END $$;

-- The new owner was locked out when it was the old one of an earlier move: that is to be undone now. The companies concerned.
CREATE FUNCTION intend_opening(p_cutover_id uuid, p_by text) RETURNS text[] LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE c cutover := lock_cutover(p_cutover_id);
BEGIN
    PERFORM require_phase(c, 'switched');
    UPDATE lock_out SET desired = 'open', cutover_id = c.cutover_id, read_back_at = NULL, quiet_at = NULL, read_back = NULL,
        intended_at = clock_timestamp(), generation = (SELECT max(epoch) FROM ownership WHERE region = c.region)
    WHERE erp = c.new_owner AND legal_entity = ANY(c.legal_entities) AND kind = ANY(c.kinds) AND desired = 'locked';
    RETURN ARRAY(SELECT DISTINCT legal_entity FROM lock_out WHERE erp = c.new_owner AND legal_entity = ANY(c.legal_entities)
                 AND kind = ANY(c.kinds) AND desired = 'open' AND read_back_at IS NULL ORDER BY 1);
END $$;

-- Opens claims at the new owner. The old owner's lock-out stays.
CREATE FUNCTION open_after_switch(p_cutover_id uuid, p_by text, p_smoke jsonb) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c cutover := lock_cutover(p_cutover_id);
    ends_in text := CASE c.direction WHEN 'cutover' THEN 'hypercare' ELSE 'dual_run' END;
    locked text;
BEGIN
    IF c.ended_at IS NOT NULL THEN RETURN c.outcome; END IF;
    PERFORM require_phase(c, 'switched');
    SELECT string_agg(DISTINCT legal_entity, ', ') INTO locked FROM lock_out
    WHERE erp = c.new_owner AND legal_entity = ANY(c.legal_entities) AND kind = ANY(c.kinds)
      AND (desired <> 'open' OR read_back_at IS NULL);
    IF locked IS NOT NULL THEN
        RAISE EXCEPTION '% is not known to be open for %', c.new_owner, locked USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership SET phase = ends_in, cutover_id = NULL, moving_from_period = NULL, lock_generation = NULL, frozen_until = NULL
    WHERE cutover_id = c.cutover_id;
    PERFORM end_cutover(c, 'switched');
    PERFORM note_cutover(c, 'opened', p_by, jsonb_build_object('owner', c.new_owner, 'smoke_test', p_smoke));
    RETURN 'switched';
END $$;

-- The point of no return (PROTOCOL B2): a named act. Nothing may be on its way to the ERP that is left behind, and its periods are closed.
CREATE FUNCTION close_reverse(p_region text, p_by text, p_reason text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids integer[] := (SELECT array_agg(ownership_id) FROM ownership WHERE region = p_region);
    lacking text;
BEGIN
    IF ids IS NULL THEN RAISE EXCEPTION 'region % has no ownership', p_region USING ERRCODE = 'no_data_found'; END IF;
    PERFORM lock_ownership(ids);
    IF EXISTS (SELECT FROM ownership WHERE region = p_region AND kind <> 'reference' AND (phase <> 'hypercare' OR cutover_id IS NOT NULL))
       OR EXISTS (SELECT FROM cutover WHERE region = p_region AND ended_at IS NULL) THEN
        RAISE EXCEPTION 'region % is not in hypercare', p_region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT string_agg(told, ', ') INTO lacking FROM (
        SELECT count(*) || ' copies ' || o.state || ' for ' || o.destination AS told FROM outbox o
        WHERE o.region = p_region AND o.role = 'candidate' AND o.kind <> 'reference' AND o.state NOT IN ('posted', 'cancelled')
        GROUP BY o.state, o.destination
        UNION ALL
        SELECT count(*) || ' postings in doubt at ' || d.erp FROM delivery d
        WHERE d.ownership_id = ANY(ids) AND d.maybe_there AND d.state <> 'posted'
        AND d.erp IN (SELECT candidate FROM ownership_period WHERE ownership_id = ANY(ids)) GROUP BY d.erp) open_still;
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'the way back of region % is not closed: %', p_region, lacking USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE ownership_period SET candidate = NULL WHERE ownership_id = ANY(ids);
    UPDATE ownership SET epoch = epoch + 1 WHERE region = p_region;
    UPDATE ownership SET phase = 'cloud_only', candidate_share = 0, open_share = 0 WHERE region = p_region AND kind <> 'reference';
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    SELECT ownership_id, p_by, p_reason, jsonb_build_object('phase', phase, 'epoch', epoch) FROM ownership WHERE region = p_region;
    INSERT INTO audit (region, actor, action, details)
    VALUES (p_region, p_by, 'reverse_closed', jsonb_build_object('reason', p_reason));
END $$;
REVOKE ALL ON FUNCTION request_cutover, store_evidence, record_approval, freeze_region, renew_freeze, mark_drained, intend_lock_out,
    note_read_back, confirm_lock_out, mark_verified, switch_ownership, send_canary, begin_release, finish_release, intend_opening,
    open_after_switch, close_reverse FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT ON cutover, cutover_approval, cutover_step, lock_out
    TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT ON cutover_step TO hybrid_erp_cutover;
GRANT UPDATE (ended_at, outcome, found) ON cutover_step TO hybrid_erp_cutover;
GRANT EXECUTE ON FUNCTION request_cutover, store_evidence, record_approval, freeze_region, renew_freeze, mark_drained, intend_lock_out,
    note_read_back, confirm_lock_out, mark_verified, switch_ownership, send_canary, begin_release, finish_release, intend_opening,
    open_after_switch, close_reverse TO hybrid_erp_cutover;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (CUTOVERS, COPIES_BOTH_WAYS, COMMON, ASKING, FREEZING, SWITCHING, RELEASING, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
