"""What each ERP's books hold, as posted there or read there: documents, lines, and sums that need no second reading."""

from alembic import op

revision = "0004"
down_revision = "0003"

# A company of an ERP, and up to where it has been read. Cells and details are dictionaries: a line bears two small numbers for them.
# Amounts are numeric: as narrow as an integer of eight bytes for what people book, and no digit of an ERP is ever lost.
DICTIONARIES = """
CREATE TABLE observed_company (
    company_id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erp                 text NOT NULL,
    legal_entity        text NOT NULL,
    functional_currency text,
    cursor              text,
    cursor_at           timestamptz,
    UNIQUE (erp, legal_entity)
);
COMMENT ON COLUMN observed_company.cursor IS 'The high-water mark: every change before it is here.';

CREATE TABLE observed_cell (
    cell_id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company_id        integer NOT NULL REFERENCES observed_company,
    period            text NOT NULL,
    account           text NOT NULL,
    currency          text NOT NULL,
    book              text NOT NULL CHECK (book IN ('current', 'baseline', 'outside')),
    amount            numeric NOT NULL DEFAULT 0,
    functional_amount numeric NOT NULL DEFAULT 0,
    lines             bigint NOT NULL DEFAULT 0,
    UNIQUE (company_id, period, account, currency, book)
) WITH (fillfactor = 80);
COMMENT ON TABLE observed_cell IS 'A cell of the trial balance and the sum of its lines, debit positive.';
COMMENT ON COLUMN observed_cell.book IS 'baseline: up to the boundary of the load; outside: drafts and what was deleted.';

CREATE TABLE observed_detail (
    detail_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dimensions text NOT NULL,
    party      text NOT NULL,
    tax_code   text NOT NULL,
    UNIQUE (dimensions, party, tax_code)
);
COMMENT ON COLUMN observed_detail.dimensions IS 'A JSON list of (name, value), sorted.';

CREATE TABLE observed_slice (
    company_id integer NOT NULL REFERENCES observed_company,
    period     text NOT NULL,
    bucket     smallint NOT NULL,
    documents  bigint NOT NULL,
    digest     numeric NOT NULL,
    PRIMARY KEY (company_id, period, bucket)
) WITH (fillfactor = 80);
COMMENT ON TABLE observed_slice IS 'The documents of a period whose keys fall into a bucket: their count and the sum of their digests.';
"""

