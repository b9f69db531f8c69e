-- The ERP's own totals, made where the rows are. Of approved documents alone; year-end entries, which only move profit into equity, apart.
CREATE FUNCTION pg_temp.books_approved(OUT id int, OUT day date, OUT year_end boolean) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT id, transdate, trans_type_code = 'ye' FROM gl WHERE approved
    UNION ALL SELECT id, transdate, false FROM ar WHERE approved
    UNION ALL SELECT id, transdate, false FROM ap WHERE approved
$$;

CREATE FUNCTION pg_temp.books_movements() RETURNS TABLE (period text, account text, debit numeric, credit numeric) LANGUAGE sql STABLE AS $$
    SELECT to_char(coalesce(row.transdate, header.day), 'YYYY-MM') AS period, accno,
           sum(greatest(-amount, 0)), sum(greatest(amount, 0))
    FROM acc_trans AS row JOIN pg_temp.books_approved() AS header ON header.id = row.trans_id JOIN account ON account.id = row.chart_id
    WHERE row.approved AND NOT header.year_end AND row.amount <> 0
    GROUP BY 1, accno ORDER BY 1, accno
$$;

CREATE FUNCTION pg_temp.books_days(number text, wanted_period text) RETURNS TABLE (day date, amount numeric) LANGUAGE sql STABLE AS $$
    SELECT coalesce(row.transdate, header.day), sum(row.amount)
    FROM acc_trans AS row JOIN pg_temp.books_approved() AS header ON header.id = row.trans_id
    WHERE row.approved AND NOT header.year_end AND row.amount <> 0 AND row.chart_id = (SELECT id FROM account WHERE accno = number)
      AND to_char(coalesce(row.transdate, header.day), 'YYYY-MM') = wanted_period
    GROUP BY 1 ORDER BY 1
$$;

CREATE FUNCTION pg_temp.books_entries_on(number text, wanted_day date) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT pg_temp.books_entries(ARRAY(
        SELECT DISTINCT kind || ',' || document
        FROM pg_temp.books_rows(ARRAY(
            SELECT trans_id FROM acc_trans WHERE transdate = wanted_day AND chart_id = (SELECT id FROM account WHERE accno = number)))
        JOIN account ON account.id = chart_id WHERE accno = number AND day = wanted_day ORDER BY 1))
$$;

-- By native type, kind of document, period and currency; the debit side in the documents' currency.
CREATE FUNCTION pg_temp.books_document_totals()
RETURNS TABLE (native_type text, document_type text, period text, currency text, documents bigint, amount numeric)
LANGUAGE sql STABLE AS $$
    WITH row AS (SELECT kind, document, trans_id, amount, only_functional, day, approved, cash, reversing
                 FROM pg_temp.books_rows(ARRAY(SELECT id FROM ar WHERE approved UNION ALL SELECT id FROM ap WHERE approved
                                               UNION ALL SELECT id FROM gl WHERE approved AND trans_type_code = 'op'))
                 UNION ALL  -- nothing under a journal is anybody else's
                 SELECT 'gl', gl.id, gl.id, amount, fx_transaction, coalesce(row.transdate, gl.transdate), row.approved, false, false
                 FROM gl JOIN acc_trans AS row ON row.trans_id = gl.id WHERE gl.approved AND trans_type_code NOT IN ('op', 'ye')),
         entry AS (SELECT kind, row.document, coalesce(min(day) FILTER (WHERE day <> payment.payment_date), min(day)) AS day,
                          CASE WHEN bool_or(reversing) THEN sum(greatest(-row.amount, 0))
                               ELSE coalesce(sum(greatest(-row.amount, 0)) FILTER (WHERE NOT only_functional), 0) END AS debit,
                          -sum(row.amount) FILTER (WHERE cash) > 0 AS received, bool_or(reversing) AS reversing,
                          min(row.trans_id) AS trans_id
                   FROM row LEFT JOIN payment ON kind = 'payment' AND payment.id = row.document
                   GROUP BY kind, row.document HAVING bool_and(row.approved)),
         told AS (SELECT entry.*,
                         CASE kind WHEN 'ar' THEN CASE WHEN ar.is_return OR ar.amount < 0 THEN 'credit_memo' ELSE 'invoice' END
                                   WHEN 'gl' THEN CASE WHEN gl.trans_type_code <> 'op' THEN 'journal_entry' END
                                   WHEN 'payment' THEN CASE WHEN received AND payment_class = 2 THEN 'payment' END
                                   WHEN 'acc_trans' THEN CASE WHEN received AND NOT reversing AND ar.id IS NOT NULL THEN 'payment' END
                         END AS document_type,
                         coalesce(CASE kind WHEN 'payment' THEN payment.currency
                                            WHEN 'gl' THEN CASE WHEN pg_temp.books_is_key(gl.reference)
                                                                THEN substring(gl.notes FROM 'currency:(\w{3})') END
                                            ELSE CASE WHEN NOT reversing THEN coalesce(ar.curr, ap.curr) END END,
                                  pg_temp.books_functional_currency()) AS currency
                  FROM entry LEFT JOIN ar ON kind IN ('ar', 'acc_trans') AND ar.id = entry.trans_id
                  LEFT JOIN ap ON kind IN ('ap', 'acc_trans') AND ap.id = entry.trans_id
                  LEFT JOIN gl ON kind = 'gl' AND gl.id = entry.trans_id
                  LEFT JOIN payment ON kind = 'payment' AND payment.id = entry.document)
    SELECT kind, document_type, to_char(day, 'YYYY-MM'), currency, count(*), sum(debit)
    FROM told GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
