-- What changed after a cursor. No id and no time is a cursor here: both are taken before their transaction commits. What is: `xid`, the
-- oldest transaction that was still open; each row bears the transaction that wrote it, so whatever commits later has the same or a later
-- one. `seen` are the later ones that had committed already: their rows were in the answer, or in the figures of the same snapshot.
-- Nothing in these tables is ordered by transaction, so ids limit what is looked at: a floor below which nothing can be new, because every
-- transaction that could have drawn a lower id has ended. A row altered underneath the ERP keeps its old id; `altered` is the cursor of
-- the thorough look at every row. A cursor of another database, of a restored one, or two thousand million transactions old, begins anew.

CREATE FUNCTION pg_temp.books_age(xid bigint) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT age((xid % 4294967296)::text::xid)
$$;

-- The highest id seen, and the floor that follows once every transaction before `ripe_at` has ended.
CREATE FUNCTION pg_temp.books_floor(earlier jsonb, highest bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN earlier IS NOT NULL AND pg_snapshot_xmin(pg_current_snapshot())::text::bigint < (earlier->>'ripe_at')::bigint
                THEN earlier
                ELSE jsonb_build_object('floor', coalesce((earlier->>'next')::bigint, 0), 'next', coalesce(highest, 0),
                                        'ripe_at', pg_snapshot_xmax(pg_current_snapshot())::text::bigint) END
$$;

-- Below the floor we look back by this many ids: an id is drawn an instant before its transaction gets a number.
CREATE FUNCTION pg_temp.books_from(state jsonb, series text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT ((state->series->>'floor')::bigint - 1000)::int
$$;

CREATE FUNCTION pg_temp.books_state(earlier jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    oldest bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    span int := pg_temp.books_age(oldest);
    from_line int := coalesce(pg_temp.books_from(earlier, 'lines'), -1);
    from_trail int := coalesce(pg_temp.books_from(earlier, 'trail'), -1);
    since jsonb;
BEGIN
    SELECT jsonb_build_object('xid', oldest, 'seen', coalesce(jsonb_agg(xid), '[]')) INTO since
    FROM (SELECT xmin::text AS xid FROM acc_trans WHERE entry_id > from_line AND age(xmin) <= span
          UNION SELECT xmin::text FROM audittrail WHERE entry_id > from_trail AND age(xmin) <= span
          LIMIT 1000) AS committed;  -- of more than that, some are told again
    RETURN jsonb_build_object(
        'database', (SELECT oid::text FROM pg_database WHERE datname = current_database()),
        'since', since, 'altered', coalesce(earlier->'altered', since),
        'lines', pg_temp.books_floor(earlier->'lines', (SELECT max(entry_id) FROM acc_trans)),
        'trail', pg_temp.books_floor(earlier->'trail', (SELECT max(entry_id) FROM audittrail)));
END $$;

CREATE FUNCTION pg_temp.books_cursor() RETURNS TABLE (cursor text, instant timestamptz) LANGUAGE sql STABLE AS $$
    SELECT pg_temp.books_state(NULL)::text, statement_timestamp()
$$;

-- Invoices before what settles them.
CREATE FUNCTION pg_temp.books_rank(kind text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['ar', 'ap', 'gl', 'payment', 'acc_trans'], kind)
$$;

-- The next documents of all, after a place. What stands under an invoice by itself is found by what makes it so, once at the end.
CREATE FUNCTION pg_temp.books_all(after_rank int, after_id int, wanted int) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    names text[] := ARRAY(
        SELECT kind || ',' || id FROM (
            (SELECT 1 AS rank, 'ar' AS kind, id FROM ar WHERE id > pg_temp.books_beyond(1, after_rank, after_id) ORDER BY id LIMIT wanted)
            UNION ALL
            (SELECT 2, 'ap', id FROM ap WHERE id > pg_temp.books_beyond(2, after_rank, after_id) ORDER BY id LIMIT wanted)
            UNION ALL
            (SELECT 3, 'gl', id FROM gl WHERE id > pg_temp.books_beyond(3, after_rank, after_id) ORDER BY id LIMIT wanted)
            UNION ALL
            (SELECT 4, 'payment', id FROM payment WHERE id > pg_temp.books_beyond(4, after_rank, after_id) ORDER BY id LIMIT wanted)
        ) AS each ORDER BY rank, id LIMIT wanted);
BEGIN
    RETURN QUERY SELECT unnest(names);
    IF cardinality(names) < wanted THEN
        RETURN QUERY
        SELECT 'acc_trans,' || document FROM (SELECT DISTINCT document FROM pg_temp.books_rows(ARRAY(
            SELECT row.trans_id FROM acc_trans AS row JOIN transactions ON transactions.id = row.trans_id
            WHERE lower(table_name) IN ('ar', 'ap') AND NOT EXISTS (SELECT FROM payment_links WHERE payment_links.entry_id = row.entry_id)
              AND (memo = 'Reversing ' || coalesce(source, '')
                   OR chart_id IN (SELECT account_id FROM account_link WHERE description IN ('AR_paid', 'AP_paid')))))
            WHERE kind = 'acc_trans' AND document > pg_temp.books_beyond(5, after_rank, after_id)) AS by_itself
        ORDER BY document LIMIT wanted - cardinality(names);
    END IF;
END $$;

CREATE FUNCTION pg_temp.books_beyond(rank int, after_rank int, after_id int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN after_rank < rank THEN 0 WHEN after_rank = rank THEN after_id ELSE 2147483647 END
$$;

-- Which documents have a row, or a head, that was written since. `thorough` looks at every row, and at what hangs on it, since `altered`.
CREATE FUNCTION pg_temp.books_changed(state jsonb, thorough boolean) RETURNS TABLE (kind text, document int) LANGUAGE plpgsql STABLE AS $$
DECLARE
    span int := pg_temp.books_age((state->'since'->>'xid')::bigint);
    seen text[] := ARRAY(SELECT jsonb_array_elements_text(state->'since'->'seen'));
    long_span int := pg_temp.books_age((state->'altered'->>'xid')::bigint);
    long_seen text[] := ARRAY(SELECT jsonb_array_elements_text(state->'altered'->'seen'));
    from_line int := pg_temp.books_from(state, 'lines');
    from_trail int := pg_temp.books_from(state, 'trail');
    changed int[] := ARRAY(SELECT entry_id FROM acc_trans
                           WHERE entry_id > from_line AND age(xmin) <= span AND xmin::text <> ALL (seen));
BEGIN
    IF thorough THEN
        changed := changed || ARRAY(
            SELECT entry_id FROM acc_trans WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen)
            UNION SELECT entry_id FROM business_unit_ac WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen)
            UNION SELECT entry_id FROM tax_extended WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen)
            UNION SELECT entry_id FROM payment_links WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen));
        RETURN QUERY
            SELECT 'gl', id FROM gl WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen)
            UNION ALL SELECT 'ar', id FROM ar WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen)
            UNION ALL SELECT 'ap', id FROM ap WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen)
            UNION ALL SELECT 'payment', id FROM payment WHERE age(xmin) <= long_span AND xmin::text <> ALL (long_seen);
    END IF;
    RETURN QUERY
        SELECT row.kind, row.document
        FROM pg_temp.books_rows(ARRAY(SELECT DISTINCT trans_id FROM acc_trans WHERE entry_id = ANY (changed))) AS row
        WHERE row.entry_id = ANY (changed)
        UNION SELECT tablename, trans_id FROM audittrail
        WHERE entry_id > from_trail AND age(xmin) <= span AND xmin::text <> ALL (seen) AND action <> 'DELETE'
          AND tablename IN ('gl', 'ar', 'ap');
