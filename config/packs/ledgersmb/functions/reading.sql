-- What the ERP holds, as it stands in its tables. Two rows of one foreign line are one line: the amount in the document's currency is
-- the sum without fx_transaction, the functional amount the sum of all. A line whose day differs from its document's betrays itself.
CREATE FUNCTION pg_temp.facade_functional_currency() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT split_part(value, ':', 1) FROM defaults WHERE setting_key = 'curr'
$$;

CREATE FUNCTION pg_temp.facade_read_entries(entries int[])
RETURNS TABLE (trans_id int, entry_id int, transdate date, approved boolean, account text, amount numeric, fx boolean, receivable boolean,
               dimensions jsonb, tax_code text, tax_base numeric) LANGUAGE sql STABLE AS $$
    SELECT entry.trans_id, entry.entry_id, entry.transdate, entry.approved, account.accno, entry.amount, entry.fx_transaction,
           EXISTS (SELECT 1 FROM account_link WHERE account_id = account.id AND description = 'AR'),
           coalesce((SELECT jsonb_object_agg(class.label, unit.control_code) FROM business_unit_ac AS worn
                     JOIN business_unit AS unit ON unit.id = worn.bu_id JOIN business_unit_class AS class ON class.id = unit.class_id
                     WHERE worn.entry_id = entry.entry_id), '{}'),
           (SELECT tax.taxnumber FROM tax WHERE tax.chart_id = entry.chart_id AND tax.rate = extended.rate ORDER BY validto LIMIT 1),
           extended.tax_basis
    FROM acc_trans AS entry JOIN account ON account.id = entry.chart_id LEFT JOIN tax_extended AS extended USING (entry_id)
    WHERE entry.entry_id = ANY(entries)
$$;

-- One JSON array of lines for the entries of one document, and the day on which they stand.
CREATE FUNCTION pg_temp.facade_read_document(header jsonb, entries int[], booked_on date, party text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH entry AS (SELECT * FROM pg_temp.facade_read_entries(entries)),
         line AS (SELECT account, dimensions, tax_code, receivable, coalesce(sum(amount) FILTER (WHERE NOT fx), 0) AS amount,
                         sum(amount) AS functional_amount, sum(tax_base) AS tax_base
                  FROM entry GROUP BY account, dimensions, tax_code, receivable)
    SELECT header || jsonb_build_object(
        'accounting_on', coalesce((SELECT min(transdate) FROM entry WHERE transdate <> booked_on), booked_on),
        'posted', (header->>'posted')::boolean AND NOT EXISTS (SELECT 1 FROM entry WHERE NOT approved),
        'functional_currency', pg_temp.facade_functional_currency(),
        'lines', coalesce((SELECT jsonb_agg(jsonb_build_object(
                      'account', account, 'amount', amount::text, 'functional_amount', functional_amount::text, 'dimensions', dimensions,
                      'party', CASE WHEN receivable THEN party END, 'tax_code', tax_code, 'tax_base', tax_base::text)) FROM line), '[]'))
$$;

CREATE FUNCTION pg_temp.facade_read_receivables(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT pg_temp.facade_read_document(
        jsonb_build_object('key', ar.ponumber, 'content_hash', substring(ar.intnotes FROM 'sha256:(\w{64})'), 'native_id', ar.id::text,
                           'native_number', ar.invnumber, 'legal_number', ar.invnumber, 'posted', ar.approved, 'currency', ar.curr),
        ARRAY(SELECT entry_id FROM acc_trans WHERE trans_id = ar.id
              AND NOT EXISTS (SELECT 1 FROM payment_links WHERE payment_links.entry_id = acc_trans.entry_id)),
        ar.transdate, account.meta_number)
    FROM ar JOIN entity_credit_account AS account ON account.id = ar.entity_credit_account
    WHERE ar.id = ANY(ids)
$$;

CREATE FUNCTION pg_temp.facade_read_journals(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT pg_temp.facade_read_document(
        jsonb_build_object('key', gl.reference, 'content_hash', substring(gl.notes FROM 'sha256:(\w{64})'), 'native_id', gl.id::text,
                           'native_number', gl.id::text, 'legal_number', NULL, 'posted', gl.approved,
                           'currency', coalesce(substring(gl.notes FROM 'currency:(\w{3})'), pg_temp.facade_functional_currency())),
        ARRAY(SELECT entry_id FROM acc_trans WHERE trans_id = gl.id), gl.transdate, NULL)
    FROM gl WHERE gl.id = ANY(ids)
$$;

CREATE FUNCTION pg_temp.facade_read_payments(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT pg_temp.facade_read_document(
        jsonb_build_object('key', split_part(payment.notes, ' ', 1), 'content_hash', substring(payment.notes FROM 'sha256:(\w{64})'),
                           'native_id', payment.id::text, 'native_number', payment.reference, 'legal_number', NULL, 'posted', true,
                           'currency', payment.currency),
        ARRAY(SELECT entry_id FROM payment_links WHERE payment_id = payment.id), payment.payment_date, account.meta_number)
    FROM payment JOIN entity_credit_account AS account ON account.id = payment.entity_credit_id
    WHERE payment.id = ANY(ids)
$$;

CREATE FUNCTION pg_temp.facade_read_notes(kind text, keys text[], ids text[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('key', subject, 'content_hash', substring(note FROM 'sha256:(\w{64})'),
                              'native_id', split_part(note, ' ', 2), 'native_number', split_part(note, ' ', 4), 'posted', true)
    FROM eca_note
    WHERE split_part(note, ' ', 1) = kind AND (subject = ANY(keys) OR split_part(note, ' ', 2) = ANY(ids))
$$;

CREATE FUNCTION pg_temp.facade_read_time_entries(ids int[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('key', serialnumber, 'content_hash', substring(notes FROM 'sha256:(\w{64})'), 'native_id', id::text,
                              'native_number', id::text, 'posted', true)
    FROM jcitems WHERE id = ANY(ids)
$$;
