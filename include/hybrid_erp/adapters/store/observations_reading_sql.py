"""The statements that compare two mirrors inside PostgreSQL; the client gets differences alone."""

from __future__ import annotations

from typing import Final, LiteralString

# One state of the store for everything that is asked inside; sorting and hashing have room, and small plans are not compiled.
BEGIN: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
)

_SIDES: LiteralString = """
    sides AS (SELECT company_id, legal_entity, functional_currency, erp = %(legacy)s AS is_legacy FROM observed_company
              WHERE erp IN (%(legacy)s, %(cloud)s) AND legal_entity = ANY(%(legal_entities)s))
"""

# From the sums that are kept, or from every line.
KEPT: LiteralString = "SELECT cell_id, amount, functional_amount FROM observed_cell"
COUNTED: LiteralString = """
    SELECT cell_id, sum(amount) AS amount, sum(functional_amount) AS functional_amount FROM observed_line GROUP BY cell_id
"""
UNEQUAL_CELLS: LiteralString = f"""
    WITH {_SIDES}, summed AS ({{sums}}), cells AS (
        SELECT legal_entity, period, account, currency, is_legacy, s.amount, s.functional_amount
        FROM summed s JOIN observed_cell c USING (cell_id) JOIN sides USING (company_id) WHERE book = %(book)s
    ), compared AS (
        SELECT legal_entity, period, account, currency,
               coalesce(sum(amount) FILTER (WHERE is_legacy), 0), coalesce(sum(amount) FILTER (WHERE NOT is_legacy), 0),
               coalesce(sum(functional_amount) FILTER (WHERE is_legacy), 0),
               coalesce(sum(functional_amount) FILTER (WHERE NOT is_legacy), 0)
        FROM cells GROUP BY legal_entity, period, account, currency
    )
    SELECT * FROM compared AS c (legal_entity, period, account, currency, legacy, cloud, functional_legacy, functional_cloud)
    WHERE legacy <> cloud OR functional_legacy <> functional_cloud ORDER BY legal_entity, period, account, currency
"""

# Of details the few that name a project are found first. Net of tax is what bears neither a party nor a tax code.
PROJECTS: LiteralString = f"""
    WITH {_SIDES}, named AS (
        SELECT detail_id, party = '' AND tax_code = '' AS net, (SELECT value ->> 1 FROM jsonb_array_elements(dimensions::jsonb) AS value
                                                                WHERE value ->> 0 = 'project') AS project
        FROM observed_detail WHERE dimensions LIKE '%%"project"%%'
    )
    SELECT CASE WHEN is_legacy THEN %(legacy)s ELSE %(cloud)s END AS erp, project,
           coalesce(-sum(l.functional_amount) FILTER (WHERE net AND d.document_type IN ('invoice', 'credit_memo')), 0) AS billed,
           coalesce(sum(l.functional_amount) FILTER (WHERE c.account = ANY(%(expenses)s)), 0) AS cost
    FROM observed_line l JOIN named USING (detail_id) JOIN observed_cell c USING (cell_id) JOIN sides USING (company_id)
    JOIN observed_document d USING (document_id)
    WHERE c.book = 'current' GROUP BY 1, 2 ORDER BY 1, 2
"""

# The digests of a slice are equal only if the slice holds the same documents with the same content in both ERPs.
UNEQUAL_SLICES: LiteralString = f"""
    WITH {_SIDES}, legacy AS (SELECT * FROM observed_slice JOIN sides USING (company_id) WHERE is_legacy),
    cloud AS (SELECT * FROM observed_slice JOIN sides USING (company_id) WHERE NOT is_legacy)
    SELECT legal_entity, period, bucket FROM legacy l FULL JOIN cloud c USING (legal_entity, period, bucket)
    WHERE coalesce(l.documents, 0) <> coalesce(c.documents, 0) OR coalesce(l.digest, 0) <> coalesce(c.digest, 0)
"""
# Slice by slice out of the index alone (`OFFSET 0` holds the planner to it): that is never much more than one pass over both sides.
UNEQUAL_KEYS: LiteralString = f"""
    WITH {_SIDES}, slices AS (
        SELECT * FROM unnest(%(of_entities)s::text[], %(periods)s::text[], %(buckets)s::smallint[]) AS s (legal_entity, period, bucket)
    ), keys AS (
        SELECT legal_entity, match_key FROM slices JOIN sides USING (legal_entity) CROSS JOIN LATERAL (
            SELECT match_key, document_hash FROM observed_document d
            WHERE d.company_id = sides.company_id AND d.period = slices.period AND d.bucket = slices.bucket AND compared OFFSET 0) AS held
        GROUP BY legal_entity, match_key
        HAVING sum(document_hash) FILTER (WHERE is_legacy) IS DISTINCT FROM sum(document_hash) FILTER (WHERE NOT is_legacy)
        UNION
        SELECT legal_entity, match_key FROM observed_document JOIN sides USING (company_id) WHERE twin AND compared
    )
    SELECT legal_entity, match_key FROM keys
    WHERE %(after_key)s::uuid IS NULL OR (legal_entity, match_key) > (%(after_entity)s::text, %(after_key)s::uuid)
    ORDER BY legal_entity, match_key LIMIT %(limit)s
"""
DOCUMENTS: LiteralString = f"""
    WITH {_SIDES} SELECT d.*, legal_entity, functional_currency, is_legacy, changes, coalesce(books_changed, false) AS books_changed
    FROM unnest(%(of_entities)s::text[], %(keys)s::uuid[]) AS k (legal_entity, match_key) JOIN sides USING (legal_entity)
    JOIN observed_document d USING (company_id, match_key)
    CROSS JOIN LATERAL (SELECT count(*) AS changes, bool_or(books) AS books_changed FROM observed_change c
                        WHERE c.document_id = d.document_id) AS changed
    WHERE compared OR deleted_at IS NOT NULL AND NOT baseline
    ORDER BY document_id
"""
LINES: LiteralString = """
    SELECT l.document_id, c.account, e.dimensions, e.party, e.tax_code, l.amount, l.functional_amount, l.tax_base
    FROM observed_line l JOIN observed_cell c USING (cell_id) JOIN observed_detail e USING (detail_id)
    WHERE l.document_id = ANY(%(ids)s) ORDER BY l.document_id, c.account, e.dimensions, e.party, e.tax_code
"""

