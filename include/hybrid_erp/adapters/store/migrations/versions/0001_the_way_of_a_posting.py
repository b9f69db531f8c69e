"""The way of a posting: keys, postings, outbox, deliveries, ownership, crosswalk, audit trail."""

from alembic import op

revision = "0001"
down_revision = None

# One group role a duty; logins are members of exactly one. Roles belong to the whole server, so they may be there already.
ROLES = """
DO $$
DECLARE duty text;
BEGIN
    FOREACH duty IN ARRAY ARRAY['hybrid_erp_intake', 'hybrid_erp_delivery', 'hybrid_erp_cutover', 'hybrid_erp_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = duty) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', duty);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
END $$;
"""

# What was accepted. `posting_key` is narrow, never partitioned and never emptied: a key means the same effect forever. `posting` holds what
# was received, never changes but for the erasure of its data, and goes by month. `outbox` holds where each posting is now.
POSTINGS = """
CREATE SEQUENCE posting_seq;

CREATE TABLE posting_key (
    posting_id   uuid PRIMARY KEY,
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    accepted_on  date NOT NULL
);

CREATE TABLE posting (
    accepted_on    date NOT NULL,
    posting_id     uuid NOT NULL,
    seq            bigint NOT NULL,
    source         text NOT NULL,
    event_id       text NOT NULL,
    event_type     text NOT NULL,
    document_type  text NOT NULL,
    identified_in  text NOT NULL,
    number         text NOT NULL,
    version        integer NOT NULL,
    correlation_id text NOT NULL,
    traceparent    text,
    accepted_at    timestamptz NOT NULL,
    accepted_by    text NOT NULL,
    data           jsonb,
    PRIMARY KEY (accepted_on, posting_id)
) PARTITION BY RANGE (accepted_on);
CREATE INDEX posting_correlation ON posting (correlation_id);

CREATE TABLE document (
    document_type text NOT NULL,
    identified_in text NOT NULL,
    number        text NOT NULL,
    version       integer NOT NULL,
    source        text NOT NULL,
    content_hash  bytea NOT NULL,
    posting_id    uuid NOT NULL,
    PRIMARY KEY (document_type, identified_in, number, version)
);

CREATE TABLE outbox (
    posting_id    uuid NOT NULL,
    legal_entity  text NOT NULL,
    destination   text NOT NULL DEFAULT '',
    accepted_on   date NOT NULL,
    seq           bigint NOT NULL,
    region        text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('project', 'billing', 'ledger', 'reference')),
    document_type text NOT NULL,
    period        text,
    routing_key   text,
    lane          text,
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN
        ('waiting', 'claimed', 'working', 'draft', 'partly_posted', 'in_doubt', 'posted', 'dead_lettered', 'cancelled')),
    due_at        timestamptz NOT NULL DEFAULT '-infinity',
    reason        text,
    PRIMARY KEY (posting_id, legal_entity, destination),
    CHECK ((kind = 'reference') = (destination <> ''))
) WITH (fillfactor = 80);
COMMENT ON COLUMN outbox.destination IS 'The ERP that a reference document goes to; empty: routed when it is claimed.';
COMMENT ON COLUMN outbox.due_at IS 'Not before; of a claimed posting, the end of its lease.';
CREATE INDEX outbox_open ON outbox (region, kind, legal_entity, seq)
    WHERE state IN ('waiting', 'claimed', 'working', 'draft', 'partly_posted', 'in_doubt');
CREATE INDEX outbox_lane ON outbox (lane, seq) WHERE lane IS NOT NULL AND state NOT IN ('posted', 'cancelled');
CREATE INDEX outbox_dead ON outbox (region, kind, seq) WHERE state = 'dead_lettered';

CREATE TABLE dependency (
    posting_id    uuid NOT NULL,
    document_type text NOT NULL,
    legal_entity  text NOT NULL,
    number        text NOT NULL,
    until         text NOT NULL CHECK (until IN ('posted', 'accepted')),
    PRIMARY KEY (posting_id, document_type, legal_entity, number)
);
COMMENT ON COLUMN dependency.legal_entity IS 'Of which legal entity the other document is; empty: of the one delivered to.';
"""

