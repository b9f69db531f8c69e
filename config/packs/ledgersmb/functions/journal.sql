-- A journal entry: the key is its reference. The ERP's journal has no currency of its own, so the notes keep it, with the content hash.
CREATE FUNCTION pg_temp.facade_post_journal(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    journal int;
BEGIN
    PERFORM pg_temp.facade_lock(submission);
    SELECT id INTO journal FROM gl WHERE reference = submission->>'key';
    IF FOUND THEN
        RETURN journal::text;
    END IF;
    PERFORM pg_temp.facade_require_open((submission->>'accounting_on')::date);
    PERFORM pg_temp.facade_require_balance(submission->'lines');
    PERFORM pg_temp.facade_note_rate(submission);
    INSERT INTO gl (reference, description, transdate, notes, approved, trans_type_code)
    VALUES (submission->>'key', concat_ws(': ', submission->>'number', nullif(submission->'document'->>'description', '')),
            (submission->>'accounting_on')::date,
            format('sha256:%s currency:%s', submission->>'content_hash', submission->>'currency'), true, 'gl')
    RETURNING id INTO journal;
    PERFORM pg_temp.facade_write_lines(journal, submission, submission->'lines');
    RETURN journal::text;
END $$;
