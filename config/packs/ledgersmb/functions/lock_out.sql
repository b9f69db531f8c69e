-- Who may post, taking that away and giving it back, waiting until the books are quiet. Made in the custodian's session alone.

-- What lets a login post, by kind: writing these tables, or a procedure of the ERP that posts with its owner's rights.
CREATE FUNCTION pg_temp.lock_out_tables(OUT kind text, OUT name text, OUT privilege text) RETURNS SETOF record LANGUAGE sql IMMUTABLE AS $$
    VALUES ('ledger', 'gl', 'INSERT'), ('ledger', 'gl', 'UPDATE'), ('billing', 'ar', 'INSERT'), ('billing', 'ar', 'UPDATE'),
           ('billing', 'ap', 'INSERT'), ('billing', 'ap', 'UPDATE'), ('billing', 'payment', 'INSERT'), ('project', 'jcitems', 'INSERT'),
           ('project', 'business_unit', 'INSERT')
$$;
CREATE FUNCTION pg_temp.lock_out_procedures(OUT kind text, OUT name text) RETURNS SETOF record LANGUAGE sql IMMUTABLE AS $$
    VALUES ('ledger', 'draft_approve'), ('billing', 'draft_approve'), ('ledger', 'batch_post'), ('billing', 'batch_post'),
           ('ledger', 'asset_report__approve')
$$;

-- Whom the server's own lists name for each; grantee 0 is everybody. Closing the year posts into the lines alone, which every role writes.
CREATE FUNCTION pg_temp.lock_out_grants(OUT kind text, OUT grantee oid, OUT by text) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT wanted.kind, entry.grantee, wanted.privilege || ' ON ' || wanted.name
    FROM pg_temp.lock_out_tables() AS wanted JOIN pg_class ON pg_class.oid = wanted.name::regclass
    CROSS JOIN LATERAL aclexplode(relacl) AS entry WHERE entry.privilege_type = wanted.privilege
    UNION
    SELECT wanted.kind, entry.grantee, 'EXECUTE ON ' || wanted.name
    FROM pg_temp.lock_out_procedures() AS wanted JOIN pg_proc ON proname = wanted.name AND pronamespace = 'public'::regnamespace
    CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) AS entry WHERE entry.privilege_type = 'EXECUTE'
    UNION SELECT 'ledger', oid, NULL FROM pg_roles WHERE rolname = lsmb__role('yearend_run')
$$;

-- Logins that hold every right by what they are, or that can give themselves any.
CREATE FUNCTION pg_temp.lock_out_unstoppable(OUT login oid, OUT holds_all boolean) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT oid, rolsuper OR owns FROM pg_roles
    CROSS JOIN LATERAL (SELECT pg_has_role(oid, relowner, 'USAGE') OR pg_has_role(oid, relowner, 'SET') AS owns
                        FROM pg_class WHERE pg_class.oid = 'gl'::regclass) AS books
    WHERE rolcanlogin AND (
        rolsuper OR owns OR has_function_privilege(oid, 'admin__add_user_to_role(text, text)', 'EXECUTE')
        OR EXISTS (SELECT FROM pg_temp.lock_out_grants() AS granted JOIN pg_roles AS role ON role.oid = granted.grantee
                   WHERE pg_has_role(pg_roles.oid, role.oid, 'USAGE WITH ADMIN OPTION')))
$$;

-- A right is the role that was given to the login itself, through however many others it leads to the books; what stands in the login's
-- own name or in everybody's is told as what it is, and nobody can take that away by a role.
CREATE FUNCTION pg_temp.lock_out_rights() RETURNS TABLE (login text, held text, kind text) LANGUAGE sql STABLE AS $$
    WITH granted AS MATERIALIZED (SELECT * FROM pg_temp.lock_out_grants()),
    holder AS MATERIALIZED (
        SELECT oid, rolname FROM pg_roles
        WHERE rolcanlogin AND oid NOT IN (SELECT each.login FROM pg_temp.lock_out_unstoppable() AS each WHERE holds_all)
    ), by_role AS (
        SELECT holder.rolname, role.rolname AS held, granted.kind
        FROM holder JOIN pg_auth_members AS given ON given.member = holder.oid AND (given.inherit_option OR given.set_option)
        JOIN pg_roles AS role ON role.oid = given.roleid
        JOIN granted ON granted.grantee = role.oid
                     OR granted.grantee <> 0 AND (pg_has_role(role.oid, granted.grantee, 'USAGE') OR pg_has_role(role.oid, granted.grantee, 'SET'))
    ), in_a_name AS (
        SELECT holder.rolname, granted.by, granted.kind FROM holder JOIN granted ON granted.grantee = holder.oid
        UNION SELECT holder.rolname, granted.by, granted.kind FROM holder CROSS JOIN granted
        WHERE granted.grantee = 0 AND holder.rolname IN (SELECT username FROM users)
    ), told AS (SELECT * FROM by_role UNION SELECT * FROM in_a_name)
    SELECT * FROM told
    UNION  -- whatever else the server answers with yes
    SELECT holder.rolname, wanted.privilege || ' ON ' || wanted.name, wanted.kind
    FROM holder CROSS JOIN pg_temp.lock_out_tables() AS wanted
    WHERE has_table_privilege(holder.oid, wanted.name, wanted.privilege)
      AND NOT EXISTS (SELECT FROM told WHERE (told.rolname, told.kind) = (holder.rolname, wanted.kind))