# One posting at one company of one ERP. `maybe_there` is the mark of PROTOCOL: a request may have reached, or may yet reach, that ERP.
DELIVERIES = """
CREATE SEQUENCE settle_position_seq;

CREATE TABLE delivery (
    accepted_on      date NOT NULL,
    posting_id       uuid NOT NULL,
    legal_entity     text NOT NULL,
    erp              text NOT NULL,
    role             text NOT NULL CHECK (role IN ('control', 'candidate', 'run_off')),
    seq              bigint NOT NULL,
    lane             text,
    state            text NOT NULL CHECK (state IN
        ('waiting', 'claimed', 'working', 'draft', 'partly_posted', 'in_doubt', 'posted', 'dead_lettered', 'cancelled')),
    maybe_there      boolean NOT NULL,
    mark_before      boolean NOT NULL,
    claim_token      uuid,
    claimed_by       text,
    lease_until      timestamptz,
    ownership_id     integer,
    epoch            bigint,
    attempt          integer NOT NULL,
    draft_id         text,
    native_id        text,
    native_number    text,
    legal_number     text,
    accounting_on    date,
    failure          text,
    message          text,
    settle_position  bigint,
    settled_at       timestamptz,
    PRIMARY KEY (accepted_on, posting_id, legal_entity, erp)
) PARTITION BY RANGE (accepted_on);
CREATE INDEX delivery_lane ON delivery (erp, lane, seq) WHERE lane IS NOT NULL AND state NOT IN ('posted', 'cancelled');
CREATE INDEX delivery_marked ON delivery (erp, legal_entity) WHERE maybe_there AND state <> 'posted';

CREATE TABLE crosswalk (
    erp           text NOT NULL,
    legal_entity  text NOT NULL,
    document_type text NOT NULL,
    number        text NOT NULL,
    native_id     text NOT NULL,
    native_number text,
    legal_number  text,
    posting_id    uuid,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (erp, legal_entity, document_type, number)
);
COMMENT ON COLUMN crosswalk.posting_id IS 'Null: the ERP held the document before the facade was there; it was adopted.';
"""

