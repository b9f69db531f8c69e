-- What every posting needs. Amounts are the ERP's: above zero is a credit.

-- A posting looks up a few rows of small tables that are in memory. By its default, which is for disks, the planner reads such a table
-- whole each time instead of going through its index. This holds for our session alone.
SET random_page_cost = 1.1;

-- A posting calls these functions in assignments, not by PERFORM: that costs a query each, and together a tenth of a posting.

-- The key, locked. The fence lets a lock-out wait until every posting of this kind and role has ended; the key's lock makes a second sender
-- of the same key wait for the first. Both end with the transaction. A collision of hashtext only makes two strangers wait for each other.
CREATE FUNCTION pg_temp.facade_lock(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7001, (submission->>'fence')::int), pg_advisory_xact_lock(7002, hashtext(submission->>'key'));
    RETURN submission->>'key';
END $$;

-- The accounting date, if its books are open. The ERP's trigger refuses a closed day too, but in words; this says it in a code.
CREATE FUNCTION pg_temp.facade_open_day(submission jsonb) RETURNS date LANGUAGE plpgsql AS $$
DECLARE
    accounting_on date := (submission->>'accounting_on')::date;
    closed_through date := (SELECT max(end_date) FROM account_checkpoint);
BEGIN
    IF accounting_on <= closed_through THEN
        RAISE EXCEPTION USING ERRCODE = 'HE006',
            MESSAGE = format('The books are closed through %s; %s cannot be posted.', closed_through, accounting_on);
    END IF;
    RETURN accounting_on;
END $$;

-- Stands where a value is looked up, and raises in its place when there is none.
CREATE FUNCTION pg_temp.facade_refuse(state text, reason text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = reason;
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

-- The document's currency, its rate noted. One rate a currency and day is all that the ERP keeps; it is for its own screens. The amounts
-- booked are those of the document.
CREATE FUNCTION pg_temp.facade_rated_currency(submission jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF submission->>'currency' <> submission->>'functional_currency' THEN
        INSERT INTO exchangerate (curr, transdate, buy)
        VALUES (submission->>'currency', (submission->>'accounting_on')::date, (submission->>'exchange_rate')::numeric)
        ON CONFLICT (curr, transdate) DO UPDATE SET buy = coalesce(exchangerate.buy, excluded.buy);
    END IF;
    RETURN submission->>'currency';
END $$;

-- Writes lines under a transaction and returns their entries. In a foreign currency each line has two rows, as the ERP's own screens
-- make them: the amount in the document's currency, and what it lacks to the functional amount, marked fx_transaction. Both rows bear the
-- dimensions: on one alone, a report by project would miss the rest of the functional amount. One statement, however many lines: the
-- entries' numbers are drawn first, because dimensions and tax hang on them. The ERP itself accepts entries that do not balance: what was
-- written is summed.
CREATE FUNCTION pg_temp.facade_write_lines(trans int, submission jsonb, lines jsonb) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    accounting_on date := (submission->>'accounting_on')::date;
    number text := submission->>'number';
    entries int[];
    gap numeric;
    functional_gap numeric;
BEGIN
    WITH entry AS (
        SELECT nextval('acc_trans_entry_id_seq')::int AS id, part.amount, part.fx, line.account, line.description, line.dimensions,
               line.tax_code, CASE WHEN part.fx THEN 0 ELSE line.tax_base END AS tax_base,
               coalesce((SELECT account.id FROM account WHERE accno = line.account AND NOT obsolete),
                        pg_temp.facade_refuse('HE001', format('The chart has no account %s.', line.account))) AS chart
        FROM jsonb_to_recordset(lines) AS line (account text, amount numeric, functional_amount numeric, dimensions jsonb,
                                                tax_code text, tax_base numeric, description text)
        CROSS JOIN LATERAL (VALUES (line.amount, false), (line.functional_amount - line.amount, true)) AS part (amount, fx)
        WHERE part.amount IS DISTINCT FROM 0 OR NOT part.fx  -- an amount that is missing is refused, not passed over
    ), booked AS (
        INSERT INTO acc_trans (entry_id, trans_id, chart_id, amount, transdate, source, memo, approved, fx_transaction)
        SELECT id, trans, chart, amount, accounting_on, number, nullif(description, ''), true, fx FROM entry
    ), worn AS (
        INSERT INTO business_unit_ac (entry_id, class_id, bu_id)
        SELECT entry.id, class.id,
               coalesce(unit.id, pg_temp.facade_refuse('HE003', format('There is no %s %s.', wanted.class, wanted.code)))
        FROM entry CROSS JOIN LATERAL jsonb_each_text(entry.dimensions) AS wanted (class, code)
        LEFT JOIN business_unit_class AS class ON class.label = wanted.class AND class.active
        LEFT JOIN business_unit AS unit ON unit.class_id = class.id AND unit.control_code = wanted.code
    ), taxed AS (
        INSERT INTO tax_extended (entry_id, tax_basis, rate)
        SELECT id, tax_base,
               coalesce((SELECT rate FROM tax WHERE chart_id = chart AND taxnumber = tax_code AND validto > accounting_on
                         ORDER BY validto LIMIT 1),
                        pg_temp.facade_refuse('HE004', format('Account %s has no tax %s on %s.', account, tax_code, accounting_on)))
        FROM entry WHERE tax_code IS NOT NULL
    )
    SELECT array_agg(id), sum(amount) FILTER (WHERE NOT fx), sum(amount) INTO entries, gap, functional_gap FROM entry;
    IF gap <> 0 OR functional_gap <> 0 OR gap IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'HE005',
            MESSAGE = format('The lines are out of balance by %s, in functional currency by %s.', gap, functional_gap);
    END IF;
    RETURN entries;
END $$;
