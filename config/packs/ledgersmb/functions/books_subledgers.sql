-- Receivables, customers, projects and their time.

-- Every item that is not wholly settled. Amounts are above zero where the customer owes. What an item is open by is the sum of all rows on
-- its receivable, whoever's they are; a payment's rest that settles nothing yet is an item of its own.
CREATE FUNCTION pg_temp.books_open_receivables()
RETURNS TABLE (native_id text, key text, document_type text, customer text, number text, legal_number text, project text, account text,
               currency text, original_amount numeric, open_amount numeric, functional_open_amount numeric, exchange_rate numeric,
               issued_on date, due_on date, tax_point_on date, disputed boolean) LANGUAGE sql STABLE AS $$
    WITH control AS (SELECT DISTINCT account_id FROM account_link WHERE description = 'AR'),
         unsettled AS (SELECT ar.id FROM ar JOIN acc_trans AS row ON row.trans_id = ar.id
                       WHERE ar.approved AND row.approved AND row.chart_id IN (SELECT account_id FROM control)
                       GROUP BY ar.id HAVING sum(row.amount) <> 0 OR sum(row.amount) FILTER (WHERE NOT row.fx_transaction) <> 0),
         row AS MATERIALIZED (SELECT * FROM pg_temp.books_rows(ARRAY(SELECT id FROM unsettled)) AS row WHERE row.approved),
         item AS (SELECT trans_id, coalesce(-sum(amount) FILTER (WHERE NOT only_functional), 0) AS open_amount, -sum(amount) AS functional,
                         coalesce(-sum(amount) FILTER (WHERE kind = 'ar' AND NOT only_functional), 0) AS original,
                         coalesce(-sum(amount) FILTER (WHERE kind = 'ar'), 0) AS functional_original,
                         (array_agg(chart_id ORDER BY entry_id))[1] AS chart_id
                  FROM row WHERE control GROUP BY trans_id),
         worn AS (SELECT row.trans_id, min(coalesce(parent.control_code, unit.control_code)) AS project
                  FROM row JOIN business_unit_ac AS unit_ac USING (entry_id) JOIN business_unit AS unit ON unit.id = unit_ac.bu_id
                  JOIN business_unit_class AS class ON class.id = unit.class_id AND class.label = 'Project'
                  LEFT JOIN business_unit AS parent ON parent.id = unit.parent_id
                  WHERE row.kind = 'ar' GROUP BY row.trans_id
                  HAVING count(DISTINCT coalesce(parent.control_code, unit.control_code)) = 1),
         rest AS (SELECT payment.id, (array_agg(row.chart_id ORDER BY row.entry_id))[1] AS chart_id,
                         coalesce(sum(row.amount) FILTER (WHERE NOT row.fx_transaction), 0) AS open_amount, sum(row.amount) AS functional,
                         coalesce(sum(row.amount) FILTER (WHERE link.type = 2 AND NOT row.fx_transaction), 0) AS original,
                         coalesce(sum(row.amount) FILTER (WHERE link.type = 2), 0) AS functional_original
                  FROM payment JOIN payment_links AS link ON link.payment_id = payment.id AND link.type IN (0, 2)
                  JOIN acc_trans AS row USING (entry_id)
                  WHERE payment_class = 2 AND payment.gl_id IS NOT NULL AND row.approved
                    AND row.chart_id IN (SELECT account_id FROM account_link WHERE description IN ('AR', 'AR_overpayment'))
                  GROUP BY payment.id HAVING sum(row.amount) <> 0)
    SELECT 'ar,' || ar.id, ponumber, CASE WHEN is_return OR original < 0 THEN 'credit_memo' ELSE 'invoice' END, customer.meta_number,
           CASE WHEN pg_temp.books_is_key(ponumber) THEN quonumber ELSE invnumber END, invnumber, worn.project, accno, ar.curr, original,
           item.open_amount, item.functional,
           CASE WHEN ar.curr <> pg_temp.books_functional_currency() AND original <> 0 THEN round(functional_original / original, 10) END,
           coalesce(crdate, transdate), coalesce(duedate, transdate), transdate, coalesce(on_hold, false)
    FROM item JOIN ar ON ar.id = item.trans_id JOIN account ON account.id = chart_id
    JOIN entity_credit_account AS customer ON customer.id = entity_credit_account LEFT JOIN worn USING (trans_id)
    WHERE item.open_amount <> 0 OR item.functional <> 0
    UNION ALL
    SELECT 'payment,' || payment.id, split_part(notes, ' ', 1), 'payment', customer.meta_number, payment.reference, NULL, NULL, accno,
           payment.currency, -original, -open_amount, -functional,
           CASE WHEN payment.currency <> pg_temp.books_functional_currency() AND original <> 0
                THEN round(functional_original / original, 10) END,
           payment_date, payment_date, NULL, false
    FROM rest JOIN payment USING (id) JOIN account ON account.id = chart_id
    JOIN entity_credit_account AS customer ON customer.id = entity_credit_id
    ORDER BY 4, 14, 5
$$;

CREATE FUNCTION pg_temp.books_customers()
RETURNS TABLE (native_id text, number text, name text, currency text, payment_term text, country text, tax_number text)
LANGUAGE sql STABLE AS $$
    SELECT 'entity_credit_account,' || account.id, account.meta_number, coalesce(company.legal_name, entity.name), account.curr,
           account.terms::text, country.short_name, company.tax_id
    FROM entity_credit_account AS account JOIN entity ON entity.id = account.entity_id LEFT JOIN company ON company.entity_id = entity.id
    LEFT JOIN country ON country.id = entity.country_id
    WHERE account.entity_class = 2 ORDER BY account.meta_number, account.id
