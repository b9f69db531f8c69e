"""The statements by which documents enter the mirror, in the order in which one transaction runs them.

A batch is staged, judged against what is there, and applied. What changes is taken out of the sums first and put into them again after:
so the sums are always those of the rows, and nothing that did not change is looked at.
"""

from __future__ import annotations

from typing import Final

# One writer a company at a time; 5 is the class constant of these locks.
LOCK: Final = "SELECT pg_advisory_xact_lock(5, %(company)s)"

COMPANY: Final = """
    INSERT INTO observed_company (erp, legal_entity) VALUES (%(erp)s, %(legal_entity)s) ON CONFLICT (erp, legal_entity) DO NOTHING
"""
COMPANY_ID: Final = "SELECT company_id FROM observed_company WHERE erp = %(erp)s AND legal_entity = %(legal_entity)s"
COMPANY_CURRENCY: Final = "SELECT functional_currency FROM observed_company WHERE erp = %(erp)s AND legal_entity = %(legal_entity)s"
FUNCTIONAL_CURRENCY: Final = """
    UPDATE observed_company SET functional_currency = %(currency)s
    WHERE company_id = %(company)s AND functional_currency IS DISTINCT FROM %(currency)s
"""
KEEP_CURSOR: Final = """
    UPDATE observed_company SET cursor = %(cursor)s, cursor_at = clock_timestamp() WHERE company_id = %(company)s
"""
CURSOR: Final = "SELECT cursor FROM observed_company WHERE erp = %(erp)s AND legal_entity = %(legal_entity)s"

