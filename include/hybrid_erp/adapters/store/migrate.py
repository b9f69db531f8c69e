"""Bring the store's schema up to date. Run by the platform team under the migration role, never by a task."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

# Two deployments at once: the second waits.
# The class constants of advisory locks are: 1 ownership, 2 migration, 3 audit seal, 4 versions of a document, 5 a mirror, 6 the issue
# of a source's keys.
MIGRATION_LOCK = "SELECT pg_advisory_lock(2, 0)"


def migrate(dsn: str) -> None:
    """Apply every migration that is missing; a libpq URL of a login that owns the store's database."""
    engine = create_engine(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection:
        connection.exec_driver_sql(MIGRATION_LOCK)
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()