$$;

-- The generation is a setting like others of the ERP: data, not schema. 0: there was no lock-out yet.
CREATE FUNCTION pg_temp.lock_out_generation() RETURNS int LANGUAGE sql AS $$
    SELECT coalesce((SELECT value::int FROM defaults WHERE setting_key = 'hybrid_erp_lock_generation'), 0)
$$;

CREATE FUNCTION pg_temp.lock_out_state() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'generation', pg_temp.lock_out_generation(),
        'rights', coalesce((SELECT jsonb_agg(jsonb_build_object('login', login, 'right', held, 'kind', kind))
                            FROM pg_temp.lock_out_rights()), '[]'),
        'unstoppable', coalesce((SELECT jsonb_agg(rolname) FROM pg_roles WHERE oid IN (SELECT login FROM pg_temp.lock_out_unstoppable())),
                                '[]'))
$$;

-- One transaction under the exclusive fences of our control: none of its postings is half way. A call that comes after one of a higher
-- generation does nothing. Answers with the last generation that took effect. What the custodian did not give it cannot take: PostgreSQL
-- lets only the grantor do that, so it is passed over, and the state shows it.
CREATE FUNCTION pg_temp.lock_out_change(change text, rights jsonb, wanted int, fences int[]) RETURNS int
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    fence int;
    statement text;
BEGIN
    FOREACH fence IN ARRAY fences LOOP
        PERFORM pg_advisory_xact_lock(7001, fence);
    END LOOP;
    INSERT INTO defaults (setting_key, value) VALUES ('hybrid_erp_lock_generation', wanted::text)
    ON CONFLICT (setting_key) DO UPDATE SET value = excluded.value WHERE defaults.value::int <= wanted;
    IF NOT FOUND THEN
        RETURN pg_temp.lock_out_generation();
    END IF;
    FOR statement IN
        SELECT DISTINCT format(change, role.rolname, login.rolname) FROM jsonb_to_recordset(rights) AS named ("right" text, login text)
        JOIN pg_roles AS role ON role.rolname = named."right" JOIN pg_roles AS login ON login.rolname = named.login
        WHERE pg_has_role(role.oid, 'USAGE WITH ADMIN OPTION') ORDER BY 1
    LOOP
        EXECUTE statement;
    END LOOP;
    RETURN wanted;
END $$;

-- Whoever passed the check holds a lock on what he writes until he commits, so who gets these locks knows that he has. While it waits it
-- holds up every other writer: it gives up soon and is called again. Answers with those who are still at it; nothing: quiet. The locks end
-- with the statement.
CREATE FUNCTION pg_temp.lock_out_quiet(fences int[]) RETURNS text LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    fence int;
BEGIN
    FOREACH fence IN ARRAY fences LOOP
        PERFORM pg_advisory_xact_lock(7001, fence);
    END LOOP;
    LOCK TABLE gl, ar, ap, acc_trans, payment, jcitems, business_unit IN SHARE MODE;
    RETURN NULL;
EXCEPTION WHEN lock_not_available THEN
    RETURN coalesce(
        (SELECT string_agg(DISTINCT format('%s (process %s)', usename, pid), ', ') FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE granted AND pid <> pg_backend_pid() AND datname = current_database()
           AND (mode = 'RowExclusiveLock' AND relation IN ('gl'::regclass, 'ar'::regclass, 'ap'::regclass, 'acc_trans'::regclass,
                                                           'payment'::regclass, 'jcitems'::regclass, 'business_unit'::regclass)
                OR locktype = 'advisory' AND classid = 7001 AND objid = ANY(fences::oid[]))),
        'somebody who has ended by now');
END $$;
