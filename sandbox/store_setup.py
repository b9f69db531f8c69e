"""The Hybrid ERP store of a site: its database, and the Airflow Connections by which the product reaches it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from hybrid_erp.adapters.store.migrate import migrate
from hybrid_erp.adapters.store.ownership import PostgresOwnership
from hybrid_erp.operations.establish import establish_ownership
from hybrid_erp.settings import load_settings
from sandbox.postgres import HOST, Cluster

if TYPE_CHECKING:
    from sandbox.site import Site

DATABASE = "hybrid_erp"
DUTIES = ("intake", "delivery", "cutover", "reader", "capture", "retention")


def prepare_store(site: Site) -> None:
    """Make the store ready in a site whose PostgreSQL runs; called once at each start, before the ERPs and Airflow are used."""
    if not site.cluster.has_database(DATABASE):
        site.cluster.create_database(DATABASE)
    migrate(site.cluster.dsn(DATABASE))
    make_logins(site.cluster)
    with psycopg.connect(site.cluster.dsn(DATABASE, login_of("cutover")), autocommit=True) as connection:
        establish_ownership(load_settings(site.config).regions.values(), PostgresOwnership(connection), by="sandbox")


def make_logins(cluster: Cluster) -> None:
    """One login for each duty, as a firm's database administrator would make them."""
    with cluster.admin() as connection:
        for duty in DUTIES:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login_of(duty),)).fetchone() is None:
                names = sql.Identifier(login_of(duty)), sql.Identifier(f"hybrid_erp_{duty}")
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(*names))


def login_of(duty: str) -> str:
    """The login of a duty."""
    return f"hybrid_erp_{duty}_login"


def store_connections(cluster: Cluster) -> dict[str, dict[str, object]]:
    """The Airflow Connections of the store, by id: one for each duty."""
    return {
        f"hybrid_erp_{duty}": {"conn_type": "postgres", "host": HOST, "port": cluster.port, "login": login_of(duty), "schema": DATABASE}
        for duty in DUTIES
    }


def evidence_connections(private_key: str, heads: Path) -> dict[str, dict[str, object]]:
    """The Airflow Connections of the key that evidence is signed with, and of the folder in which the audit trail's heads are kept."""
    return {
        "hybrid_erp_evidence_key": {"conn_type": "generic", "password": private_key},
        "hybrid_erp_audit_heads": {"conn_type": "fs", "extra": {"path": str(heads)}},
    }
