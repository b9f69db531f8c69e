"""Reconciliations: what was found, of which instant, by which questions, and the verdict."""

from alembic import op

revision = "0005"
down_revision = "0004"

# A reconciliation is written legal entity by legal entity: whoever runs it again goes on after those that are there.
RECONCILIATIONS = """
CREATE TABLE reconciliation (
    reconciliation_id uuid PRIMARY KEY,
    region            text NOT NULL,
    legacy            text NOT NULL,
    cloud             text NOT NULL,
    legal_entities    text[] NOT NULL,
    depth             text NOT NULL CHECK (depth IN ('changed', 'all')),
    requested_by      text NOT NULL,
    run               text NOT NULL,
    configuration     text NOT NULL,
    mappings          jsonb NOT NULL,
    plan              jsonb NOT NULL,
    started_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at       timestamptz,
    passed            boolean,
    reasons           text[],
    UNIQUE (region, run),
    CHECK ((finished_at IS NULL) = (passed IS NULL))
);
CREATE INDEX reconciliation_of_region ON reconciliation (region, started_at DESC);
COMMENT ON COLUMN reconciliation.run IS 'The run that it belongs to: tried again, it goes on with the same reconciliation.';
COMMENT ON COLUMN reconciliation.configuration IS 'SHA-256 of the configuration folder.';
COMMENT ON COLUMN reconciliation.mappings IS 'The version of each ERP''s mapping.';
COMMENT ON COLUMN reconciliation.plan IS 'The tolerances and ignored aspects that were in force.';

CREATE TABLE reconciliation_entity (
    reconciliation_id uuid NOT NULL REFERENCES reconciliation,
    legal_entity      text NOT NULL,
    currency          text NOT NULL,
    instant           timestamptz NOT NULL,
    settle_position   bigint NOT NULL,
    legacy_cursor     text NOT NULL,
    cloud_cursor      text NOT NULL,
    looks             integer NOT NULL,
    passed            boolean NOT NULL,
    reasons           text[] NOT NULL,
    written_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (reconciliation_id, legal_entity)
);
COMMENT ON COLUMN reconciliation_entity.settle_position IS 'The last posting settled that it covers.';
COMMENT ON COLUMN reconciliation_entity.legacy_cursor IS 'The high-water mark of native documents that it covers.';
"""

FINDINGS = """
CREATE TABLE reconciliation_balance (
    reconciliation_id uuid NOT NULL,
    legal_entity      text NOT NULL,
    period            text NOT NULL,
    account           text NOT NULL,
    currency          text NOT NULL,
    legacy            numeric NOT NULL,
    cloud             numeric NOT NULL,
    native_legacy     text[] NOT NULL,
    native_cloud      text[] NOT NULL,
    PRIMARY KEY (reconciliation_id, legal_entity, period, account, currency),
    FOREIGN KEY (reconciliation_id, legal_entity) REFERENCES reconciliation_entity
);
CREATE TABLE reconciliation_difference (
    reconciliation_id uuid NOT NULL,
    legal_entity      text NOT NULL,
    difference_no     integer NOT NULL,
    class             text NOT NULL,
    aspect            text NOT NULL,
    gross             numeric NOT NULL CHECK (gross >= 0),
    moved             numeric NOT NULL,
    legacy            text NOT NULL,
    cloud             text NOT NULL,
    posting_id        uuid,
    legacy_id         text,
    cloud_id          text,
    number            text NOT NULL,
    document_type     text NOT NULL,
    why               text NOT NULL,
    ignored           text NOT NULL CHECK (ignored = '' OR gross = 0),
    arrived           boolean NOT NULL,
    PRIMARY KEY (reconciliation_id, legal_entity, difference_no),
    FOREIGN KEY (reconciliation_id, legal_entity) REFERENCES reconciliation_entity
);
CREATE TABLE reconciliation_amount (
    reconciliation_id uuid NOT NULL,
    legal_entity      text NOT NULL,
    difference_no     integer NOT NULL,
    period            text NOT NULL,
    account           text NOT NULL,
    currency          text NOT NULL,
    amount            numeric NOT NULL,
    PRIMARY KEY (reconciliation_id, legal_entity, difference_no, period, account, currency),
    FOREIGN KEY (reconciliation_id, legal_entity, difference_no) REFERENCES reconciliation_difference
);
COMMENT ON TABLE reconciliation_amount IS 'By how much each cell differs because of it, cloud less legacy: in sum what the trial
balance differs by, to the cent.';
CREATE TABLE reconciliation_left_out (
    reconciliation_id uuid NOT NULL,
    legal_entity      text NOT NULL,
    place             integer NOT NULL,
    erp               text NOT NULL,
    accounts          text[] NOT NULL,
    scope             text NOT NULL,
    owner             text NOT NULL,
    reason            text NOT NULL,
    currency          text NOT NULL,
    amount            numeric NOT NULL,
    control_total     numeric,
    PRIMARY KEY (reconciliation_id, legal_entity, place),
    FOREIGN KEY (reconciliation_id, legal_entity) REFERENCES reconciliation_entity
);
CREATE TABLE reconciliation_check (
    reconciliation_id uuid NOT NULL,
    legal_entity      text NOT NULL,
    place             integer NOT NULL,
    erp               text NOT NULL,
    name              text NOT NULL,
    expected          text NOT NULL,
    found             text NOT NULL,
    holds             boolean NOT NULL,
    remedy            text NOT NULL,
    PRIMARY KEY (reconciliation_id, legal_entity, place),
    FOREIGN KEY (reconciliation_id, legal_entity) REFERENCES reconciliation_entity
);
CREATE TABLE reconciliation_evidence (
    reconciliation_id uuid NOT NULL,
    legal_entity      text NOT NULL,
    place             integer NOT NULL,
    erp               text NOT NULL,
    figure            text NOT NULL,
    source            text NOT NULL,
    query             text NOT NULL,
    parameters        jsonb NOT NULL,
    row_count         bigint NOT NULL,
    control_total     text NOT NULL,
    instant           timestamptz NOT NULL,
    PRIMARY KEY (reconciliation_id, legal_entity, place),
    FOREIGN KEY (reconciliation_id, legal_entity) REFERENCES reconciliation_entity
);
"""

# What was found once is evidence: nobody changes it. Only the verdict of a reconciliation is added, once.
RIGHTS = """
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['reconciliation_entity', 'reconciliation_balance', 'reconciliation_difference', 'reconciliation_amount',
                                'reconciliation_left_out', 'reconciliation_check', 'reconciliation_evidence'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('GRANT SELECT ON %I TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader', name);
        EXECUTE format('GRANT INSERT ON %I TO hybrid_erp_delivery', name);
    END LOOP;
END $$;
GRANT SELECT ON reconciliation TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT, UPDATE (finished_at, passed, reasons) ON reconciliation TO hybrid_erp_delivery;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (RECONCILIATIONS, FINDINGS, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
