-- A payment received. As the ERP's own screens do it, the rows of each invoice that it settles stand under that invoice, linked to the
-- payment; what settles nothing yet stands under a journal of its own, of the ERP's type for overpayments.
CREATE FUNCTION pg_temp.facade_post_payment(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key text := pg_temp.facade_lock(submission);
    accounting_on date;
    currency text;
    payment_id int;
    payment_number text;
    customer int;
    settlement jsonb;
    trans int;
BEGIN
    SELECT id INTO payment_id FROM payment WHERE split_part(notes, ' ', 1) = key;
    IF FOUND THEN
        RETURN payment_id::text;
    END IF;
    accounting_on := pg_temp.facade_open_day(submission);
    customer := pg_temp.facade_customer(submission->>'party');
    currency := pg_temp.facade_rated_currency(submission);
    INSERT INTO payment (reference, payment_class, payment_date, entity_credit_id, employee_id, currency, notes)
    VALUES (setting_increment('paynumber'), 2, accounting_on, customer,
            (SELECT person.id FROM users JOIN person USING (entity_id) WHERE username = session_user), currency,
            format('%s sha256:%s %s', key, submission->>'content_hash', submission->>'number'))
    RETURNING id, reference INTO payment_id, payment_number;
    FOR settlement IN SELECT * FROM jsonb_array_elements(submission->'settlements') LOOP
        IF settlement->>'settles' IS NOT NULL THEN
            trans := pg_temp.facade_open_receivable(customer, submission, settlement);
        ELSE
            INSERT INTO gl (reference, description, transdate, notes, approved, trans_type_code)
            VALUES (payment_number, submission->>'number', accounting_on, format('payment:%s', key), true, 'op')
            RETURNING id INTO trans;
            UPDATE payment SET gl_id = trans WHERE id = payment_id;
        END IF;
        INSERT INTO payment_links (payment_id, entry_id, type)
        SELECT payment_id, entry, CASE WHEN settlement->>'settles' IS NULL THEN 2 ELSE 1 END
        FROM unnest(pg_temp.facade_write_lines(trans, submission, settlement->'lines')) AS entry;
    END LOOP;
    RETURN payment_id::text;
END $$;

-- The receivable to settle, locked so that two payments cannot both see it open. The ERP itself lets an invoice be paid twice.
CREATE FUNCTION pg_temp.facade_open_receivable(customer int, submission jsonb, settlement jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    receivable record;
    open_amount numeric;
    settled numeric;
BEGIN
    SELECT id, curr, invnumber INTO receivable FROM ar
    WHERE quonumber = settlement->>'settles' AND entity_credit_account = customer AND NOT is_return ORDER BY id DESC LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'HE007',
            MESSAGE = format('Customer %s has no invoice %s.', submission->>'party', settlement->>'settles');
    END IF;
    IF receivable.curr <> submission->>'currency' THEN
        RAISE EXCEPTION USING ERRCODE = 'HE007',
            MESSAGE = format('Invoice %s is in %s, the payment in %s.', settlement->>'settles', receivable.curr, submission->>'currency');
    END IF;
    SELECT coalesce(-sum(amount), 0) INTO open_amount FROM acc_trans
    WHERE trans_id = receivable.id AND approved AND NOT fx_transaction
      AND chart_id IN (SELECT account_id FROM account_link WHERE description = 'AR');
    SELECT sum((line->>'amount')::numeric) INTO settled FROM jsonb_array_elements(settlement->'lines') AS line
    WHERE line->>'party' IS NOT NULL;
    IF settled > open_amount THEN
        RAISE EXCEPTION USING ERRCODE = 'HE008',
            MESSAGE = format('%s %s is open on invoice %s, not %s.', open_amount, receivable.curr, settlement->>'settles', settled);
    END IF;
    RETURN receivable.id;
END $$;
