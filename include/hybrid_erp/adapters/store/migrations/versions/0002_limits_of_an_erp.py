"""The limits of an ERP: whose turn it is at a company, how many turns there are at once, and which companies do not answer."""

from alembic import op

revision = "0002"
down_revision = "0001"

# A turn is the right to write to one company of one ERP, with an end; it occupies one of the ERP's slots. The two keys are the two limits:
# one writer a company, one turn a slot. A turn that has ended by itself is deleted by whoever asks next.
TURNS = """
CREATE TABLE turn (
    erp          text NOT NULL,
    role         text NOT NULL CHECK (role IN ('control', 'candidate')),
    legal_entity text NOT NULL,
    slot         integer NOT NULL CHECK (slot >= 1),
    token        uuid NOT NULL,
    held_by      text NOT NULL,
    taken_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until  timestamptz NOT NULL,
    PRIMARY KEY (erp, role, legal_entity),
    UNIQUE (erp, role, slot)
);
COMMENT ON COLUMN turn.role IS 'Deliveries of what the ERP owns, pinned entities among it, or of copies: each has slots of its own.';
"""

# A row: the company was found unavailable and has posted nothing since. Before `closed_until` nobody asks it; after that, whoever gets the
# company's turn asks it once who it is.
OUTAGES = """
CREATE TABLE outage (
    erp          text NOT NULL,
    role         text NOT NULL CHECK (role IN ('control', 'candidate')),
    legal_entity text NOT NULL,
    began_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    failed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_until timestamptz NOT NULL,
    failures     integer NOT NULL DEFAULT 1 CHECK (failures >= 1),
    reason       text NOT NULL,
    PRIMARY KEY (erp, role, legal_entity)
);
COMMENT ON COLUMN outage.failures IS 'In a row, with nothing posted between them.';
"""

RIGHTS = """
GRANT SELECT ON turn, outage TO hybrid_erp_intake, hybrid_erp_delivery, hybrid_erp_cutover, hybrid_erp_reader;
GRANT INSERT, UPDATE, DELETE ON turn, outage TO hybrid_erp_delivery;
"""


def upgrade() -> None:
    """Make both tables."""
    for statements in (TURNS, OUTAGES, RIGHTS):
        op.get_bind().exec_driver_sql(statements)
