-- A receivable: an invoice, a credit memo (a negative invoice), or an open item of a load. The key is in ponumber, the document's own
-- number in quonumber, the number of the invoice that a credit memo corrects in ordnumber, the content hash in the internal notes.
CREATE FUNCTION pg_temp.facade_post_receivable(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    document jsonb := submission->'document';
    key text := pg_temp.facade_lock(submission);
    accounting_on date;
    currency text;
    entries int[];
    receivable int;
    customer int;
    total numeric;
    tax numeric;
BEGIN
    SELECT id INTO receivable FROM ar WHERE ponumber = key;
    IF FOUND THEN
        RETURN receivable::text;
    END IF;
    accounting_on := pg_temp.facade_open_day(submission);
    customer := pg_temp.facade_customer(submission->>'party');
    SELECT -sum((line->>'functional_amount')::numeric) FILTER (WHERE line->>'party' IS NOT NULL),
           coalesce(sum((line->>'functional_amount')::numeric) FILTER (WHERE line->>'tax_code' IS NOT NULL), 0)
    INTO total, tax FROM jsonb_array_elements(submission->'lines') AS line;
    currency := pg_temp.facade_rated_currency(submission);
    INSERT INTO ar (invnumber, transdate, crdate, duedate, terms, amount, netamount, curr, entity_credit_account, approved, invoice,
                    is_return, description, quonumber, ordnumber, ponumber, intnotes)
    VALUES (pg_temp.facade_legal_number(submission), accounting_on, coalesce((document->>'issued_on')::date, accounting_on),
            coalesce((document->>'due_on')::date, accounting_on), coalesce((submission->>'payment_term')::int, 0), total, total - tax,
            currency, customer, true, false, total < 0, coalesce(document->>'reason', submission->>'number'),
            submission->>'number', document->>'corrects', key, format('sha256:%s', submission->>'content_hash'))
    RETURNING id INTO receivable;
    entries := pg_temp.facade_write_lines(receivable, submission, submission->'lines');
    RETURN receivable::text;
END $$;

-- The legal number is drawn in the transaction that uses it: rolled back, it is drawn again, so the series has no gap.
CREATE FUNCTION pg_temp.facade_legal_number(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF submission->>'legal_number' IS NOT NULL THEN
        RETURN submission->>'legal_number';
    END IF;
    IF NOT (submission->>'draws_number')::boolean THEN
        RAISE EXCEPTION USING ERRCODE = 'HE009',
            MESSAGE = format('%s comes as a copy without the number that the control gave it.', submission->>'number');
    END IF;
    RETURN setting_increment('sinumber');
END $$;
