"""After a restore nothing is believed: which PostgreSQL this store is, and from when on a person believes it."""

from alembic import op

revision = "0008"
down_revision = "0007"

# One row. Three facts make up an identity: the server and the line of its history, which change with a failover and a recovery; the
# database, which changes with a copy; and this table itself, which a dump that is read back makes anew. While it is being recovered, and
# up to the posting `looks_first_to`, a first attempt counts as a second one: the first may have been forgotten.
TRUST = """
CREATE TABLE store_trust (
    only_one       boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    identity       text NOT NULL,
    since          timestamptz NOT NULL DEFAULT clock_timestamp(),
    resumed_by     text,
    reason         text,
    is_recovering  boolean NOT NULL DEFAULT false,
    looks_first_to bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN store_trust.identity IS 'Of the store that was last believed; another one claims nothing and moves nothing.';

CREATE TABLE store_trust_history (
    history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by text NOT NULL,
    action     text NOT NULL CHECK (action IN ('suspended', 'resumed', 'recovered')),
    reason     text NOT NULL,
    identity   text NOT NULL,
    facts      jsonb NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON store_trust_history FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON store_trust_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION store_identity() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT store_timeline() || '/' || oid || '/' || 'store_trust'::regclass::oid FROM pg_database WHERE datname = current_database()
$$;
INSERT INTO store_trust (identity) VALUES (store_identity());

-- Raises unless this is the store that was last believed. In the claim's first statement, behind its lock, and before a region freezes or
-- moves. VOLATILE, so that it sees what was committed while that statement waited for the lock.
CREATE FUNCTION require_trusted_store() RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    believed text := (SELECT identity FROM store_trust);
    found text := store_identity();
BEGIN
    IF believed IS DISTINCT FROM found THEN
        RAISE EXCEPTION 'this store is %, and the one that was last believed is %', found, believed
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;

CREATE FUNCTION refuse_move_of_doubtful_store() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM require_trusted_store();
    IF (SELECT is_recovering FROM store_trust) THEN
        RAISE EXCEPTION 'the store is being recovered: region % moves when that has been closed', NEW.region
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trusted_store BEFORE UPDATE ON ownership FOR EACH ROW
    WHEN (NEW.phase IN ('frozen', 'switched') AND NEW.phase <> OLD.phase) EXECUTE FUNCTION refuse_move_of_doubtful_store();
"""

ACTS = """
CREATE FUNCTION note_trust(p_action text, p_by text, p_reason text, p_facts jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO store_trust_history (changed_by, action, reason, identity, facts)
    VALUES (p_by, p_action, p_reason, store_identity(), p_facts);
    INSERT INTO audit (region, actor, action, details)
    SELECT DISTINCT region, p_by, 'store_' || p_action, jsonb_build_object('reason', p_reason, 'identity', store_identity()) || p_facts
    FROM ownership;
$$;

-- A person stops everything: for a restore that PostgreSQL cannot tell, such as a volume's snapshot put back.
CREATE FUNCTION suspend_store(p_by text, p_reason text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM lock_ownership((SELECT array_agg(ownership_id) FROM ownership));
    UPDATE store_trust SET identity = 'nothing: suspended by ' || p_by;
    PERFORM note_trust('suspended', p_by, p_reason, '{}');
END $$;

-- A named person believes this store from now on. Whatever is open may have been sent, and later events may have been too: until the
-- recovery is closed, every first attempt looks first. How many deliveries were marked.
CREATE FUNCTION resume_store(p_by text, p_reason text, p_facts jsonb) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    believed text;
    marked bigint;
BEGIN
    PERFORM lock_ownership((SELECT array_agg(ownership_id) FROM ownership));
    SELECT identity INTO believed FROM store_trust;
    IF believed = store_identity() THEN
        RAISE EXCEPTION 'this store is believed: there is nothing to resume' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE delivery SET maybe_there = true WHERE state NOT IN ('posted', 'cancelled') AND NOT maybe_there;
    GET DIAGNOSTICS marked = ROW_COUNT;
    UPDATE ownership SET epoch = epoch + 1;
    UPDATE store_trust SET identity = store_identity(), since = clock_timestamp(), resumed_by = p_by, reason = p_reason,
        is_recovering = true;
    PERFORM note_trust('resumed', p_by, p_reason, p_facts || jsonb_build_object('believed before', believed, 'marked', marked));
    RETURN marked;
END $$;

-- Every source has sent again: what is accepted from now on was never sent by anybody.
CREATE FUNCTION close_recovery(p_by text, p_reason text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE last_one bigint;
BEGIN
    PERFORM lock_ownership((SELECT array_agg(ownership_id) FROM ownership));
    PERFORM require_trusted_store();
    IF NOT (SELECT is_recovering FROM store_trust) THEN
        RAISE EXCEPTION 'the store is not being recovered' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT last_value INTO last_one FROM posting_seq;
    UPDATE store_trust SET is_recovering = false, looks_first_to = last_one;
    PERFORM note_trust('recovered', p_by, p_reason, jsonb_build_object('looks_first_to', last_one));
    RETURN last_one;
END $$;
REVOKE ALL ON FUNCTION suspend_store, resume_store, close_recovery, note_trust FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT ON store_trust, store_trust_history TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT EXECUTE ON FUNCTION suspend_store, resume_store, close_recovery TO hybrid_erp_cutover;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (TRUST, ACTS, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
