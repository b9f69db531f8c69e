-- What every posting needs. Amounts are the ERP's: above zero is a credit.

-- The fence lets a lock-out wait until every posting of this kind and role has ended; the key's lock makes a second sender of the same
-- key wait for the first. Both end with the transaction. A collision of hashtext only makes two strangers wait for each other.
CREATE FUNCTION pg_temp.facade_lock(submission jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7001, (submission->>'fence')::int);
    PERFORM pg_advisory_xact_lock(7002, hashtext(submission->>'key'));
END $$;

-- The ERP's trigger refuses a closed day too, but in words; this says it in a code.
CREATE FUNCTION pg_temp.facade_require_open(accounting_on date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    closed_through date := (SELECT max(end_date) FROM account_checkpoint);
BEGIN
    IF accounting_on <= closed_through THEN
        RAISE EXCEPTION USING ERRCODE = 'HE006',
            MESSAGE = format('The books are closed through %s; %s cannot be posted.', closed_through, accounting_on);
    END IF;
END $$;

CREATE FUNCTION pg_temp.facade_account(number text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    found_id int := (SELECT id FROM account WHERE accno = number AND NOT obsolete);
BEGIN
    IF found_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'HE001', MESSAGE = format('The chart has no account %s.', number);
    END IF;
    RETURN found_id;
END $$;

CREATE FUNCTION pg_temp.facade_customer(number text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    found_id int := (SELECT id FROM entity_credit_account WHERE meta_number = number AND entity_class = 2);
BEGIN
    IF found_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'HE002', MESSAGE = format('There is no customer %s.', number);
    END IF;
    RETURN found_id;
END $$;

-- The ERP itself accepts entries that do not balance.
CREATE FUNCTION pg_temp.facade_require_balance(lines jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    gap numeric;
    functional_gap numeric;
BEGIN
    SELECT sum((line->>'amount')::numeric), sum((line->>'functional_amount')::numeric) INTO gap, functional_gap
    FROM jsonb_array_elements(lines) AS line;
    IF gap <> 0 OR functional_gap <> 0 OR gap IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'HE005',
            MESSAGE = format('The lines are out of balance by %s, in functional currency by %s.', gap, functional_gap);
    END IF;
END $$;

-- One rate a currency and day is all that the ERP keeps; it is for its own screens. The amounts booked are those of the document.
CREATE FUNCTION pg_temp.facade_note_rate(submission jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO exchangerate (curr, transdate, buy)
    SELECT submission->>'currency', (submission->>'accounting_on')::date, (submission->>'exchange_rate')::numeric
    WHERE submission->>'currency' <> submission->>'functional_currency'
    ON CONFLICT (curr, transdate) DO UPDATE SET buy = coalesce(exchangerate.buy, excluded.buy);
$$;

-- Writes lines under a transaction and returns their entries. In a foreign currency each line has two rows, as the ERP's own screens
-- make them: the amount in the document's currency, and what it lacks to the functional amount, marked fx_transaction.
CREATE FUNCTION pg_temp.facade_write_lines(trans int, submission jsonb, lines jsonb) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    accounting_on date := (submission->>'accounting_on')::date;
    line record;
    part record;
    chart int;
    entry int;
    tax_rate numeric;
    entries int[] := '{}';
    units jsonb;
BEGIN
    FOR line IN
        SELECT * FROM jsonb_to_recordset(lines) AS each (account text, amount numeric, functional_amount numeric, dimensions jsonb,
                                                         tax_code text, tax_base numeric, description text)
    LOOP
        chart := pg_temp.facade_account(line.account);
        units := coalesce(line.dimensions, '{}');
        IF line.tax_code IS NOT NULL THEN
            tax_rate := (SELECT rate FROM tax WHERE chart_id = chart AND taxnumber = line.tax_code AND validto > accounting_on);
            IF tax_rate IS NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'HE004',
                    MESSAGE = format('Account %s has no tax %s on %s.', line.account, line.tax_code, accounting_on);
            END IF;
        END IF;
        FOR part IN
            SELECT line.amount AS amount, false AS fx, line.tax_base AS tax_base
            UNION ALL
            SELECT line.functional_amount - line.amount, true, 0 WHERE line.functional_amount <> line.amount
        LOOP
            INSERT INTO acc_trans (trans_id, chart_id, amount, transdate, source, memo, approved, fx_transaction)
            VALUES (trans, chart, part.amount, accounting_on, submission->>'number', nullif(line.description, ''), true, part.fx)
            RETURNING entry_id INTO entry;
            entries := entries || entry;
            IF units <> '{}' THEN
                PERFORM pg_temp.facade_write_units(entry, units);
            END IF;
            IF line.tax_code IS NOT NULL THEN
                INSERT INTO tax_extended (entry_id, tax_basis, rate) VALUES (entry, part.tax_base, tax_rate);
            END IF;
        END LOOP;
    END LOOP;
    RETURN entries;
END $$;

-- Both rows of a foreign line bear the dimensions: on one alone, a report by project would miss the rest of the functional amount.
CREATE FUNCTION pg_temp.facade_write_units(entry int, units jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    missing text;
BEGIN
    INSERT INTO business_unit_ac (entry_id, class_id, bu_id)
    SELECT entry, unit.class_id, unit.id
    FROM jsonb_each_text(units) AS wanted (class, code)
    JOIN business_unit_class AS class ON class.label = wanted.class AND class.active
    JOIN business_unit AS unit ON unit.class_id = class.id AND unit.control_code = wanted.code;
    SELECT format('%s %s', wanted.class, wanted.code) INTO missing
    FROM jsonb_each_text(units) AS wanted (class, code)
    WHERE NOT EXISTS (SELECT 1 FROM business_unit AS unit JOIN business_unit_class AS class ON class.id = unit.class_id
                      WHERE class.label = wanted.class AND class.active AND unit.control_code = wanted.code);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'HE003', MESSAGE = format('There is no %s.', missing);
    END IF;
END $$;
