"""Figures of projects, as a reconciliation found them in both ERPs."""

from alembic import op

revision = "0012"
down_revision = "0011"

PROJECTS = """
CREATE TABLE reconciliation_project (
    reconciliation_id uuid NOT NULL,
    legal_entity      text NOT NULL,
    project           text NOT NULL,
    figure            text NOT NULL,
    unit              text NOT NULL,
    legacy            numeric,
    cloud             numeric,
    classes           jsonb NOT NULL,
    PRIMARY KEY (reconciliation_id, legal_entity, project, figure),
    FOREIGN KEY (reconciliation_id, legal_entity) REFERENCES reconciliation_entity
);
COMMENT ON TABLE reconciliation_project IS 'Another cut of what the trial balance and the documents say: never added to their money.';
COMMENT ON COLUMN reconciliation_project.legacy IS 'Null: this ERP does not tell it.';
COMMENT ON COLUMN reconciliation_project.classes IS 'By how much it differs because of each class, cloud less legacy.';
"""

# The few time entries that are never to be billed are asked for by each reconciliation: not by a look at every posting.
UNBILLABLE = """
CREATE INDEX posting_unbillable ON posting (posting_id) WHERE document_type = 'time_entry' AND data->>'billable' = 'false';
"""

RIGHTS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reconciliation_project FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON reconciliation_project FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON reconciliation_project TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT ON reconciliation_project TO hybrid_erp_delivery;
"""


def upgrade() -> None:
    """Make everything."""
    for statements in (PROJECTS, UNBILLABLE, RIGHTS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