MAPPINGS = """
CREATE TABLE mapping_in_force (
    erp             text NOT NULL,
    since           timestamptz NOT NULL DEFAULT clock_timestamp(),
    mapping_version text NOT NULL,
    rules_version   text NOT NULL,
    configuration   text NOT NULL,
    PRIMARY KEY (erp, since)
);
COMMENT ON COLUMN mapping_in_force.configuration IS 'SHA-256 of the whole configuration folder.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON mapping_in_force FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

OWNERSHIP = """
CREATE TABLE ownership (
    ownership_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    region             text NOT NULL,
    kind               text NOT NULL CHECK (kind IN ('project', 'billing', 'ledger', 'reference')),
    phase              text NOT NULL CHECK (phase IN ('legacy_only', 'dual_run', 'frozen', 'drained', 'locked', 'verified', 'switched',
                                                      'releasing', 'hypercare', 'cloud_only')),
    epoch              bigint NOT NULL DEFAULT 1,
    pin_version        bigint NOT NULL DEFAULT 0,
    cutover_id         uuid,
    moving_from_period text,
    UNIQUE (region, kind)
);
CREATE TABLE ownership_period (
    ownership_id integer NOT NULL REFERENCES ownership,
    from_period  text NOT NULL CHECK (from_period ~ '^\\d{4}-(0[1-9]|1[0-2])$'),
    owner        text NOT NULL,
    candidate    text,
    PRIMARY KEY (ownership_id, from_period),
    CHECK (candidate IS DISTINCT FROM owner)
);
CREATE TABLE ownership_history (
    history_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ownership_id integer NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by   text NOT NULL,
    reason       text NOT NULL,
    before       jsonb,
    after        jsonb NOT NULL
);
CREATE TABLE pin (
    region         text NOT NULL,
    routing_key    text NOT NULL,
    erp            text NOT NULL,
    reason         text NOT NULL,
    bridge_account text NOT NULL,
    set_by         text NOT NULL,
    set_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (region, routing_key)
);
"""

# Ids and hashes only, never a payload. `xid` orders rows by what can still change: a seal covers only transactions that have ended. The key
# is in that order, so that the sealer reads by it and no row pays for a second index.
AUDIT = """
CREATE TABLE audit (
    recorded_on    date NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')::date,
    audit_id       bigint GENERATED ALWAYS AS IDENTITY,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    xid            bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    region         text NOT NULL,
    actor          text NOT NULL,
    action         text NOT NULL,
    posting_id     uuid,
    legal_entity   text,
    erp            text,
    correlation_id text,
    details        jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (region, xid, audit_id, recorded_on)
) PARTITION BY RANGE (recorded_on);
CREATE INDEX audit_posting ON audit (posting_id);
CREATE TABLE audit_seal (
    region        text NOT NULL,
    seal_no       bigint NOT NULL,
    from_xid      bigint NOT NULL,
    to_xid        bigint NOT NULL,
    row_count     bigint NOT NULL,
    rows_hash     bytea NOT NULL,
    previous_hash bytea NOT NULL,
    seal_hash     bytea NOT NULL,
    sealed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (region, seal_no)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_seal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ownership_history FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ownership_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# Months are made ahead; what falls outside goes to the default partition and is never refused.
PARTITIONS = """
CREATE TABLE posting_default PARTITION OF posting DEFAULT;
CREATE TABLE delivery_default PARTITION OF delivery DEFAULT;
CREATE TABLE audit_default PARTITION OF audit DEFAULT;

CREATE FUNCTION make_month_partitions(months_ahead integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date;
    parent text;
    month date;
    made integer := 0;
    name text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['posting', 'delivery', 'audit'] LOOP
        FOR month IN SELECT generate_series(this_month, this_month + make_interval(months => months_ahead), '1 month')::date LOOP
            name := parent || '_' || to_char(month, 'YYYY_MM');
            IF to_regclass(name) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                                   name, parent, month, month + interval '1 month');
                    made := made + 1;
                EXCEPTION WHEN check_violation THEN NULL;  -- the default partition holds rows of this month, and keeps them
                END;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
SELECT make_month_partitions(3);
"""

# Ownership moves only through functions that take the lock, check, write history and audit. 1 is the class constant of ownership locks.
MOVES = """
CREATE FUNCTION lock_ownership(ids integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE id integer;
BEGIN
    FOREACH id IN ARRAY (SELECT array_agg(each ORDER BY each) FROM unnest(ids) AS each) LOOP
        PERFORM pg_advisory_xact_lock(1, id);
    END LOOP;
END $$;

-- Writes the first ownership of a region; does nothing where there is one. True if it wrote.
CREATE FUNCTION establish_ownership(p_region text, p_kind text, p_phase text, p_from_period text, p_owner text, p_by text, p_reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE new_id integer;
BEGIN
    IF p_phase NOT IN ('legacy_only', 'cloud_only') THEN
        RAISE EXCEPTION 'a region begins in legacy_only or cloud_only, not in %', p_phase USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO ownership (region, kind, phase) VALUES (p_region, p_kind, p_phase)
    ON CONFLICT (region, kind) DO NOTHING RETURNING ownership_id INTO new_id;
    IF new_id IS NULL THEN RETURN false; END IF;
    INSERT INTO ownership_period (ownership_id, from_period, owner) VALUES (new_id, p_from_period, p_owner);
    INSERT INTO ownership_history (ownership_id, changed_by, reason, after)
    VALUES (new_id, p_by, p_reason, jsonb_build_object('phase', p_phase, 'epoch', 1, 'from_period', p_from_period, 'owner', p_owner));
    INSERT INTO audit (region, actor, action, erp, details)
    VALUES (p_region, p_by, 'ownership_established', p_owner,
            jsonb_build_object('kind', p_kind, 'phase', p_phase, 'from_period', p_from_period, 'reason', p_reason));
    RETURN true;
END $$;

-- Sets (p_erp) or lifts (p_erp null) the pin of a routing key: PROTOCOL P1, P2. All kinds of the region are locked; refused while one is
-- closed or a posting of the entity is under way, or where the ERP that it moves to lacks what the ERP that it leaves holds.
CREATE FUNCTION move_pin(p_region text, p_routing_key text, p_erp text, p_bridge_account text, p_by text, p_reason text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids integer[] := (SELECT array_agg(ownership_id) FROM ownership WHERE region = p_region);
    old_erp text;
    new_version bigint;
BEGIN
    IF ids IS NULL THEN RAISE EXCEPTION 'region % has no ownership', p_region USING ERRCODE = 'no_data_found'; END IF;
    PERFORM lock_ownership(ids);
    IF EXISTS (SELECT FROM ownership WHERE region = p_region
               AND (cutover_id IS NOT NULL OR phase NOT IN ('legacy_only', 'dual_run', 'hypercare', 'cloud_only'))) THEN
        RAISE EXCEPTION 'a cutover of region % is under way', p_region USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM outbox o LEFT JOIN delivery d USING (accepted_on, posting_id, legal_entity)
               WHERE o.region = p_region AND o.routing_key = p_routing_key AND o.state NOT IN ('posted', 'cancelled')
               AND (o.state IN ('claimed', 'working', 'draft', 'in_doubt') OR d.maybe_there)) THEN
        RAISE EXCEPTION 'a posting of % is under way', p_routing_key USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT erp INTO old_erp FROM pin WHERE region = p_region AND routing_key = p_routing_key;
    IF EXISTS (SELECT FROM outbox o JOIN delivery d USING (accepted_on, posting_id, legal_entity)
               JOIN ownership w ON w.region = o.region AND w.kind = o.kind
               JOIN LATERAL (SELECT owner FROM ownership_period p WHERE p.ownership_id = w.ownership_id
                             AND p.from_period <= coalesce(o.period, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM'))
                             ORDER BY from_period DESC LIMIT 1) owned ON true
               WHERE o.region = p_region AND o.routing_key = p_routing_key AND d.state = 'posted'
               AND d.erp = coalesce(old_erp, owned.owner) AND d.erp <> coalesce(p_erp, owned.owner)
               AND NOT EXISTS (SELECT FROM delivery there WHERE there.accepted_on = d.accepted_on AND there.posting_id = d.posting_id
                               AND there.legal_entity = d.legal_entity AND there.erp = coalesce(p_erp, owned.owner)
                               AND there.state = 'posted'))
    THEN
        RAISE EXCEPTION '% holds documents of % that the other ERP lacks', coalesce(old_erp, 'the owner'), p_routing_key
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF p_erp IS NULL THEN
        DELETE FROM pin WHERE region = p_region AND routing_key = p_routing_key;
    ELSE
        INSERT INTO pin (region, routing_key, erp, reason, bridge_account, set_by)
        VALUES (p_region, p_routing_key, p_erp, p_reason, p_bridge_account, p_by)
        ON CONFLICT (region, routing_key) DO UPDATE
        SET erp = excluded.erp, reason = excluded.reason, bridge_account = excluded.bridge_account, set_by = excluded.set_by,
            set_at = clock_timestamp();
    END IF;
    UPDATE ownership SET epoch = epoch + 1, pin_version = pin_version + 1 WHERE region = p_region;
    SELECT max(pin_version) INTO new_version FROM ownership WHERE region = p_region;
    INSERT INTO ownership_history (ownership_id, changed_by, reason, before, after)
    SELECT ownership_id, p_by, p_reason, jsonb_build_object('pin', p_routing_key, 'erp', old_erp),
           jsonb_build_object('pin', p_routing_key, 'erp', p_erp, 'epoch', epoch) FROM ownership WHERE region = p_region;
    INSERT INTO audit (region, actor, action, erp, details)
    VALUES (p_region, p_by, CASE WHEN p_erp IS NULL THEN 'pin_lifted' ELSE 'pin_set' END, p_erp,
            jsonb_build_object('routing_key', p_routing_key, 'before', old_erp, 'reason', p_reason, 'pin_version', new_version));
    RETURN new_version;
END $$;
REVOKE ALL ON FUNCTION establish_ownership, move_pin, make_month_partitions FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT ON ALL TABLES IN SCHEMA public TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT ON posting_key, posting, document, outbox, dependency, audit TO hybrid_erp_intake;
GRANT USAGE ON SEQUENCE posting_seq TO hybrid_erp_intake;
GRANT INSERT, UPDATE ON delivery, crosswalk TO hybrid_erp_delivery;
GRANT UPDATE (state, due_at, reason, period) ON outbox TO hybrid_erp_delivery;
GRANT INSERT ON audit, audit_seal, mapping_in_force TO hybrid_erp_delivery;
GRANT USAGE ON SEQUENCE settle_position_seq TO hybrid_erp_delivery;
GRANT EXECUTE ON FUNCTION make_month_partitions TO hybrid_erp_delivery;
GRANT EXECUTE ON FUNCTION establish_ownership, move_pin TO hybrid_erp_cutover;
GRANT INSERT ON audit TO hybrid_erp_cutover;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (ROLES, POSTINGS, DELIVERIES, OWNERSHIP, AUDIT, MAPPINGS, PARTITIONS, MOVES, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
