"""Keys of upstream systems: who issued, replaced and revoked them, and the hash of each secret, which intake alone may read."""

from alembic import op

revision = "0009"
down_revision = "0008"

# A key never changes but for its end, its revocation and the day of its last use. What concerns the whole firm is audited under `_firm`,
# which no region can be called.
KEYS = """
CREATE TABLE source_key (
    key_id       text PRIMARY KEY CHECK (key_id ~ '^[0-9a-z]{12}$'),
    source       text NOT NULL CHECK (source <> ''),
    secret_hash  bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    issued_by    text NOT NULL CHECK (issued_by <> ''),
    issued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    replaces     text REFERENCES source_key,
    not_before   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    revoked_by   text,
    last_used_on date,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX source_key_of ON source_key (source);
COMMENT ON COLUMN source_key.secret_hash IS 'SHA-256 of the secret, which is 256 random bits; the secret itself is nowhere.';
"""

FUNCTIONS = """
CREATE FUNCTION source_key_state(k source_key) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.expires_at <= clock_timestamp() THEN 'expired'
                WHEN k.not_before > clock_timestamp() THEN 'not_begun' ELSE 'valid' END
$$;

CREATE FUNCTION note_source_key(k source_key, p_action text, p_by text, p_details jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO audit (region, actor, action, details)
    VALUES ('_firm', p_by, p_action, jsonb_build_object('source', k.source, 'key_id', k.key_id) || p_details)
$$;

-- A key lives up to two years; a source has up to eight that have not ended.
CREATE FUNCTION issue_source_key(p_key_id text, p_source text, p_secret_hash bytea, p_not_before timestamptz, p_expires_at timestamptz,
                                 p_by text, p_reason text) RETURNS timestamptz LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    begins timestamptz := coalesce(p_not_before, clock_timestamp());
    made source_key;
BEGIN
    IF p_expires_at <= begins OR p_expires_at <= clock_timestamp() OR p_expires_at > begins + interval '2 years' THEN
        RAISE EXCEPTION 'a key ends after it begins, and within two years' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM pg_advisory_xact_lock(6, 0);  -- one at a time, or two could be the eighth
    IF (SELECT count(*) FROM source_key k WHERE k.source = p_source AND source_key_state(k) IN ('valid', 'not_begun')) >= 8 THEN
        RAISE EXCEPTION '% has eight keys already; revoke one', p_source USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO source_key (key_id, source, secret_hash, issued_by, not_before, expires_at)
    VALUES (p_key_id, p_source, p_secret_hash, p_by, begins, p_expires_at) RETURNING * INTO made;
    PERFORM note_source_key(made, 'source_key_issued', p_by,
        jsonb_build_object('not_before', begins, 'expires_at', p_expires_at, 'reason', p_reason));
    RETURN made.expires_at;
END $$;

-- A new key in place of one; the old one ends when the overlap does, if not sooner.
CREATE FUNCTION rotate_source_key(p_old text, p_key_id text, p_secret_hash bytea, p_expires_at timestamptz, p_overlap_seconds integer,
                                  p_by text, p_reason text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE old source_key;
BEGIN
    SELECT * INTO old FROM source_key WHERE key_id = p_old FOR UPDATE;
    IF old.key_id IS NULL THEN RAISE EXCEPTION 'there is no key %', p_old USING ERRCODE = 'no_data_found'; END IF;
    IF source_key_state(old) <> 'valid' THEN
        RAISE EXCEPTION 'key % is %; issue a new one', p_old, source_key_state(old) USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM issue_source_key(p_key_id, old.source, p_secret_hash, NULL, p_expires_at, p_by, p_reason);
    UPDATE source_key SET replaces = p_old WHERE key_id = p_key_id;
    UPDATE source_key SET expires_at = least(expires_at, clock_timestamp() + make_interval(secs => p_overlap_seconds))
    WHERE key_id = p_old RETURNING * INTO old;
    PERFORM note_source_key(old, 'source_key_rotated', p_by,
        jsonb_build_object('replaced_by', p_key_id, 'expires_at', old.expires_at, 'reason', p_reason));
    RETURN old.source;
END $$;

-- At once: every request asks. False if it was revoked before.
CREATE FUNCTION revoke_source_key(p_key_id text, p_by text, p_reason text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE k source_key;
BEGIN
    SELECT * INTO k FROM source_key WHERE key_id = p_key_id FOR UPDATE;
    IF k.key_id IS NULL THEN RAISE EXCEPTION 'there is no key %', p_key_id USING ERRCODE = 'no_data_found'; END IF;
    IF k.revoked_at IS NOT NULL THEN RETURN false; END IF;
    UPDATE source_key SET revoked_at = clock_timestamp(), revoked_by = p_by WHERE key_id = p_key_id;
    PERFORM note_source_key(k, 'source_key_revoked', p_by, jsonb_build_object('reason', p_reason));
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION issue_source_key, rotate_source_key, revoke_source_key, note_source_key FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT ON source_key TO hybrid_erp_intake;
GRANT UPDATE (last_used_on) ON source_key TO hybrid_erp_intake;
GRANT SELECT (key_id, source, issued_by, issued_at, replaces, not_before, expires_at, revoked_at, revoked_by, last_used_on) ON source_key
    TO hybrid_erp_cutover, hybrid_erp_reader;
GRANT EXECUTE ON FUNCTION issue_source_key, rotate_source_key, revoke_source_key TO hybrid_erp_cutover;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (KEYS, FUNCTIONS, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