# `match_key` is what documents of two ERPs are compared under: the posting that they are, else that of what they were derived from, else
# a key that no other document has.
DOCUMENTS = """
CREATE SEQUENCE observed_document_seq;

CREATE TABLE observed_document (
    document_id      bigint PRIMARY KEY,
    company_id       integer NOT NULL REFERENCES observed_company,
    native_id        text NOT NULL,
    match_key        uuid NOT NULL,
    posting_id       uuid,
    origin           text NOT NULL,
    document_type    text,
    number           text NOT NULL,
    legal_number     text,
    party            text,
    from_native_id   text,
    period_run       text,
    posted           boolean NOT NULL,
    accounting_on    date NOT NULL,
    period           text NOT NULL,
    currency         text NOT NULL,
    issued_on        date,
    due_on           date,
    line_count       integer NOT NULL,
    debit            numeric NOT NULL,
    functional_debit numeric NOT NULL,
    booking_hash     bigint NOT NULL,
    document_hash    bigint NOT NULL,
    read             boolean NOT NULL,
    baseline         boolean NOT NULL,
    twin             boolean NOT NULL DEFAULT false,
    changed_at       timestamptz,
    first_seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at       timestamptz,
    bucket           smallint NOT NULL GENERATED ALWAYS AS ((uuid_hash_extended(match_key, 0) & 4095)::smallint) STORED,
    compared         boolean NOT NULL GENERATED ALWAYS AS
                     (deleted_at IS NULL AND NOT baseline AND (posted OR posting_id IS NOT NULL)) STORED,
    book             text NOT NULL GENERATED ALWAYS AS
                     (CASE WHEN deleted_at IS NOT NULL OR NOT posted THEN 'outside'
                           WHEN baseline THEN 'baseline' ELSE 'current' END) STORED,
    UNIQUE (company_id, native_id)
) WITH (fillfactor = 90);
COMMENT ON COLUMN observed_document.read IS 'False: known from our own receipt; the ERP was not asked since.';
COMMENT ON COLUMN observed_document.twin IS 'Another document of the company that nothing derived bears the same key.';
COMMENT ON COLUMN observed_document.compared IS 'A draft is compared only if it bears our key: then the other ERP may have posted it.';
CREATE INDEX observed_document_key ON observed_document (company_id, match_key);
CREATE INDEX observed_document_slice ON observed_document (company_id, period, bucket) INCLUDE (match_key, document_hash) WHERE compared;
CREATE INDEX observed_document_derived ON observed_document (company_id, from_native_id) WHERE origin = 'derived';
CREATE INDEX observed_document_twin ON observed_document (company_id) WHERE twin;

CREATE TABLE observed_line (
    document_id       bigint NOT NULL,
    cell_id           integer NOT NULL,
    detail_id         integer NOT NULL,
    amount            numeric NOT NULL,
    functional_amount numeric NOT NULL,
    tax_base          numeric
);
COMMENT ON TABLE observed_line IS 'What a document books under one account, dimensions, party and tax code: the sum.';
CREATE INDEX observed_line_document ON observed_line (document_id);

CREATE TABLE observed_change (
    change_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id     bigint NOT NULL,
    what            text NOT NULL CHECK (what IN ('changed', 'deleted', 'returned')),
    books           boolean NOT NULL,
    hash_before     bigint NOT NULL,
    hash_after      bigint,
    changed_at      timestamptz,
    observed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN observed_change.books IS 'Whether what it books is another, not only a name or a number of it.';
COMMENT ON COLUMN observed_change.changed_at IS 'By the ERP''s own clock, where it tells.';
CREATE INDEX observed_change_document ON observed_change (document_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON observed_change FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON observed_change FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# Words, dates and amounts go into a hash, never our own numbers of them; as one text, because the hash of a numeric leaves out its sign and
# that of a row adds up those of its columns, where exchanged amounts cancel. Lines have distinct keys within a document, so that none
# cancels another in the exclusive or; digests of documents are summed: equal ones do not cancel, and a change needs no look at the others.
HASHES = """
CREATE FUNCTION observed_line_hash(account text, dimensions text, party text, tax_code text, amount numeric, functional_amount numeric)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(account || chr(31) || dimensions || chr(31) || party || chr(31) || tax_code || chr(31) || trim_scale(amount)::text
                        || chr(31) || trim_scale(functional_amount)::text, 0);

CREATE FUNCTION observed_base_hash(account text, dimensions text, party text, tax_code text, tax_base numeric)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(account || chr(31) || dimensions || chr(31) || party || chr(31) || tax_code || chr(31)
                        || trim_scale(tax_base)::text, 1);

CREATE FUNCTION observed_day(day date) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN chr(31) || coalesce((day - date '2000-01-01')::text, '');

CREATE FUNCTION observed_booking_hash(accounting_on date, currency text, functional_currency text, lines_hash bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(currency || chr(31) || functional_currency || observed_day(accounting_on) || chr(31)
                        || coalesce(lines_hash::text, ''), 2);

CREATE FUNCTION observed_document_hash(booking_hash bigint, bases_hash bigint, posted boolean, legal_number text, party text,
                                       issued_on date, due_on date)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(booking_hash::text || chr(31) || coalesce(bases_hash::text, '') || chr(31) || posted::text || chr(31)
                        || coalesce(legal_number, chr(30)) || chr(31) || coalesce(party, chr(30)) || observed_day(issued_on)
                        || observed_day(due_on), 3);

CREATE FUNCTION observed_digest(document_hash bigint, match_key uuid)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(document_hash::text || chr(31) || match_key::text, 4);
"""

RIGHTS = """
GRANT SELECT ON observed_company, observed_cell, observed_detail, observed_slice, observed_document, observed_line, observed_change
    TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT, UPDATE ON observed_company, observed_cell, observed_detail, observed_slice, observed_document TO hybrid_erp_delivery;
GRANT INSERT, UPDATE, DELETE ON observed_line TO hybrid_erp_delivery;
GRANT INSERT ON observed_change TO hybrid_erp_delivery;
GRANT USAGE ON SEQUENCE observed_document_seq TO hybrid_erp_delivery;
DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO hybrid_erp_delivery', current_database()); END $$;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (DICTIONARIES, DOCUMENTS, HASHES, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