$$;

-- The series that legal numbers are drawn from: what stands before the number's last digits. A number that is gone was cancelled if the
-- audit trail tells of its deletion. Of a series with very many gaps, the first 1000. The ERP's own series is gapless: a number of it is
-- drawn in the transaction that uses it; what people or foreign systems number by themselves promises nothing.
CREATE FUNCTION pg_temp.books_series()
RETURNS TABLE (series text, first text, last text, count bigint, missing text[], cancelled text[], gapless boolean)
LANGUAGE sql STABLE AS $$
    WITH drawn AS (SELECT invnumber, regexp_replace(invnumber, '\d+$', '') AS series, substring(invnumber FROM '\d{1,18}$') AS digits
                   FROM ar WHERE invnumber ~ '\D\d{1,18}$' OR invnumber ~ '^\d{1,18}$'),
         numbered AS (SELECT *, digits::bigint AS number, lead(digits::bigint) OVER (PARTITION BY series ORDER BY digits::bigint) AS next
                      FROM drawn),
         gap AS (SELECT series, series || lpad(absent::text, greatest(length(digits), length(absent::text)), '0') AS invnumber
                 FROM numbered, LATERAL (SELECT generate_series(number + 1, least(next - 1, number + 1000)) AS absent) AS each
                 WHERE next > number + 1 ORDER BY series, absent),
         lacking AS (SELECT gap.*, EXISTS (SELECT FROM audittrail WHERE tablename = 'ar' AND action = 'DELETE'
                                           AND reference = gap.invnumber) AS is_cancelled,
                            row_number() OVER (PARTITION BY series) AS nth FROM gap)
    SELECT numbered.series, (array_agg(invnumber ORDER BY number))[1], (array_agg(invnumber ORDER BY number DESC))[1], count(*),
           ARRAY(SELECT invnumber FROM lacking WHERE lacking.series = numbered.series AND NOT is_cancelled AND nth <= 1000 ORDER BY nth),
           ARRAY(SELECT invnumber FROM lacking WHERE lacking.series = numbered.series AND is_cancelled AND nth <= 1000 ORDER BY nth),
           numbered.series = (SELECT regexp_replace(value, '\d+$', '') FROM defaults WHERE setting_key = 'sinumber')
    FROM numbered GROUP BY numbered.series ORDER BY numbered.series
$$;

CREATE FUNCTION pg_temp.books_chart() RETURNS TABLE (number text, name text, type text) LANGUAGE sql STABLE AS $$
    SELECT accno, coalesce(description, ''), category FROM account ORDER BY accno
$$;

CREATE FUNCTION pg_temp.books_open_on(day date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(day > (SELECT max(end_date) FROM account_checkpoint), true)
$$;
