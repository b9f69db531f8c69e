"""The one-off steps of a site, each a program of its own so that the supervisor can watch and end it.

Run as `python -m sandbox.steps VERB FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox import airflow_parts
from sandbox.site import Site
from sandbox.store_setup import prepare_store


def start_database(site: Site) -> None:
    """Start PostgreSQL; a lock file of a server that died with its machine or its supervisor does not stop it."""
    site.cluster.start()


def stop_database(site: Site) -> None:
    """Stop PostgreSQL in order, if it runs."""
    if site.cluster.running():
        site.cluster.stop()


def adopt_master_data(_: Site) -> None:
    """Enter what both ERPs held before the facade into the crosswalk: the ERPs are asked, through their connections."""
    from hybrid_erp.wiring.cli import main as hybrid_erp

    if status := hybrid_erp(["adopt"]):
        sys.exit(status)


def make_pools(site: Site) -> None:
    """Make Airflow's pools, from the site's configuration."""
    airflow_parts.make_pools(site.config)


STEPS = {
    "start-database": start_database,
    "prepare-store": prepare_store,
    "stop-database": stop_database,
    "adopt-master-data": adopt_master_data,
    "make-pools": make_pools,
}


def main() -> None:
    """Do one step."""
    verb, folder = sys.argv[1:]
    STEPS[verb](Site.load(Path(folder)))


if __name__ == "__main__":
    main()
