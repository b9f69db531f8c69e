"""Both real ERPs together: building their databases, starting their servers, reaching them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.ledgersmb import build as ledgersmb
from sandbox.plan import Part
from sandbox.postgres import Cluster

# Servers of the ERPs that need a port of their own; LedgerSMB is reached by SQL alone.
PORTS = ("tryton",)

Builder = Callable[[Cluster, Path, dict[str, str], Callable[[str], None]], None]


def builders() -> dict[str, Builder]:
    """What fills the golden cluster, by the ERP's name; each may run beside the others."""
    return {"ledgersmb": _build_ledgersmb}


def _build_ledgersmb(cluster: Cluster, work: Path, secrets: dict[str, str], progress: Callable[[str], None]) -> None:
    ledgersmb.build(cluster, work, progress)  # the sandbox's server trusts the loopback: no secrets


def connections(cluster: Cluster, ports: Mapping[str, int], secrets: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """The Airflow Connections of every company of both ERPs."""
    return {name: dict(content) for name, content in ledgersmb.connections(cluster).items()}


def servers(
    cluster: Cluster, ports: Mapping[str, int], secrets: Mapping[str, str], environment: dict[str, str], *, after: tuple[str, ...]
) -> list[Part]:
    """The ERPs' own servers."""
    return []


def addresses(cluster: Cluster, ports: Mapping[str, int]) -> list[str]:
    """Where a person finds each ERP."""
    return [f"LedgerSMB      psql {cluster.dsn('ledgersmb_us01')} (and ca01, de01, uk01, au01, sg01)"]
