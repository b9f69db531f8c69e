CREATE FUNCTION pg_temp.books_functional_currency() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT split_part(value, ':', 1) FROM defaults WHERE setting_key = 'curr'
$$;

-- A key of the facade is a UUID; nobody else's reference looks like one.
CREATE FUNCTION pg_temp.books_is_key(word text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(word ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$', false)
$$;

-- The ledger's documents, whoever made them. Every row of acc_trans belongs to exactly one document, so that documents add up to balances:
--   payment,N    the rows that payment_links ties to a payment, under whichever invoice they stand
--   acc_trans,N  what the ERP writes under an invoice without a payment of its own: a payment reversed, a receipt entered on the invoice's
--                own screen; N is the first of its rows
--   ar,N ap,N gl,N  all other rows
-- `only_functional` rows add nothing in the document's currency. They are marked fx_transaction, but not always: the ERP's own payments
-- book currency differences unmarked, and the screen for receivables writes the second half of the receivable unmarked. Ours are marked.
CREATE FUNCTION pg_temp.books_rows(transactions int[])
RETURNS TABLE (entry_id int, trans_id int, header text, kind text, document int, chart_id int, amount numeric, only_functional boolean,
               day date, approved boolean, memo text, control boolean, cash boolean, reversing boolean) LANGUAGE sql STABLE AS $$
    WITH linked AS (SELECT account_id, bool_or(description IN ('AR', 'AP')) AS control,
                           bool_or(description IN ('AR_paid', 'AP_paid')) AS cash FROM account_link GROUP BY account_id),
         differences AS (SELECT value::int AS account_id FROM defaults
                         WHERE setting_key IN ('fxgain_accno_id', 'fxloss_accno_id') AND value ~ '^\d+$'),
         entry AS MATERIALIZED (
                   SELECT row.entry_id, row.trans_id, lower(registered.table_name) AS header, row.chart_id, row.amount, row.fx_transaction,
                          coalesce(row.transdate, gl.transdate, ar.transdate, ap.transdate, current_date) AS day,
                          row.approved AND coalesce(gl.approved, ar.approved, ap.approved, true) AS approved, row.source, row.memo,
                          coalesce(linked.control, false) AS control, coalesce(linked.cash, false) AS cash,
                          row.chart_id IN (SELECT account_id FROM differences) AS difference,
                          (SELECT min(payment_id) FROM payment_links
                           WHERE payment_links.entry_id = row.entry_id AND type IS DISTINCT FROM 0) AS payment,
                          row.chart_id IN (SELECT account_id FROM differences)
                          AND EXISTS (SELECT FROM payment_links JOIN payment ON payment.id = payment_id
                                      WHERE payment_links.entry_id = row.entry_id
                                        AND pg_temp.books_is_key(split_part(payment.notes, ' ', 1))) AS ours,
                          coalesce(ar.curr, ap.curr) <> pg_temp.books_functional_currency() AS in_foreign_currency
                   FROM (SELECT DISTINCT id FROM unnest(transactions) AS each (id)) AS wanted
                   JOIN acc_trans AS row ON row.trans_id = wanted.id JOIN transactions AS registered ON registered.id = wanted.id
                   LEFT JOIN gl ON gl.id = wanted.id LEFT JOIN ar ON ar.id = wanted.id LEFT JOIN ap ON ap.id = wanted.id
                   LEFT JOIN linked ON linked.account_id = row.chart_id),
         seen AS (SELECT *, payment IS NULL AND header <> 'gl' AS under_invoice,
                         payment IS NULL AND header <> 'gl' AND memo = 'Reversing ' || coalesce(source, '') AS reversing,
                         min(entry_id) FILTER (WHERE control AND payment IS NULL) OVER invoice AS first_control,
                         first_value(amount) OVER (invoice ORDER BY (control AND payment IS NULL) DESC, entry_id) AS first_control_amount,
                         bool_or(cash AND payment IS NULL AND header <> 'gl') OVER (invoice_day) AS cash_that_day
                  FROM entry WINDOW invoice AS (PARTITION BY trans_id), invoice_day AS (PARTITION BY trans_id, day)),
         placed AS (SELECT *, under_invoice AND (coalesce(reversing, false) OR cash_that_day AND (
                               cash OR fx_transaction AND difference
                               OR control AND sign(amount) = -sign(first_control_amount)
                                  AND entry_id > first_control + coalesce(in_foreign_currency, false)::int)) AS by_itself
                    FROM seen)
    SELECT entry_id, trans_id, header,
           CASE WHEN payment IS NOT NULL THEN 'payment' WHEN by_itself THEN 'acc_trans' ELSE header END,
           CASE WHEN payment IS NOT NULL THEN payment
                WHEN by_itself THEN min(entry_id) FILTER (WHERE by_itself) OVER (PARTITION BY trans_id, day, coalesce(reversing, false))
                ELSE trans_id END,
           chart_id, amount,
           fx_transaction OR coalesce(in_foreign_currency, false) AND (
               difference AND (payment IS NOT NULL AND NOT ours OR by_itself)
               OR control AND under_invoice AND NOT by_itself AND entry_id <> first_control),
           day, approved, memo, control, cash, coalesce(reversing, false)
    FROM placed
$$;

-- What stands in a document's head. `names` are native ids. A draft may lack its day; told is today.
CREATE FUNCTION pg_temp.books_headers(names text[])
RETURNS TABLE (native_id text, kind text, document int, place bigint, party text, booked_on date, content jsonb)
LANGUAGE sql STABLE AS $$
    WITH wanted AS (SELECT name, split_part(name, ',', 1) AS kind, split_part(name, ',', 2)::int AS id, place
                    FROM unnest(names) WITH ORDINALITY AS each (name, place))
    SELECT name, kind, gl.id, place, NULL, coalesce(transdate, current_date),
           jsonb_build_object('key', CASE WHEN trans_type_code <> 'op' THEN reference END,
               'content_hash', substring(notes FROM 'sha256:(\w{64})'), 'posted', approved,
               'number', CASE WHEN pg_temp.books_is_key(reference) THEN gl.id::text ELSE coalesce(reference, gl.id::text) END,
               'currency', CASE WHEN pg_temp.books_is_key(reference) THEN substring(notes FROM 'currency:(\w{3})') END,
               'text', description, 'run', trans_type_code,
               'document_type', CASE WHEN trans_type_code <> 'op' THEN 'journal_entry' END,
               'derived_from', CASE WHEN trans_type_code = 'op' THEN
                   (SELECT 'payment,' || min(payment_id) FROM acc_trans JOIN payment_links USING (entry_id)
                    WHERE acc_trans.trans_id = gl.id AND type = 2) END)
    FROM wanted JOIN gl ON gl.id = wanted.id WHERE kind = 'gl'
    UNION ALL
    SELECT name, kind, ar.id, place, account.meta_number, coalesce(ar.transdate, crdate, current_date),
           jsonb_build_object('key', ponumber, 'content_hash', substring(intnotes FROM 'sha256:(\w{64})'), 'posted', approved,
               'number', coalesce(invnumber, ar.id::text), 'legal_number', invnumber, 'currency', ar.curr, 'text', ar.description,
               'issued_on', coalesce(crdate, ar.transdate), 'due_on', duedate,
               'document_type', CASE WHEN is_return OR amount < 0 THEN 'credit_memo' ELSE 'invoice' END,
               'corrects', CASE WHEN is_return OR amount < 0 THEN
                   (SELECT 'ar,' || max(original.id) FROM ar AS original
                    WHERE ar.ordnumber IN (original.quonumber, original.invnumber) AND original.id <> ar.id
                      AND original.entity_credit_account = ar.entity_credit_account) END)
    FROM wanted JOIN ar ON ar.id = wanted.id JOIN entity_credit_account AS account ON account.id = entity_credit_account WHERE kind = 'ar'
    UNION ALL
    SELECT name, kind, ap.id, place, account.meta_number, coalesce(ap.transdate, crdate, current_date),
           jsonb_build_object('posted', approved, 'number', coalesce(invnumber, ap.id::text), 'legal_number', invnumber,
                              'currency', ap.curr, 'text', ap.description, 'issued_on', coalesce(crdate, ap.transdate), 'due_on', duedate)
    FROM wanted JOIN ap ON ap.id = wanted.id JOIN entity_credit_account AS account ON account.id = entity_credit_account WHERE kind = 'ap'
    UNION ALL
    SELECT name, kind, payment.id, place, account.meta_number, coalesce(payment_date, current_date),
           jsonb_build_object('key', split_part(notes, ' ', 1), 'content_hash', substring(notes FROM 'sha256:(\w{64})'), 'posted', true,
               'number', payment.reference, 'currency', payment.currency,
               'text', regexp_replace(notes, '^\S+ sha256:\w+ ', ''),
               'document_type', CASE WHEN payment_class = 2 THEN 'payment' END, 'entered_by', username)
    FROM wanted JOIN payment ON payment.id = wanted.id LEFT JOIN entity_credit_account AS account ON account.id = entity_credit_id
    LEFT JOIN person ON person.id = payment.employee_id LEFT JOIN users ON users.entity_id = person.entity_id WHERE kind = 'payment'
    UNION ALL
    SELECT name, kind, first.entry_id, place, account.meta_number, coalesce(first.transdate, current_date),
           jsonb_build_object('posted', true, 'number', coalesce(nullif(first.source, ''), first.entry_id::text), 'text', first.memo,
               'currency', CASE WHEN first.memo = 'Reversing ' || coalesce(first.source, '') THEN NULL ELSE coalesce(ar.curr, ap.curr) END,
               'document_type', CASE WHEN ar.id IS NOT NULL AND first.memo IS DISTINCT FROM 'Reversing ' || coalesce(first.source, '')
                                     THEN 'payment' END,
               'corrects', CASE WHEN first.memo = 'Reversing ' || coalesce(first.source, '') THEN
                   (SELECT 'payment,' || max(payment_id) FROM acc_trans AS paid JOIN payment_links USING (entry_id)
                    WHERE paid.trans_id = first.trans_id AND paid.entry_id < first.entry_id
                      AND coalesce(paid.source, '') = coalesce(first.source, '')) END)
    FROM wanted JOIN acc_trans AS first ON first.entry_id = wanted.id LEFT JOIN ar ON ar.id = first.trans_id
    LEFT JOIN ap ON ap.id = first.trans_id
    JOIN entity_credit_account AS account ON account.id = coalesce(ar.entity_credit_account, ap.entity_credit_account)
    WHERE kind = 'acc_trans'
$$;

-- The rows of documents, with what they wear. Two rows of one foreign line are one line: a row that is only functional completes the row
-- before it on the same account. The ERP's screens put dimensions on the first of the two alone. A task stands for its project.
CREATE FUNCTION pg_temp.books_lines(names text[])
RETURNS TABLE (native_id text, lines jsonb, settles jsonb, received numeric, other_day date, approved boolean) LANGUAGE sql STABLE AS $$
    WITH header AS MATERIALIZED (SELECT * FROM pg_temp.books_headers(names)),
         touched AS (SELECT document AS trans_id FROM header WHERE kind IN ('gl', 'ar', 'ap')
                     UNION SELECT acc_trans.trans_id FROM header JOIN payment_links ON payment_id = document AND kind = 'payment'
                           JOIN acc_trans USING (entry_id)
                     UNION SELECT acc_trans.trans_id FROM header JOIN acc_trans ON entry_id = document AND kind = 'acc_trans'),
         entry AS MATERIALIZED (
             SELECT header.native_id, header.party, header.booked_on, row.*, extended.tax_basis,
                    (SELECT jsonb_object_agg(class.label, coalesce(parent.control_code, unit.control_code))
                     FROM business_unit_ac AS worn JOIN business_unit AS unit ON unit.id = worn.bu_id
                     JOIN business_unit_class AS class ON class.id = unit.class_id
                     LEFT JOIN business_unit AS parent ON parent.id = unit.parent_id AND class.label = 'Project'
                     WHERE worn.entry_id = row.entry_id) AS dimensions,
                    coalesce((SELECT taxnumber FROM tax WHERE tax.chart_id = row.chart_id AND tax.rate = extended.rate
                              ORDER BY validto LIMIT 1),
                             (SELECT min(taxnumber) FROM tax
                              WHERE tax.chart_id = row.chart_id AND row.kind IN ('ar', 'ap') AND validto > row.day
                              HAVING count(*) = 1)) AS tax_code,
                    count(*) FILTER (WHERE NOT only_functional) OVER (PARTITION BY row.kind, row.document, row.trans_id, row.chart_id
                                                                      ORDER BY row.entry_id) AS nth
             FROM pg_temp.books_rows(ARRAY(SELECT trans_id FROM touched)) AS row JOIN header USING (kind, document)
             LEFT JOIN tax_extended AS extended ON extended.entry_id = row.entry_id),
         line AS (SELECT native_id, chart_id, trans_id, header, nth, bool_or(control) AS control, bool_or(cash) AS cash,
                         min(party) AS party, sum(amount) AS functional_amount,
                         CASE WHEN bool_or(reversing) THEN sum(amount)
                              ELSE coalesce(sum(amount) FILTER (WHERE NOT only_functional), 0) END AS amount,
                         (array_agg(dimensions ORDER BY entry_id) FILTER (WHERE dimensions IS NOT NULL))[1] AS dimensions,
                         min(tax_code) AS tax_code, sum(tax_basis) AS tax_base, min(memo) AS memo, min(entry_id) AS first,
                         min(day) FILTER (WHERE day <> booked_on) AS other_day, bool_and(approved) AS approved
                  FROM entry GROUP BY native_id, chart_id, trans_id, header, nth),
         settled AS (SELECT native_id, jsonb_agg(jsonb_build_array(header || ',' || trans_id, amount::text) ORDER BY trans_id) AS items
                     FROM (SELECT native_id, header, trans_id, sum(CASE header WHEN 'ap' THEN -amount ELSE amount END) AS amount
                           FROM line WHERE control AND header <> 'gl' GROUP BY native_id, header, trans_id) AS item
                     WHERE amount <> 0 GROUP BY native_id)
    SELECT native_id,
           jsonb_agg(jsonb_build_object('account', accno, 'amount', amount::text, 'functional_amount', functional_amount::text,
                         'dimensions', coalesce(dimensions, '{}'), 'party', CASE WHEN control THEN party END, 'tax_code', tax_code,
                         'tax_base', tax_base::text, 'description', memo) ORDER BY first)
               FILTER (WHERE amount <> 0 OR functional_amount <> 0),
           (array_agg(settled.items))[1], -sum(functional_amount) FILTER (WHERE cash), min(other_day), bool_and(approved)
    FROM line JOIN account ON account.id = chart_id LEFT JOIN settled USING (native_id) GROUP BY native_id
$$;

-- Whole documents in the order of their names; what is gone is left out. Who entered one, and when it last changed, is in the audit trail,
-- which knows nothing of payments.
CREATE FUNCTION pg_temp.books_entries(names text[]) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(content) || jsonb_build_object(
               'native_id', native_id, 'party', party, 'lines', coalesce(lines, '[]'), 'accounting_on', coalesce(other_day, booked_on),
               'posted', (content->>'posted')::boolean AND coalesce(approved, true),
               'settles', CASE WHEN kind IN ('payment', 'acc_trans') THEN coalesce(settles, '[]') ELSE '[]' END,
               'document_type', CASE WHEN content->>'document_type' IS DISTINCT FROM 'payment' OR received > 0
                                     THEN content->>'document_type' END,
               'currency', coalesce(content->>'currency', pg_temp.books_functional_currency()),
               'functional_currency', pg_temp.books_functional_currency(),
               'entered_by', coalesce(trail.entered_by, content->>'entered_by'), 'changed_at', trail.changed_at)
    FROM pg_temp.books_headers(names) LEFT JOIN pg_temp.books_lines(names) USING (native_id)
    LEFT JOIN LATERAL (SELECT max(transdate) AT TIME ZONE current_setting('TimeZone') AS changed_at,
                              (array_agg(rolname ORDER BY entry_id))[1] AS entered_by
                       FROM audittrail WHERE trans_id = document AND tablename = kind) AS trail ON true
    ORDER BY place
$$;
