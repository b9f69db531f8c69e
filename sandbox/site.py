"""A site: one running copy of everything, in a folder, on ports and with secrets of its own.

A site starts from the golden cluster, so it is new each time; what was done in an earlier one is gone with it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from sandbox import airflow_parts, erps
from sandbox.golden import SECRETS, golden_cluster
from sandbox.launch import Launch, Progress, launch, remove
from sandbox.places import CHECKOUT, SANDBOX, WORK
from sandbox.plan import Part, Plan, write_private
from sandbox.ports import HOST, free_ports
from sandbox.postgres import Cluster

SITE_FILE = "site.json"

# Role names are Airflow's: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/auth-manager/simple/
ROLES = {"admin": "admin", "lead": "op", "controller": "user", "viewer": "viewer"}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a site is, what it listens on, and who may log in."""

    folder: Path
    ports: Mapping[str, int]
    logins: Mapping[str, str] = field(repr=False)
    keys: Mapping[str, str] = field(repr=False)  # of Airflow: JWT, Fernet, sessions
    has_airflow: bool = True
    config: Path = CHECKOUT / "config"

    @property
    def cluster(self) -> Cluster:
        """The PostgreSQL server with all databases of the site."""
        return Cluster(self.folder / "database", self.ports["database"])

    @property
    def airflow_url(self) -> str:
        """Where people and the canonical API's clients reach Airflow."""
        return f"http://{HOST}:{self.ports['airflow']}"

    def connections(self) -> dict[str, dict[str, object]]:
        """Every Airflow Connection of the site, by its id, in Airflow's JSON form."""
        from sandbox.store_setup import store_connections

        return {**erps.connections(self.cluster, self.ports, self.folder / SECRETS), **store_connections(self.cluster)}

    def environment(self) -> dict[str, str]:
        """The environment of every program of the product in this site: search path, configuration, connections."""
        connections = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(content) for name, content in self.connections().items()}
        return {
            **plain_environment(),
            "PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT}",
            "HYBRID_ERP_CONFIG": str(self.config),
            **connections,
            **airflow_parts.environment(self.folder / "airflow", self.cluster, self.ports["airflow"], self.keys, ROLES),
        }

    def plan(self, *, temporary: bool) -> Plan:
        """What has to run for this site, in which order."""
        environment = self.environment()
        parts = [
            self._step("database", "start-database", environment),
            self._step("store", "prepare-store", environment, after=("database",)),
            *erps.servers(self.cluster, self.ports, WORK, self.folder, plain_environment()),
        ]
        if self.has_airflow:
            parts += airflow_parts.parts(self.airflow_url, environment, after=("store",))
        return Plan(
            folder=self.folder,
            parts=tuple(parts),
            closing=(self._step("database-stop", "stop-database", environment),),
            ports=tuple(self.ports.values()),
            temporary=temporary,
            secrets=(*self.logins.values(), *self.keys.values(), *erps.secret_words(self.folder / SECRETS)),
        )

    def _step(self, name: str, verb: str, environment: dict[str, str], *, after: tuple[str, ...] = ()) -> Part:
        command = (sys.executable, "-m", "sandbox.steps", verb, str(self.folder))
        return Part(name=name, command=command, environment=environment, after=after, patience_seconds=180)

    def save(self) -> None:
        """Keep the site's facts in its folder, for its owner's eyes only."""
        write_private(self.folder / SITE_FILE, json.dumps(asdict(self), default=str, indent=2))
        (self.folder / "airflow").mkdir(exist_ok=True)
        write_private(self.folder / "airflow" / airflow_parts.PASSWORDS_FILE, json.dumps(dict(self.logins)))

    @classmethod
    def load(cls, folder: Path) -> Site:
        """The site of a folder.

        Raises:
            FileNotFoundError: There is none.
        """
        content = json.loads((folder / SITE_FILE).read_text())
        return replace(cls(**content), folder=Path(content["folder"]), config=Path(content["config"]))


def plain_environment() -> dict[str, str]:
    """What every program of a site inherits: nothing that names another Airflow, Python path or database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "HYBRID_ERP", "PG"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    direct = f"{HOST},localhost"  # no proxy between the parts
    return {**kept, "PATH": path, "NO_PROXY": direct, "no_proxy": direct, "PYTHONUNBUFFERED": "1"}


def new_site(folder: Path, progress: Progress, *, airflow: bool) -> Site:
    """Lay out a site from the golden cluster, in the place of whatever was in that folder before."""
    remove(folder)
    folder.mkdir(parents=True)
    with golden_cluster(progress) as golden:
        copied = subprocess.run(
            ["cp", "-a", "--reflink=auto", str(golden.data), str(folder / "database")], check=False, capture_output=True, text=True
        )
        if copied.returncode:
            raise OSError(
                f"The golden cluster could not be copied to {folder}: {copied.stderr.strip()}. Make room on the disk and try again."
            )
        shutil.copytree(golden.secrets, folder / SECRETS)
    names = ["database", *erps.PORTS, "airflow"]
    site = Site(
        folder=folder,
        ports=dict(zip(names, free_ports(len(names)), strict=True)),
        logins={login: secrets.token_urlsafe(12) for login in ROLES},
        keys=airflow_parts.new_keys(),
        has_airflow=airflow,
    )
    site.save()
    return site


def start(site: Site, progress: Progress, *, temporary: bool) -> Launch:
    """Start a site and wait until all of it serves.

    Raises:
        StartError: A part failed; nothing runs any more.
    """
    return launch(site.plan(temporary=temporary), progress)


@contextmanager
def running_site(name: str, progress: Progress, *, airflow: bool) -> Iterator[Site]:
    """A site of its own for the length of a block; nothing of it is left afterwards, however the block ends."""
    site = new_site(SANDBOX / name, progress, airflow=airflow)
    launched = start(site, progress, temporary=True)
    try:
        yield site
    finally:
        launched.stop()
