"""Both real ERPs together: building their databases, starting their servers, reaching them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hybrid_erp.settings import load_settings
from sandbox.firm.enter import enter_in_ledgersmb, enter_in_tryton
from sandbox.ledgersmb import build as ledgersmb
from sandbox.plan import Part, Ready
from sandbox.postgres import HOST, Cluster
from sandbox.tryton import build as tryton
from sandbox.tryton import connections as tryton_connections
from sandbox.tryton import secrets as tryton_secrets
from sandbox.tryton.companies import companies
from sandbox.tryton.install import install
from sandbox.tryton.server import TrytonServer, write_config

# Servers of the ERPs that need a port of their own; LedgerSMB is reached by SQL alone.
PORTS = ("tryton",)

TRYTON_SECRETS = "tryton.json"

Builder = Callable[[Cluster, Path, Path, Callable[[str], None]], None]
Connections = dict[str, dict[str, Any]]


def builders() -> dict[str, Builder]:
    """What fills the golden cluster, by the ERP's name; each may run beside the others.

    A builder gets the running cluster, a folder for what it downloads, a folder for the secrets that it sets, and somebody to tell.
    """
    return {"tryton": _build_tryton, "ledgersmb": _build_ledgersmb}


def _build_ledgersmb(cluster: Cluster, work: Path, _: Path, progress: Callable[[str], None]) -> None:
    ledgersmb.build(cluster, work, progress)  # the sandbox's server trusts the loopback: no secrets
    enter_in_ledgersmb(cluster, progress)


def _build_tryton(cluster: Cluster, work: Path, secrets: Path, progress: Callable[[str], None]) -> None:
    try:
        tryton.build(cluster, work, secrets / TRYTON_SECRETS, progress)
    except RuntimeError as error:  # its first start was seen to fail on a busy machine; a build begins from nothing
        progress(f"Tryton: trying once more, since {str(error).splitlines()[0][:120]}")
        tryton.build(cluster, work, secrets / TRYTON_SECRETS, progress)
    enter_in_tryton(cluster, work, progress)


def connections(cluster: Cluster, ports: Mapping[str, int], secrets: Path) -> Connections:
    """The Airflow Connections of every company of both ERPs."""
    return {**ledgersmb.connections(cluster), **tryton_connections.connections(secrets / TRYTON_SECRETS, ports["tryton"])}


def secret_words(secrets: Path) -> tuple[str, ...]:
    """Every key and password that the builders set, so that no log line shows one."""
    opened = tryton_secrets.load(secrets / TRYTON_SECRETS).values()
    return tuple(word for company in opened for word in (*company.keys.values(), *company.passwords.values()))


def servers(cluster: Cluster, ports: Mapping[str, int], work: Path, folder: Path, environment: dict[str, str]) -> list[Part]:
    """The ERPs' own servers, which start as soon as the database is there."""
    server = TrytonServer(
        installation=install(work / "tryton"),
        config=write_config(folder / "trytond.conf", cluster.port),
        port=ports["tryton"],
        databases=tuple(company.database for company in companies()),
    )
    return [
        Part(
            name="tryton",
            command=tuple(server.command),
            environment=environment | server.environment,
            after=("database",),
            # Without a key it has to refuse; then its last database is loaded too.
            ready=Ready(url=f"{server.url}/{server.databases[-1]}/rest/model/res.user", status=401),
        )
    ]


def addresses(cluster: Cluster, ports: Mapping[str, int]) -> list[str]:
    """Where a person finds each company."""
    settings = load_settings(ledgersmb.CONFIG)
    legacy = [f"{code}  LedgerSMB  {cluster.dsn(company.database)}" for code, company, _ in ledgersmb.companies(settings)]
    cloud = [f"{company.legal_entity}  Tryton     http://{HOST}:{ports['tryton']}/{company.database}/" for company in companies()]
    return [*legacy, *cloud]
