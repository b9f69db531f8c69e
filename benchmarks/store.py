"""A store of its own for a benchmark, in the site's PostgreSQL."""

from __future__ import annotations

import psycopg

from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.adapters.store.ownership import PostgresOwnership
from hybrid_erp.operations.establish import establish_ownership
from hybrid_erp.settings import load_settings
from sandbox.site import Site
from sandbox.store_setup import login_of, make_logins
from tests.builders import CONFIG


def a_bench_store(site: Site, database: str) -> str:
    """A fresh store with the first ownership of every region; its database's name."""
    site.cluster.create_database(database)
    migrate(site.cluster.dsn(database))
    make_logins(site.cluster)
    with psycopg.connect(site.cluster.dsn(database, login_of("cutover")), autocommit=True) as connection:
        establish_ownership(load_settings(CONFIG).regions.values(), PostgresOwnership(connection), by="bench")
    return database
