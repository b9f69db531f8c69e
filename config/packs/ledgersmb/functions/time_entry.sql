-- Hours on a project or its task: the key is in serialnumber. Who worked stays a pseudonymous number, in the notes.
CREATE FUNCTION pg_temp.facade_post_time_entry(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key text := pg_temp.facade_lock(submission);
    document jsonb := submission->'document';
    wanted text := coalesce(document->>'task', document->>'project');
    hours numeric := (document->>'hours')::numeric;
    rate numeric := coalesce((document->>'rate')::numeric, 0);
    worked_on timestamptz := (document->>'worked_on')::date::timestamptz;
    unit int;
    time_entry int;
BEGIN
    SELECT id INTO time_entry FROM jcitems WHERE serialnumber = key;
    IF FOUND THEN
        RETURN time_entry::text;
    END IF;
    SELECT unit_row.id INTO unit FROM business_unit AS unit_row JOIN business_unit_class AS class ON class.id = unit_row.class_id
    WHERE class.label = 'Project' AND unit_row.control_code = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'HE003', MESSAGE = format('There is no project or task %s.', wanted);
    END IF;
    INSERT INTO jcitems (business_unit_id, description, qty, allocated, sellprice, fxsellprice, serialnumber, checkedin, checkedout,
                         person_id, notes, total, non_billable, jctype, curr)
    VALUES (unit, coalesce(document->>'description', ''), hours, 0, rate, rate, key, worked_on,
            worked_on + hours * interval '1 hour',
            (SELECT person.id FROM users JOIN person USING (entity_id) WHERE username = session_user),
            format('sha256:%s worker:%s %s', submission->>'content_hash', document->>'worker', submission->>'number'),
            hours * rate, CASE WHEN (document->>'billable')::boolean THEN 0 ELSE hours END, 1,
            coalesce(document->>'currency', (SELECT split_part(value, ':', 1) FROM defaults WHERE setting_key = 'curr')))
    RETURNING id INTO time_entry;
    RETURN time_entry::text;
END $$;
