"""The Hybrid ERP store of a site: its database, and the Airflow Connections by which the product reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.postgres import HOST, SUPERUSER, Cluster

if TYPE_CHECKING:
    from sandbox.site import Site

DATABASE = "hybrid_erp"


def prepare_store(site: Site) -> None:
    """Make the store ready in a site whose PostgreSQL runs; called once at each start, before the ERPs and Airflow are used."""
    if not site.cluster.has_database(DATABASE):
        site.cluster.create_database(DATABASE)


def store_connections(cluster: Cluster) -> dict[str, dict[str, object]]:
    """The Airflow Connections of the store, by id."""
    return {"hybrid_erp_store": {"conn_type": "postgres", "host": HOST, "port": cluster.port, "login": SUPERUSER, "schema": DATABASE}}
