-- What the ERP holds, as it stands in its tables; one query for any number of documents. Two rows of one foreign line are one line: the
-- amount in the document's currency is the sum without fx_transaction, the functional amount the sum of all. Lines with the same account,
-- dimensions and tax are told as one. A line whose day differs from its document's betrays itself: that day is told.
--
-- What is read by id is few rows of large tables. The planner is told so (enable_seqscan), because the statistics of a company that has
-- just begun, or was just loaded, say that its tables are empty: it would read them whole each time.
CREATE FUNCTION pg_temp.facade_functional_currency() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT split_part(value, ':', 1) FROM defaults WHERE setting_key = 'curr'
$$;

-- Our hash in a note or comment. By place and not by pattern: a pattern of 64 characters costs more than the rest of the reading.
CREATE FUNCTION pg_temp.facade_hash(note text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT nullif(left(split_part(note, 'sha256:', 2), 64), '')
$$;

-- `headers` are JSON values with native_id, booked_on and party; `documents` and `entries` are parallel: which entry is which document's.
CREATE FUNCTION pg_temp.facade_documents(headers jsonb[], documents int[], entries int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    WITH header AS (SELECT content, (content->>'native_id')::int AS document, (content->>'booked_on')::date AS booked_on,
                           content->>'party' AS party FROM unnest(headers) AS each (content)),
         worn AS (SELECT unit_ac.entry_id, jsonb_object_agg(class.label, unit.control_code) AS dimensions
                  FROM business_unit_ac AS unit_ac JOIN business_unit AS unit ON unit.id = unit_ac.bu_id
                  JOIN business_unit_class AS class ON class.id = unit.class_id
                  WHERE unit_ac.entry_id = ANY(entries) GROUP BY unit_ac.entry_id),
         entry AS (SELECT own.document, acc_trans.transdate, acc_trans.approved, acc_trans.amount, acc_trans.fx_transaction AS fx,
                          account.accno AS account, coalesce(worn.dimensions, '{}') AS dimensions, extended.tax_basis,
                          (SELECT taxnumber FROM tax WHERE tax.chart_id = acc_trans.chart_id AND tax.rate = extended.rate
                           ORDER BY validto LIMIT 1) AS tax_code,
                          acc_trans.chart_id IN (SELECT account_id FROM account_link WHERE description = 'AR') AS receivable
                   FROM unnest(documents, entries) AS own (document, entry_id) JOIN acc_trans USING (entry_id)
                   JOIN account ON account.id = acc_trans.chart_id
                   LEFT JOIN worn USING (entry_id) LEFT JOIN tax_extended AS extended USING (entry_id)),
         line AS (SELECT entry.document, account, dimensions, tax_code, CASE WHEN receivable THEN header.party END AS party,
                         coalesce(sum(amount) FILTER (WHERE NOT fx), 0) AS amount, sum(amount) AS functional_amount,
                         sum(tax_basis) AS tax_base, min(transdate) FILTER (WHERE transdate <> header.booked_on) AS other_day,
                         bool_and(entry.approved) AS approved
                  FROM entry JOIN header USING (document) GROUP BY entry.document, account, dimensions, tax_code, 5),
         booked AS (SELECT document, min(other_day) AS other_day, bool_and(approved) AS approved,
                           jsonb_agg(jsonb_build_object('account', account, 'amount', amount::text,
                               'functional_amount', functional_amount::text, 'dimensions', dimensions, 'party', party,
                               'tax_code', tax_code, 'tax_base', tax_base::text)) AS lines
                    FROM line GROUP BY document)
    SELECT content || jsonb_build_object('accounting_on', coalesce(other_day, booked_on), 'lines', coalesce(lines, '[]'),
                                         'posted', (content->>'posted')::boolean AND coalesce(approved, true),
                                         'functional_currency', (SELECT pg_temp.facade_functional_currency()))
    FROM header LEFT JOIN booked USING (document)
$$;

CREATE FUNCTION pg_temp.facade_read_receivables(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT pg_temp.facade_documents(
        ARRAY(SELECT jsonb_build_object('key', ar.ponumber, 'content_hash', pg_temp.facade_hash(ar.intnotes),
                                        'native_id', ar.id::text, 'native_number', ar.invnumber, 'legal_number', ar.invnumber,
                                        'posted', ar.approved, 'currency', ar.curr, 'booked_on', ar.transdate,
                                        'party', account.meta_number)
              FROM ar JOIN entity_credit_account AS account ON account.id = ar.entity_credit_account WHERE ar.id = ANY(ids)),
        array_agg(trans_id), array_agg(entry_id))
    FROM acc_trans  -- rows under an invoice that are linked to a payment are the payment's
    WHERE trans_id = ANY(ids) AND NOT EXISTS (SELECT 1 FROM payment_links WHERE payment_links.entry_id = acc_trans.entry_id)
$$;

CREATE FUNCTION pg_temp.facade_read_journals(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT pg_temp.facade_documents(
        ARRAY(SELECT jsonb_build_object('key', reference, 'content_hash', pg_temp.facade_hash(notes), 'native_id', id::text,
                                        'native_number', id::text, 'legal_number', NULL, 'posted', approved, 'booked_on', transdate,
                                        'currency', coalesce(substring(notes FROM 'currency:(\w{3})'),
                                                             pg_temp.facade_functional_currency()))
              FROM gl WHERE id = ANY(ids)),
        array_agg(trans_id), array_agg(entry_id))
    FROM acc_trans WHERE trans_id = ANY(ids)
$$;

CREATE FUNCTION pg_temp.facade_read_payments(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT pg_temp.facade_documents(
        ARRAY(SELECT jsonb_build_object('key', split_part(payment.notes, ' ', 1),
                                        'content_hash', pg_temp.facade_hash(payment.notes), 'native_id', payment.id::text,
                                        'native_number', payment.reference, 'legal_number', NULL, 'posted', true,
                                        'currency', payment.currency, 'booked_on', payment.payment_date, 'party', account.meta_number)
              FROM payment JOIN entity_credit_account AS account ON account.id = payment.entity_credit_id
              WHERE payment.id = ANY(ids)),
        array_agg(payment_id), array_agg(entry_id))
    FROM payment_links WHERE payment_id = ANY(ids)
$$;

CREATE FUNCTION pg_temp.facade_read_notes(kind text, keys text[], ids text[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('key', subject, 'content_hash', pg_temp.facade_hash(note),
                              'native_id', split_part(note, ' ', 2), 'native_number', split_part(note, ' ', 4), 'posted', true)
    FROM eca_note
    WHERE split_part(note, ' ', 1) = kind AND (subject = ANY(keys) OR split_part(note, ' ', 2) = ANY(ids))
$$;

CREATE FUNCTION pg_temp.facade_read_time_entries(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('key', serialnumber, 'content_hash', pg_temp.facade_hash(notes), 'native_id', id::text,
                              'native_number', id::text, 'posted', true)
    FROM jcitems WHERE id = ANY(ids)
$$;
