"""Who stays at an ERP for a moment after the last posting, so that the next one needs no new run."""

from alembic import op

revision = "0011"
down_revision = "0010"

# A hint with an end: while it lasts, the bell of these deliveries is silent, because somebody looks for what comes in.
ATTENDANCE = """
CREATE TABLE attendance (
    erp     text NOT NULL,
    role    text NOT NULL CHECK (role IN ('control', 'candidate')),
    token   uuid NOT NULL,
    held_by text NOT NULL,
    until   timestamptz NOT NULL,
    PRIMARY KEY (erp, role)
);
GRANT SELECT ON attendance TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT, UPDATE, DELETE ON attendance TO hybrid_erp_delivery;
"""


def upgrade() -> None:
    """Make the table."""
    op.get_bind().exec_driver_sql(ATTENDANCE)