# Behind a pooler a session outlives the package that made these tables in it: who changes a column gives the table another name.
STAGES: Final = (
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_document (
        ordinal integer PRIMARY KEY, native_id text, posting_id uuid, origin text, document_type text, number text, legal_number text,
        party text, from_native_id text, period_run text, posted boolean, accounting_on date, currency text, functional_currency text,
        issued_on date, due_on date, line_count integer, changed_at timestamptz
    ) ON COMMIT DELETE ROWS
    """,
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_line (
        ordinal integer, account text, dimensions text, party text, tax_code text, amount numeric, functional_amount numeric,
        tax_base numeric
    ) ON COMMIT DELETE ROWS
    """,
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_total (LIKE staged_line) ON COMMIT DELETE ROWS
    """,
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS judged_document (
        ordinal integer PRIMARY KEY, document_id bigint, verdict text, debit numeric, functional_debit numeric, booking_hash bigint,
        document_hash bigint
    ) ON COMMIT DELETE ROWS
    """,
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS touched_document (document_id bigint PRIMARY KEY) ON COMMIT DELETE ROWS
    """,
)
COPY_DOCUMENTS: Final = "COPY staged_document FROM STDIN"
COPY_LINES: Final = "COPY staged_line FROM STDIN"

SUM_LINES: Final = """
    INSERT INTO staged_total
    SELECT ordinal, account, dimensions, party, tax_code, sum(amount), sum(functional_amount), sum(tax_base)
    FROM staged_line GROUP BY ordinal, account, dimensions, party, tax_code
    HAVING sum(amount) <> 0 OR sum(functional_amount) <> 0 OR sum(tax_base) <> 0
"""

HASH: Final = """
    INSERT INTO judged_document (ordinal, debit, functional_debit, booking_hash, document_hash)
    SELECT ordinal, debit, functional_debit, booking_hash,
           observed_document_hash(booking_hash, bases_hash, posted, legal_number, party, issued_on, due_on)
    FROM (SELECT s.ordinal, s.posted, s.legal_number, s.party, s.issued_on, s.due_on, coalesce(t.debit, 0) AS debit,
                 coalesce(t.functional_debit, 0) AS functional_debit, t.bases_hash,
                 observed_booking_hash(s.accounting_on, s.currency, s.functional_currency, t.lines_hash) AS booking_hash
          FROM staged_document s LEFT JOIN (
              SELECT ordinal, sum(amount) FILTER (WHERE amount > 0) AS debit,
                     sum(functional_amount) FILTER (WHERE functional_amount > 0) AS functional_debit,
                     bit_xor(observed_line_hash(account, dimensions, party, tax_code, amount, functional_amount))
                         FILTER (WHERE amount <> 0 OR functional_amount <> 0) AS lines_hash,
                     bit_xor(observed_base_hash(account, dimensions, party, tax_code, tax_base)) FILTER (WHERE tax_base <> 0) AS bases_hash
              FROM staged_total GROUP BY ordinal) t USING (ordinal)) AS hashed
"""

# A document known from our own receipt may bear another native id there; it is found by its key, once.
RECOGNISE: Final = (
    """
    UPDATE judged_document j SET document_id = d.document_id FROM staged_document s
    JOIN observed_document d ON d.company_id = %(company)s AND d.native_id = s.native_id
    WHERE s.ordinal = j.ordinal
    """,
    """
    UPDATE judged_document j SET document_id = found.document_id FROM (
        SELECT DISTINCT ON (d.document_id) d.document_id, s.ordinal FROM staged_document s
        JOIN judged_document k USING (ordinal)
        JOIN observed_document d ON d.company_id = %(company)s AND d.match_key = s.posting_id
             AND d.origin <> 'derived' AND d.deleted_at IS NULL AND (NOT d.read OR NOT %(read)s)
        WHERE k.document_id IS NULL AND s.origin <> 'derived'
        AND NOT EXISTS (SELECT FROM judged_document other WHERE other.document_id = d.document_id)
        ORDER BY d.document_id, s.ordinal) AS found
    WHERE found.ordinal = j.ordinal
    """,
)

# What was read outweighs what our receipt says. A key that is told later, and what a first reading adds, are no changes of the document.
JUDGE: Final = """
    UPDATE judged_document j SET
        verdict = CASE WHEN j.document_id IS NULL THEN 'new'
                       WHEN NOT %(read)s THEN 'unchanged'
                       WHEN d.deleted_at IS NOT NULL THEN 'returned'
                       WHEN d.document_hash = j.document_hash AND d.match_key = coalesce(s.posting_id, d.match_key) THEN
                            CASE WHEN d.read THEN 'unchanged' ELSE 'seen' END
                       WHEN d.document_hash = j.document_hash OR (NOT d.read AND d.booking_hash = j.booking_hash) THEN 'confirmed'
                       ELSE 'changed' END,
        document_id = coalesce(j.document_id, nextval('observed_document_seq'))
    FROM staged_document s LEFT JOIN judged_document k USING (ordinal) LEFT JOIN observed_document d USING (document_id)
    WHERE s.ordinal = j.ordinal
"""
COUNTS: Final = "SELECT verdict, count(*) FROM judged_document GROUP BY verdict"

# With a document go those that the ERP derived from it: they are compared under its key.
TOUCH: Final = """
    INSERT INTO touched_document
    SELECT document_id FROM judged_document WHERE verdict IN ('confirmed', 'changed', 'returned')
    UNION
    SELECT d.document_id FROM judged_document j JOIN staged_document s USING (ordinal)
    JOIN observed_document d ON d.company_id = %(company)s AND d.from_native_id = s.native_id AND d.origin = 'derived'
    WHERE j.verdict NOT IN ('unchanged', 'seen')
"""
TOUCH_NEW: Final = "INSERT INTO touched_document SELECT document_id FROM judged_document WHERE verdict = 'new' ON CONFLICT DO NOTHING"
TOUCH_NATIVE: Final = """
    INSERT INTO touched_document SELECT document_id FROM observed_document
    WHERE company_id = %(company)s AND (native_id = ANY(%(native_ids)s)
        OR (%(with_derived)s AND origin = 'derived' AND from_native_id = ANY(%(native_ids)s)))
"""

# Out of the sums with -1, into them with 1.
SUM_CELLS: Final = """
    UPDATE observed_cell c SET amount = c.amount + %(sign)s * moved.amount,
        functional_amount = c.functional_amount + %(sign)s * moved.functional_amount, lines = c.lines + %(sign)s * moved.lines
    FROM (SELECT cell_id, sum(amount) AS amount, sum(functional_amount) AS functional_amount, count(*) AS lines
          FROM observed_line JOIN touched_document USING (document_id) GROUP BY cell_id) AS moved
    WHERE c.cell_id = moved.cell_id
"""
SUM_SLICES: Final = """
    INSERT INTO observed_slice AS s (company_id, period, bucket, documents, digest)
    SELECT company_id, period, bucket, %(sign)s * count(*), %(sign)s * sum(observed_digest(document_hash, match_key))
    FROM observed_document JOIN touched_document USING (document_id) WHERE compared GROUP BY company_id, period, bucket
    ON CONFLICT (company_id, period, bucket) DO UPDATE SET documents = s.documents + excluded.documents, digest = s.digest + excluded.digest
"""

NOTE_CHANGES: Final = """
    INSERT INTO observed_change (document_id, what, books, hash_before, hash_after, changed_at)
    SELECT j.document_id, j.verdict, d.booking_hash <> j.booking_hash OR d.posted <> s.posted, d.document_hash, j.document_hash,
           s.changed_at
    FROM judged_document j JOIN staged_document s USING (ordinal) JOIN observed_document d USING (document_id)
    WHERE j.verdict IN ('changed', 'returned')
"""
FORGET_LINES: Final = """
    DELETE FROM observed_line WHERE document_id IN (
        SELECT document_id FROM judged_document WHERE verdict IN ('confirmed', 'changed', 'returned'))
"""

_MATCH_KEY: Final = "md5(%(company)s::text || ' ' || s.native_id)::uuid"

RENEW: Final = f"""
    UPDATE observed_document d SET native_id = s.native_id, posting_id = coalesce(s.posting_id, d.posting_id),
        match_key = coalesce(s.posting_id, d.posting_id, {_MATCH_KEY}), origin = s.origin,
        document_type = coalesce(s.document_type, d.document_type), number = s.number, legal_number = s.legal_number, party = s.party,
        from_native_id = s.from_native_id, period_run = s.period_run, posted = s.posted, accounting_on = s.accounting_on,
        period = to_char(s.accounting_on, 'YYYY-MM'), currency = s.currency, issued_on = s.issued_on, due_on = s.due_on,
        line_count = s.line_count, debit = j.debit, functional_debit = j.functional_debit, booking_hash = j.booking_hash,
        document_hash = j.document_hash, read = true, baseline = d.baseline OR %(baseline)s, changed_at = s.changed_at, deleted_at = NULL
    FROM judged_document j JOIN staged_document s USING (ordinal)
    WHERE d.document_id = j.document_id AND j.verdict IN ('confirmed', 'changed', 'returned')
"""
# What no hash covers and nobody compares.
REFRESH: Final = """
    UPDATE observed_document d SET native_id = s.native_id, number = s.number, changed_at = s.changed_at, line_count = s.line_count,
        document_type = coalesce(s.document_type, d.document_type), period_run = s.period_run, read = true
    FROM judged_document j JOIN staged_document s USING (ordinal)
    WHERE d.document_id = j.document_id AND %(read)s AND (j.verdict = 'seen' OR j.verdict = 'unchanged'
          AND (d.number, d.changed_at, d.line_count, d.period_run) IS DISTINCT FROM (s.number, s.changed_at, s.line_count, s.period_run))
"""
ADD: Final = f"""
    INSERT INTO observed_document (document_id, company_id, native_id, match_key, posting_id, origin, document_type, number, legal_number,
        party, from_native_id, period_run, posted, accounting_on, period, currency, issued_on, due_on, line_count, debit, functional_debit,
        booking_hash, document_hash, read, baseline, changed_at)
    SELECT j.document_id, %(company)s, s.native_id, coalesce(s.posting_id, {_MATCH_KEY}), s.posting_id, s.origin, s.document_type, s.number,
        s.legal_number, s.party, s.from_native_id, s.period_run, s.posted, s.accounting_on, to_char(s.accounting_on, 'YYYY-MM'), s.currency,
        s.issued_on, s.due_on, s.line_count, j.debit, j.functional_debit, j.booking_hash, j.document_hash, %(read)s, %(baseline)s,
        s.changed_at
    FROM judged_document j JOIN staged_document s USING (ordinal) WHERE j.verdict = 'new'
"""
FOLLOW: Final = """
    UPDATE observed_document d SET match_key = o.match_key FROM observed_document o
    WHERE d.document_id IN (SELECT document_id FROM touched_document) AND d.origin = 'derived' AND d.posting_id IS NULL
      AND o.company_id = d.company_id AND o.native_id = d.from_native_id AND o.match_key <> d.match_key
"""

ADD_DETAILS: Final = """
    INSERT INTO observed_detail (dimensions, party, tax_code) SELECT DISTINCT dimensions, party, tax_code FROM staged_total
    ON CONFLICT (dimensions, party, tax_code) DO NOTHING
"""
ADD_CELLS: Final = """
    INSERT INTO observed_cell (company_id, period, account, currency, book)
    SELECT DISTINCT d.company_id, d.period, t.account, d.currency, d.book
    FROM staged_total t JOIN judged_document j USING (ordinal) JOIN observed_document d USING (document_id)
    WHERE j.verdict NOT IN ('unchanged', 'seen')
    ON CONFLICT (company_id, period, account, currency, book) DO NOTHING
"""
ADD_LINES: Final = """
    INSERT INTO observed_line (document_id, cell_id, detail_id, amount, functional_amount, tax_base)
    SELECT d.document_id, c.cell_id, e.detail_id, t.amount, t.functional_amount, t.tax_base
    FROM staged_total t JOIN judged_document j USING (ordinal) JOIN observed_document d USING (document_id)
    JOIN observed_cell c USING (company_id, period, account, currency, book) JOIN observed_detail e ON e.dimensions = t.dimensions
         AND e.party = t.party AND e.tax_code = t.tax_code
    WHERE j.verdict NOT IN ('unchanged', 'seen')
"""

# Without new lines: a document goes to another book, and its lines with it.
MOVE_CELLS: Final = """
    INSERT INTO observed_cell (company_id, period, account, currency, book)
    SELECT DISTINCT d.company_id, c.period, c.account, c.currency, d.book
    FROM observed_document d JOIN touched_document USING (document_id) JOIN observed_line l USING (document_id)
    JOIN observed_cell c USING (cell_id)
    ON CONFLICT (company_id, period, account, currency, book) DO NOTHING
"""
MOVE_LINES: Final = """
    UPDATE observed_line l SET cell_id = new.cell_id
    FROM touched_document t, observed_document d, observed_cell old, observed_cell new
    WHERE l.document_id = t.document_id AND d.document_id = t.document_id AND old.cell_id = l.cell_id AND new.company_id = old.company_id
      AND new.period = old.period AND new.account = old.account AND new.currency = old.currency AND new.book = d.book
      AND new.cell_id <> old.cell_id
"""

NOTE_DELETIONS: Final = """
    INSERT INTO observed_change (document_id, what, books, hash_before)
    SELECT document_id, 'deleted', posted, document_hash FROM observed_document JOIN touched_document USING (document_id)
    WHERE deleted_at IS NULL
"""
FORGET: Final = """
    UPDATE observed_document SET deleted_at = clock_timestamp()
    WHERE document_id IN (SELECT document_id FROM touched_document) AND deleted_at IS NULL
"""
MARK_BASELINE: Final = """
    UPDATE observed_document SET baseline = true WHERE document_id IN (SELECT document_id FROM touched_document) AND NOT baseline
"""
TIE: Final = """
    UPDATE observed_document SET posting_id = %(posting_id)s, match_key = %(posting_id)s
    WHERE company_id = %(company)s AND native_id = %(native_id)s AND posting_id IS DISTINCT FROM %(posting_id)s
"""

# Of the keys that were touched: which are borne by several documents that nothing derived?
FIND_TWINS: Final = """
    UPDATE observed_document d SET twin = counted.twin FROM (
        SELECT o.document_id, count(*) FILTER (WHERE o.origin <> 'derived' AND o.compared) OVER (PARTITION BY o.match_key) > 1 AS twin
        FROM observed_document o WHERE o.company_id = %(company)s AND o.match_key IN (
            SELECT match_key FROM observed_document JOIN touched_document USING (document_id)
            UNION SELECT match_key FROM observed_document WHERE company_id = %(company)s AND twin)) AS counted
    WHERE d.document_id = counted.document_id AND d.twin <> counted.twin
"""
