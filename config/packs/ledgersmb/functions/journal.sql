-- A journal entry: the key is its reference. The ERP's journal has no currency of its own, so the notes keep it, with the content hash.
CREATE FUNCTION pg_temp.facade_post_journal(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key text := pg_temp.facade_lock(submission);
    accounting_on date;
    currency text;
    journal int;
    entries int[];
BEGIN
    SELECT id INTO journal FROM gl WHERE reference = key;
    IF FOUND THEN
        RETURN journal::text;
    END IF;
    accounting_on := pg_temp.facade_open_day(submission);
    currency := pg_temp.facade_rated_currency(submission);
    INSERT INTO gl (reference, description, transdate, notes, approved, trans_type_code)
    VALUES (key, concat_ws(': ', submission->>'number', nullif(submission->'document'->>'description', '')),
            accounting_on, format('sha256:%s currency:%s', submission->>'content_hash', currency), true, 'gl')
    RETURNING id INTO journal;
    entries := pg_temp.facade_write_lines(journal, submission, submission->'lines');
    RETURN journal::text;
END $$;