$$;

-- Projects are units of their class without a parent; what stands below one is a task of it.
CREATE FUNCTION pg_temp.books_units() RETURNS TABLE (unit int, project int, parent int) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE tree AS (
        SELECT id AS unit, id AS project, parent_id FROM business_unit
        WHERE parent_id IS NULL AND class_id = (SELECT id FROM business_unit_class WHERE label = 'Project')
        UNION ALL
        SELECT below.id, tree.project, below.parent_id FROM business_unit AS below JOIN tree ON below.parent_id = tree.unit)
    SELECT * FROM tree
$$;

-- Billed is what invoices charge without tax, cost what stands on expense accounts, unbilled the time that nobody has billed, at its rate;
-- unbilled is not known where there is time in a foreign currency.
CREATE FUNCTION pg_temp.books_projects()
RETURNS TABLE (native_id text, number text, name text, customer text, starts_on date, ends_on date, today date, billed numeric,
               unbilled numeric, cost numeric, unbilled_hours numeric, tasks jsonb) LANGUAGE sql STABLE AS $$
    WITH tree AS MATERIALIZED (SELECT * FROM pg_temp.books_units()),
         worn AS (SELECT DISTINCT unit_ac.entry_id, tree.project FROM business_unit_ac AS unit_ac JOIN tree ON tree.unit = unit_ac.bu_id),
         booked AS (SELECT worn.project,
                           sum(row.amount) FILTER (
                               WHERE ar.id IS NOT NULL AND extended.entry_id IS NULL
                                 AND row.chart_id NOT IN (SELECT account_id FROM account_link WHERE description IN ('AR', 'AR_tax'))
                                 AND NOT EXISTS (SELECT FROM payment_links WHERE payment_links.entry_id = row.entry_id)) AS billed,
                           -sum(row.amount) FILTER (WHERE account.category = 'E') AS cost
                    FROM worn JOIN acc_trans AS row USING (entry_id) JOIN pg_temp.books_approved() AS header ON header.id = row.trans_id
                    JOIN account ON account.id = row.chart_id LEFT JOIN ar ON ar.id = row.trans_id
                    LEFT JOIN tax_extended AS extended ON extended.entry_id = row.entry_id
                    WHERE row.approved AND NOT header.year_end GROUP BY worn.project),
         hours AS (SELECT tree.project, sum(qty - coalesce(allocated, 0) - non_billable) AS unbilled_hours,
                          CASE WHEN bool_and(time.curr = pg_temp.books_functional_currency())
                               THEN sum((qty - coalesce(allocated, 0) - non_billable) * coalesce(fxsellprice, sellprice, 0)) END AS unbilled
                   FROM jcitems AS time JOIN tree ON tree.unit = time.business_unit_id
                   WHERE qty - coalesce(allocated, 0) - non_billable > 0 GROUP BY tree.project),
         task AS (SELECT tree.project, jsonb_agg(jsonb_build_object('native_id', 'business_unit,' || unit.id, 'number', unit.control_code,
                                                 'name', coalesce(unit.description, '')) ORDER BY unit.control_code) AS tasks
                  FROM tree JOIN business_unit AS unit ON unit.id = tree.unit WHERE tree.unit <> tree.project GROUP BY tree.project)
    SELECT 'business_unit,' || project.id, project.control_code, coalesce(project.description, ''), customer.meta_number,
           project.start_date, project.end_date, current_date, coalesce(billed, 0),
           CASE WHEN hours.project IS NULL THEN 0 ELSE unbilled END, coalesce(cost, 0), coalesce(unbilled_hours, 0), coalesce(tasks, '[]')
    FROM tree JOIN business_unit AS project ON project.id = tree.project AND tree.unit = tree.project
    LEFT JOIN entity_credit_account AS customer ON customer.id = project.credit_id
    LEFT JOIN booked ON booked.project = project.id LEFT JOIN hours ON hours.project = project.id
    LEFT JOIN task ON task.project = project.id
    ORDER BY project.control_code
$$;

-- Hours that may still be billed: neither billed (`allocated`) nor unbillable. Who worked is a pseudonymous number in what the facade
-- posted, the employee's number in what people entered.
CREATE FUNCTION pg_temp.books_unbilled_time()
RETURNS TABLE (native_id text, key text, project text, task text, worker text, worked_on date, hours numeric, rate numeric, currency text,
               billable boolean, text text) LANGUAGE sql STABLE AS $$
    SELECT 'jcitems,' || time.id, serialnumber, project.control_code, CASE WHEN unit.id <> project.id THEN unit.control_code END,
           coalesce(substring(time.notes FROM 'worker:(\S+)'), employee.employeenumber, time.person_id::text), checkedin::date,
           qty - coalesce(allocated, 0) - non_billable, nullif(coalesce(fxsellprice, sellprice), 0), time.curr, true,
           coalesce(time.description, '')
    FROM jcitems AS time JOIN pg_temp.books_units() AS tree ON tree.unit = time.business_unit_id
    JOIN business_unit AS unit ON unit.id = tree.unit JOIN business_unit AS project ON project.id = tree.project
    LEFT JOIN person ON person.id = time.person_id LEFT JOIN entity_employee AS employee ON employee.entity_id = person.entity_id
    WHERE qty - coalesce(allocated, 0) - non_billable > 0 ORDER BY time.id
$$;
