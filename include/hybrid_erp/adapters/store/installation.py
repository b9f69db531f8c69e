"""What a store can say of how it was installed: the login's duties, its schema, its partitions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import Connection, errors

SUPERUSER: LiteralString = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
DUTIES: LiteralString = "SELECT duty FROM unnest(%s::text[]) AS duty WHERE to_regrole(duty) IS NOT NULL AND pg_has_role(duty, 'MEMBER')"
PARTITIONS_AHEAD: LiteralString = """
    SELECT count(*) FROM unnest(ARRAY['posting', 'delivery', 'audit']) AS parent
    WHERE to_regclass(parent || to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '1 month', '"_"YYYY_MM')) IS NOT NULL
"""
PARTITIONED: Final = 3
MIGRATIONS: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class PostgresInstallation:
    """Asks by one login; the connection is in autocommit."""

    connection: Connection[tuple[Any, ...]]

    def is_superuser(self) -> bool:
        """Whether no right binds this login."""
        return bool(self._one(SUPERUSER))

    def duties(self, known: Collection[str]) -> Sequence[str]:
        """Of these group roles, those that the login is a member of."""
        return [duty for (duty,) in self.connection.execute(DUTIES, (sorted(known),))]

    def schema(self) -> str | None:
        """The revision of the store's schema; None where it was never migrated."""
        try:
            return str(self._one("SELECT version_num FROM alembic_version"))
        except errors.UndefinedTable:
            return None

    def has_next_month(self) -> bool:
        """Whether next month's rows have partitions of their own."""
        return bool(self._one(PARTITIONS_AHEAD) == PARTITIONED)

    def _one(self, statement: LiteralString) -> Any:
        row = self.connection.execute(statement).fetchone()
        assert row is not None
        return row[0]


def newest_schema() -> str:
    """The revision that this package's migrations lead to."""
    return str(_migrations().get_current_head())


def is_known_schema(revision: str) -> bool:
    """Whether this package has the migration that leads to a revision; if not, a newer package has migrated the store."""
    return revision in {each.revision for each in _migrations().walk_revisions()}


def _migrations() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)
