"""Books of many lines, equal in two ERPs, made by the store itself; and the same lines in plain tables for another comparator.

The schema, the functions that hash and the indexes are the product's; tables are unlogged and indexes are made after the rows, so that
making them takes a minute or two.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection, sql

LEGACY, CLOUD, ENTITY = "large-legacy", "large-cloud", "DE01"
LINES_EACH: Final = 4

_TABLES: Final = ("observed_line", "observed_document", "observed_slice", "observed_cell")
INDEXES: Final = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid IN ('observed_line'::regclass, 'observed_document'::regclass) AND NOT indisprimary AND NOT indisunique
"""

SETTINGS: Final = ("SET jit = off", "SET work_mem = '256MB'", "SET maintenance_work_mem = '512MB'")
WITHOUT_FOREIGN_KEYS: Final = "ALTER TABLE observed_document DROP CONSTRAINT observed_document_company_id_fkey"
COMPANIES: Final = """
    INSERT INTO observed_company (erp, legal_entity, functional_currency) VALUES (%s, %s, 'EUR'), (%s, %s, 'EUR')
    RETURNING company_id
"""
DICTIONARIES: Final = (
    """
    INSERT INTO observed_cell (company_id, period, account, currency, book)
    SELECT company_id, '2026-' || lpad(month::text, 2, '0'), (1000 * place + number)::text, 'EUR', 'current'
    FROM observed_company, generate_series(1, 12) AS month, generate_series(1, 4) AS place, generate_series(0, 24) AS number
    """,
    """
    INSERT INTO observed_detail (dimensions, party, tax_code)
    SELECT jsonb_build_array(jsonb_build_array('cost_centre', 'CC-' || number %% 50),
                             jsonb_build_array('project', 'P-' || number / 50))::text, '', ''
    FROM generate_series(0, 49999) AS number
    """,
    "ANALYZE observed_cell, observed_detail",
    """
    CREATE UNLOGGED TABLE large_document AS
    SELECT number, md5(number::text)::uuid AS posting_id, date '2026-01-01' + number %% 360 AS accounting_on,
           ARRAY[1000 + number %% 25, 2000 + number %% 23, 3000 + number %% 19, 4000 + number %% 17]::text[] AS accounts,
           ARRAY[number %% 50000 + 1, number %% 49999 + 1, number %% 49993 + 1, number %% 49991 + 1] AS details,
           ARRAY[number %% 1000003 + 100, number %% 700001 + 7, -(number %% 500009) - 3,
                 -(number %% 1000003) - (number %% 700001) + number %% 500009 - 104]::numeric[] AS cents
    FROM generate_series(1, %(documents)s) AS number
    """,
)

LINES: LiteralString = """
    INSERT INTO observed_line (document_id, cell_id, detail_id, amount, functional_amount)
    SELECT %(first)s + d.number, c.cell_id, details[place], round(cents[place] / 100, 2), round(cents[place] / 100, 2)
    FROM large_document d CROSS JOIN generate_series(1, 4) AS place
    JOIN observed_cell c ON c.company_id = %(company)s AND c.period = to_char(d.accounting_on, 'YYYY-MM') AND c.account = accounts[place]
"""
HASHED: LiteralString = """
    SELECT d.number, d.posting_id, d.accounting_on,
           observed_booking_hash(accounting_on, 'EUR', 'EUR',
               bit_xor(observed_line_hash(accounts[place], e.dimensions, '', '', cents[place] / 100, cents[place] / 100))) AS booking_hash
    FROM large_document d CROSS JOIN generate_series(1, 4) AS place JOIN observed_detail e ON e.detail_id = details[place]
    GROUP BY d.number, d.posting_id, d.accounting_on
"""
HASH: LiteralString = f"CREATE UNLOGGED TABLE large_hash AS {HASHED}"
DOCUMENTS: LiteralString = """
    INSERT INTO observed_document (document_id, company_id, native_id, match_key, posting_id, origin, number, posted, accounting_on, period,
        currency, line_count, debit, functional_debit, booking_hash, document_hash, read, baseline)
    SELECT %(first)s + number, %(company)s, 'entry,' || number, posting_id, posting_id, 'facade', number::text, true, accounting_on,
        to_char(accounting_on, 'YYYY-MM'), 'EUR', 4, 0, 0, booking_hash,
        observed_document_hash(booking_hash, NULL, true, NULL, NULL, NULL, NULL), true, false
    FROM large_hash ORDER BY number
"""
SUMS: Final = (
    """
    UPDATE observed_cell c SET amount = l.amount, functional_amount = l.functional_amount, lines = l.lines
    FROM (SELECT cell_id, sum(amount) AS amount, sum(functional_amount) AS functional_amount, count(*) AS lines
          FROM observed_line GROUP BY cell_id) AS l WHERE l.cell_id = c.cell_id
    """,
    """
    INSERT INTO observed_slice SELECT company_id, period, bucket, count(*), sum(observed_digest(document_hash, match_key))
    FROM observed_document GROUP BY company_id, period, bucket
    """,
    "SELECT setval('observed_document_seq', 1000000000)",
)

PLAIN: LiteralString = """
    CREATE UNLOGGED TABLE {table} AS
    SELECT (d.number::bigint - 1) * 4 + place AS line_id, d.posting_id, to_char(d.accounting_on, 'YYYY-MM') AS period,
           accounts[place] AS account, details[place] AS detail, (cents[place] / 100)::numeric(14, 2) AS amount
    FROM large_document d CROSS JOIN generate_series(1, 4) AS place
"""
PLAIN_ERROR: LiteralString = "UPDATE {table} SET amount = amount + 0.01 WHERE line_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Made:
    """What it took to make them, in seconds."""

    hashing_seconds: float
    total_seconds: float


def make_mirrors(connection: Connection[tuple[Any, ...]], lines: int) -> Made:
    """Two mirrors of so many lines each, equal to the cent."""
    began_at = time.perf_counter()
    for setting in SETTINGS:
        connection.execute(setting)
    connection.execute(WITHOUT_FOREIGN_KEYS)
    for table in _TABLES:
        connection.execute(sql.SQL("ALTER TABLE {} SET UNLOGGED").format(sql.Identifier(table)))
    indexes = connection.execute(INDEXES).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    companies = [row[0] for row in connection.execute(COMPANIES, (LEGACY, ENTITY, CLOUD, ENTITY))]
    documents = lines // LINES_EACH
    for statement in DICTIONARIES:
        connection.execute(statement, {"documents": documents})
    hashing_began_at = time.perf_counter()
    connection.execute(HASH)
    hashing_seconds = time.perf_counter() - hashing_began_at
    for place, company in enumerate(companies):
        terms = {"company": company, "first": place * documents}
        connection.execute(DOCUMENTS, terms)
        connection.execute(LINES, terms)
    for statement in SUMS:
        connection.execute(statement)
    for _, definition in indexes:
        connection.execute(definition.encode())
    connection.execute("VACUUM ANALYZE observed_line, observed_document, observed_slice, observed_cell")
    return Made(hashing_seconds, time.perf_counter() - began_at)


def make_plain(connection: Connection[tuple[Any, ...]], tables: tuple[str, str], errors: list[int]) -> None:
    """The same lines in two plain tables with a primary key; in the second, these lines are a cent off."""
    for table in tables:
        connection.execute(sql.SQL(PLAIN).format(table=sql.Identifier(table)))
        connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (line_id)").format(sql.Identifier(table)))
    connection.execute(sql.SQL(PLAIN_ERROR).format(table=sql.Identifier(tables[1])), (errors,))
    for table in tables:
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
