"""`make up`: one site that stays until `make down`."""

from __future__ import annotations

from sandbox import erps
from sandbox.launch import Progress, is_guarded
from sandbox.locks import exclusive
from sandbox.places import UP
from sandbox.site import ROLES, Site, new_site, start

CANONICAL_API_PATH = "/hybrid-erp"


def up(progress: Progress) -> str:
    """Start the site unless it runs; returns what a person needs to use it.

    Raises:
        StartError: A part failed; nothing runs any more.
    """
    with exclusive(UP.with_suffix(".lock"), progress, "another `make up` of this folder"):
        if is_guarded(UP):
            return "Hybrid ERP is up already.\n\n" + welcome(Site.load(UP))
        site = new_site(UP, progress, airflow=True)
        start(site, progress, temporary=False).let_go()
    return "Hybrid ERP is up.\n\n" + welcome(site)


def welcome(site: Site) -> str:
    """Addresses and logins: the only place where passwords are shown."""
    logins = "\n".join(f"    {login:<11} {site.logins[login]:<18} ({role})" for login, role in ROLES.items())
    companies = "\n".join(f"    {line}" for line in erps.addresses(site.cluster, site.ports))
    return (
        f"  Airflow        {site.airflow_url}\n{logins}\n"
        f"  Canonical API  {site.airflow_url}{CANONICAL_API_PATH}\n"
        f"  PostgreSQL     {site.cluster.dsn()}\n"
        f"  Evidence key   {site.public_key}\n"
        f"  ERPs\n{companies}\n\n"
        f"  Logs are in {site.folder / 'logs'}. Stop with `make down`."
    )