MOVEMENTS: LiteralString = """
    SELECT period, account, currency, s.amount, s.functional_amount FROM ({sums}) AS s JOIN observed_cell c USING (cell_id)
    JOIN observed_company USING (company_id) WHERE erp = %(erp)s AND legal_entity = %(legal_entity)s AND book = %(book)s
    AND (s.amount <> 0 OR s.functional_amount <> 0) ORDER BY period, account, currency
"""
_ON_ACCOUNT: LiteralString = """
    FROM observed_document d JOIN observed_company USING (company_id) JOIN observed_line l USING (document_id)
    JOIN observed_cell c USING (cell_id)
    WHERE erp = %(erp)s AND legal_entity = %(legal_entity)s AND d.period = %(period)s AND d.book = %(book)s AND c.account = %(account)s
"""
DAYS: LiteralString = f"""
    SELECT d.accounting_on, sum(l.functional_amount), count(*) {_ON_ACCOUNT} GROUP BY d.accounting_on ORDER BY d.accounting_on
"""
NATIVE_IDS_ON: LiteralString = f"SELECT DISTINCT d.native_id {_ON_ACCOUNT} AND d.accounting_on = %(day)s ORDER BY d.native_id"

TOTALS: LiteralString = f"""
    WITH {_SIDES} SELECT CASE WHEN is_legacy THEN %(legacy)s ELSE %(cloud)s END, legal_entity, document_type, period, currency, count(*),
        sum(debit), sum(functional_debit)
    FROM observed_document JOIN sides USING (company_id)
    WHERE book = 'current' AND (%(of_periods)s::text[] IS NULL OR period = ANY(%(of_periods)s))
    GROUP BY is_legacy, legal_entity, document_type, period, currency ORDER BY legal_entity, document_type, period, currency, is_legacy DESC
"""
PARTIES: LiteralString = f"""
    WITH {_SIDES}, summed AS (
        SELECT cell_id, detail_id, sum(functional_amount) AS amount FROM observed_line
        WHERE cell_id IN (SELECT cell_id FROM observed_cell JOIN sides USING (company_id)
                          WHERE account = ANY(%(accounts)s) AND book = 'current')
        GROUP BY cell_id, detail_id
    ), balances AS (
        SELECT legal_entity, account, party, coalesce(sum(s.amount) FILTER (WHERE is_legacy), 0),
               coalesce(sum(s.amount) FILTER (WHERE NOT is_legacy), 0)
        FROM summed s JOIN observed_cell USING (cell_id) JOIN observed_detail USING (detail_id) JOIN sides USING (company_id)
        GROUP BY legal_entity, account, party
    )
    SELECT * FROM balances AS b (legal_entity, account, party, legacy, cloud) WHERE legacy <> cloud ORDER BY legal_entity, account, party
"""

# What is kept against what the rows say; nothing, unless a statement of ours is wrong or somebody altered the store.
DRIFT: LiteralString = """
    WITH company AS (SELECT company_id FROM observed_company WHERE erp = %(erp)s AND legal_entity = %(legal_entity)s), cells AS (
        SELECT cell_id, c.amount, c.functional_amount, c.lines, coalesce(l.amount, 0) AS found,
               coalesce(l.functional_amount, 0) AS functional, coalesce(l.lines, 0) AS counted
        FROM observed_cell c JOIN company USING (company_id) LEFT JOIN (
            SELECT cell_id, sum(amount) AS amount, sum(functional_amount) AS functional_amount, count(*) AS lines
            FROM observed_line GROUP BY cell_id) AS l USING (cell_id)
    ), slices AS (
        SELECT period, bucket, count(*) AS counted, sum(observed_digest(document_hash, match_key)) AS found
        FROM observed_document JOIN company USING (company_id) WHERE compared GROUP BY period, bucket
    )
    SELECT (SELECT count(*) FROM cells WHERE (amount, functional_amount, lines) <> (found, functional, counted))
         + (SELECT count(*) FROM (SELECT period, bucket, documents, digest FROM observed_slice JOIN company USING (company_id)) AS kept
            FULL JOIN slices USING (period, bucket)
            WHERE coalesce(documents, 0) <> coalesce(counted, 0) OR coalesce(digest, 0) <> coalesce(found, 0))
"""
