-- Customers and projects have no field for a key, so each delivery leaves a note on the customer's account: subject the key, then what
-- it was, the native id and the content hash. A later version updates the same customer or unit and leaves a note of its own.
CREATE FUNCTION pg_temp.facade_noted(noted_key text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT split_part(note, ' ', 2) FROM eca_note WHERE subject = noted_key LIMIT 1
$$;

CREATE FUNCTION pg_temp.facade_leave_note(submission jsonb, kind text, native_id int, customer int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO eca_note (note_class, ref_key, subject, note)
    VALUES (3, customer, submission->>'key',
            format('%s %s sha256:%s %s version %s', kind, native_id, submission->>'content_hash', submission->>'number',
                   submission->>'version'));
    RETURN native_id::text;
END $$;

CREATE FUNCTION pg_temp.facade_save_customer(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key text := pg_temp.facade_lock(submission);
    document jsonb := submission->'document';
    noted text;
    customer int;
    party int;
BEGIN
    noted := pg_temp.facade_noted(key);
    IF noted IS NOT NULL THEN
        RETURN noted;
    END IF;
    SELECT id, entity_id INTO customer, party FROM entity_credit_account
    WHERE meta_number = submission->>'number' AND entity_class = 2 FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO entity (name, entity_class, control_code, country_id)
        VALUES (document->>'name', 2, 'C-' || (submission->>'number'), (SELECT id FROM country WHERE short_name = document->>'country'))
        RETURNING id INTO party;
        INSERT INTO company (entity_id, legal_name, tax_id) VALUES (party, document->>'name', document->>'tax_number');
        INSERT INTO entity_credit_account (entity_id, entity_class, meta_number, curr, terms, ar_ap_account_id)
        VALUES (party, 2, submission->>'number', document->>'currency', coalesce((submission->>'payment_term')::int, 0),
                (SELECT account_id FROM account_link JOIN account ON account.id = account_id WHERE account_link.description = 'AR'
                 ORDER BY accno LIMIT 1))
        RETURNING id INTO customer;
    ELSE
        UPDATE entity SET name = document->>'name' WHERE id = party;
        UPDATE company SET legal_name = document->>'name', tax_id = document->>'tax_number' WHERE entity_id = party;
        UPDATE entity_credit_account SET curr = document->>'currency', terms = coalesce((submission->>'payment_term')::int, 0)
        WHERE id = customer;
    END IF;
    RETURN pg_temp.facade_leave_note(submission, 'customer', customer, customer);
END $$;

CREATE FUNCTION pg_temp.facade_save_project(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key text := pg_temp.facade_lock(submission);
    document jsonb := submission->'document';
    class int := (SELECT id FROM business_unit_class WHERE label = 'Project' AND active);
    noted text;
    parent record;
    unit int;
    customer int;
BEGIN
    noted := pg_temp.facade_noted(key);
    IF noted IS NOT NULL THEN
        RETURN noted;
    END IF;
    IF document->>'project' IS NOT NULL THEN
        SELECT id, credit_id, start_date INTO parent FROM business_unit WHERE class_id = class AND control_code = document->>'project';
        IF NOT FOUND OR parent.credit_id IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'HE007', MESSAGE = format('There is no project %s of a customer.', document->>'project');
        END IF;
        customer := parent.credit_id;
    ELSE
        customer := pg_temp.facade_customer(document->>'customer');
        SELECT NULL::int AS id, NULL::date AS start_date INTO parent;
    END IF;
    SELECT id INTO unit FROM business_unit WHERE class_id = class AND control_code = submission->>'number' FOR UPDATE;
    unit := (business_unit__save(unit, class, submission->>'number', document->>'name',
                                 coalesce((document->>'starts_on')::date, parent.start_date), (document->>'ends_on')::date, parent.id,
                                 customer)).id;
    RETURN pg_temp.facade_leave_note(submission, 'project', unit, customer);
END $$;