END $$;

CREATE FUNCTION pg_temp.books_deleted(state jsonb) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    span int := pg_temp.books_age((state->'since'->>'xid')::bigint);
    seen text[] := ARRAY(SELECT jsonb_array_elements_text(state->'since'->'seen'));
    from_trail int := pg_temp.books_from(state, 'trail');
BEGIN
    RETURN QUERY
        SELECT DISTINCT tablename || ',' || trans_id FROM audittrail
        WHERE entry_id > from_trail AND age(xmin) <= span AND xmin::text <> ALL (seen) AND action = 'DELETE'
          AND tablename IN ('gl', 'ar', 'ap') AND NOT EXISTS (SELECT FROM transactions WHERE transactions.id = trans_id);
END $$;

CREATE FUNCTION pg_temp.books_is_usable(state jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(state->>'database' = (SELECT oid::text FROM pg_database WHERE datname = current_database())
                    AND pg_snapshot_xmax(pg_current_snapshot())::text::bigint - (state->'altered'->>'xid')::bigint BETWEEN 0 AND 2000000000
                    AND (state->'since'->>'xid')::bigint <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint, false)
$$;

-- A page of changes. All pages of one round look from where the round began; where it ends, the next round begins where the first page
-- stood, so that what commits meanwhile is told by one or the other. From the beginning (`all`) nothing need be deleted.
CREATE FUNCTION pg_temp.books_changes(after text, wanted int, look_at_all_rows boolean) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    state jsonb := CASE WHEN pg_temp.books_is_usable(after::jsonb) THEN after::jsonb END;
    round jsonb := state->'round';
    thorough boolean := coalesce((round->>'thorough')::boolean, look_at_all_rows);
    next_state jsonb := coalesce(round->'next', pg_temp.books_state(state));
    after_rank int := coalesce((round->>'rank')::int, 0);
    after_id int := coalesce((round->>'id')::int, 0);
    everything boolean := state IS NULL OR coalesce((round->>'all')::boolean, false);
    names text[];
    more boolean;
    deleted text[] := '{}';
BEGIN
    IF everything THEN
        names := ARRAY(SELECT pg_temp.books_all(after_rank, after_id, wanted + 1));
    ELSE
        names := ARRAY(SELECT kind || ',' || document FROM pg_temp.books_changed(state, thorough) GROUP BY kind, document
                       HAVING (pg_temp.books_rank(kind), document) > (after_rank, after_id)
                       ORDER BY pg_temp.books_rank(kind), document LIMIT wanted + 1);
        IF thorough THEN
            next_state := next_state || jsonb_build_object('altered', next_state->'since');
        END IF;
    END IF;
    more := cardinality(names) > wanted;
    names := names[:wanted];
    IF more THEN
        state := coalesce(state, next_state) || jsonb_build_object('round', jsonb_build_object(
            'all', everything, 'thorough', thorough, 'next', next_state,
            'rank', pg_temp.books_rank(split_part(names[wanted], ',', 1)), 'id', split_part(names[wanted], ',', 2)::int));
    ELSE
        IF NOT everything THEN
            deleted := ARRAY(SELECT pg_temp.books_deleted(state));
        END IF;
        state := next_state;
    END IF;
    RETURN jsonb_build_object('entries', coalesce((SELECT jsonb_agg(entry) FROM pg_temp.books_entries(names) AS entry), '[]'),
                              'deleted', to_jsonb(deleted), 'cursor', state::text, 'more', more);
END $$;
