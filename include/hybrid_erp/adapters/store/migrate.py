"""Bring the store's schema up to date. Run by the platform team under the migration role, never by a task."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from hybrid_erp.adapters.sessions import connect_directly
from hybrid_erp.adapters.store.installation import is_known_schema, newest_schema
from hybrid_erp.model.errors import StoreNewerError

# Two deployments at once: the second waits.
# The class constants of advisory locks are: 1 ownership, 2 migration, 3 audit seal, 4 versions of a document, 5 a mirror, 6 the issue
# of a source's keys.
MIGRATION_LOCK = "SELECT pg_advisory_lock(2, 0)"


def migrate(dsn: str) -> None:
    """Apply every migration that is missing; a libpq URL of a login that owns the store's database.

    Raises:
        SharedSessionError: The URL leads through a pooler. Nothing is changed.
        StoreNewerError: A newer package has migrated the store further than this one knows. Nothing is changed.
    """
    connect_directly(dsn).close()
    engine = create_engine(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection:
        connection.exec_driver_sql(MIGRATION_LOCK)
        connection.commit()
        _refuse_a_newer_store(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()


def _refuse_a_newer_store(connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    if found is not None and not is_known_schema(found):
        raise StoreNewerError(f"The store's schema is {found}, and this package ends at {newest_schema()}.")
