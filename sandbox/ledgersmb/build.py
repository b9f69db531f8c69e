"""Build every company of the legacy ERP in a running cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hybrid_erp.model.mapping import Mapping
from hybrid_erp.settings import CompanySettings, Settings, load_settings
from sandbox.ledgersmb.company import chart_plan, furnish
from sandbox.ledgersmb.credentials import CUSTODIAN, LOGINS, create_logins, login_name
from sandbox.ledgersmb.package import fetch
from sandbox.ledgersmb.schema import build_template, create_company
from sandbox.postgres import HOST, Cluster

PACK = "ledgersmb"
CONFIG = Path(__file__).parents[2] / "config"
INDEXES = CONFIG / "packs" / PACK / "indexes.sql"


def build(cluster: Cluster, work: Path, progress: Callable[[str], None], settings: Settings | None = None) -> None:
    """Make one database for each legal entity whose ERP speaks the LedgerSMB pack, over again if it is there.

    Raises:
        PackageUnavailableError: The Debian package cannot be had.
        SchemaError: The package's SQL did not make the schema that it should.
    """
    settings = settings or load_settings(CONFIG)
    work.mkdir(parents=True, exist_ok=True)
    progress("LedgerSMB: fetching the package")
    sql_files = fetch(work)
    progress("LedgerSMB: schema")
    build_template(cluster, sql_files, work)
    plan = chart_plan()
    for code, company, mapping in companies(settings):
        progress(f"LedgerSMB: {code}, {company.company}")
        legal_entity = settings.legal_entity(code)
        create_company(cluster, company.database, sql_files, plan.charts[legal_entity.country])
        with cluster.admin(company.database) as connection, connection.transaction():
            furnish(connection, code, company, legal_entity, settings, mapping, plan)
            create_logins(connection, company.database, code, legal_entity.country)
            connection.execute(INDEXES.read_bytes())


def companies(settings: Settings) -> Iterator[tuple[str, CompanySettings, Mapping]]:
    """The legal entities that the pack serves, with their company and mapping."""
    for name, erp in settings.erps.items():
        if erp.pack == PACK:
            for code, company in erp.companies.items():
                yield code, company, settings.mappings[name]


def connections(cluster: Cluster, settings: Settings | None = None) -> dict[str, dict[str, str | int]]:
    """Airflow Connections of every company, by connection id: control, `_candidate`, `_run_off`, `_bookkeeper`, `_custodian`.

    The sandbox's server trusts the loopback, so no connection has a password.
    """
    found: dict[str, dict[str, str | int]] = {}
    for code, company, _ in companies(settings or load_settings(CONFIG)):
        for name in (*(login.name for login in LOGINS), CUSTODIAN):
            connection_id = company.connection if name == "control" else f"{company.connection}_{name}"
            found[connection_id] = {
                "conn_type": "postgres",
                "host": HOST,
                "port": cluster.port,
                "login": login_name(code, name),
                "password": "",
                "schema": company.database,
            }
    return found
