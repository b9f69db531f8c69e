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
from typing import NamedTuple

from hybrid_erp.operations.evidence.keys import new_key, pem_of, private_key_of
from sandbox import airflow_parts, erps
from sandbox.fault_proxy import FaultyLine
from sandbox.golden import SECRETS, golden_cluster
from sandbox.launch import Launch, Progress, launch, remove
from sandbox.places import CHECKOUT, SANDBOX, WORK, for_tests
from sandbox.plan import Part, Plan, Ready, write_private
from sandbox.ports import HOST, free_ports
from sandbox.postgres import Cluster

SITE_FILE = "site.json"
EVIDENCE_KEY = "evidence"
PUBLIC_KEY_FILE = "evidence-public-key.pem"

# Role names are Airflow's: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/auth-manager/simple/
ROLES = {"admin": "admin", "lead": "op", "deputy": "op", "controller": "user", "controller-uk": "user", "viewer": "viewer"}


class Line(NamedTuple):
    """What stands at the end of a faulty line."""

    server: str  # the name of its port
    protocol: str


LINES = {"ledgersmb": Line("database", "postgres"), "tryton": Line("tryton", "http")}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a site is, what it listens on, and who may log in."""

    folder: Path
    ports: Mapping[str, int]
    logins: Mapping[str, str] = field(repr=False)
    keys: Mapping[str, str] = field(repr=False)  # of Airflow: JWT, Fernet, sessions; and the one that evidence is signed with
    has_airflow: bool = True
    has_faulty_lines: bool = False  # the product reaches the ERPs through fault proxies
    config: Path = CHECKOUT / "config"
    durable: bool = True  # it outlives a crash of the machine

    @property
    def cluster(self) -> Cluster:
        """The PostgreSQL server with all databases of the site."""
        return Cluster(self.folder / "database", self.ports["database"], self.durable)

    @property
    def airflow_url(self) -> str:
        """Where people and the canonical API's clients reach Airflow."""
        return f"http://{HOST}:{self.ports['airflow']}"

    def connections(self) -> dict[str, dict[str, object]]:
        """Every Airflow Connection of the site, by its id, in Airflow's JSON form."""
        from sandbox.store_setup import evidence_connections, store_connections

        database, tryton = (self.line_port(erp) for erp in LINES)
        reached = replace(self.cluster, port=database), {**self.ports, "tryton": tryton}
        signing = evidence_connections(self.keys[EVIDENCE_KEY], self.folder / "audit-heads")
        own: dict[str, dict[str, object]] = {}
        if self.has_airflow:  # notes of runs, and whether Airflow has the pools and the logins that the plan names
            address = {"conn_type": "http", "host": HOST, "port": self.ports["airflow"]}
            own["hybrid_erp_airflow"] = {**address, "login": "admin", "password": self.logins["admin"]}
        return {**erps.connections(*reached, self.folder / SECRETS), **store_connections(self.cluster), **signing, **own}

    def line_port(self, erp: str) -> int:
        """The port at which the product reaches `ledgersmb` or `tryton`."""
        return self.ports[f"{erp}_line" if self.has_faulty_lines else LINES[erp].server]

    def line(self, erp: str) -> FaultyLine:
        """The line to `ledgersmb` or `tryton`, to be disturbed; of a site with faulty lines alone."""
        return FaultyLine(self.ports[f"{erp}_line_control"])

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
        if self.has_faulty_lines:
            parts += [self._line_part(erp, environment) for erp in LINES]
        reached = ("tryton", *(f"{erp}-line" for erp in LINES)) if self.has_faulty_lines else ("tryton",)
        parts.append(self._step("master-data", "adopt-master-data", environment, after=("store", *reached)))
        if self.has_airflow:
            parts.append(self._step("airflow-pools", "make-pools", environment, after=("database",)))
            parts += airflow_parts.parts(self.airflow_url, environment, after=("store",))
        return Plan(
            folder=self.folder,
            parts=tuple(parts),
            closing=(self._step("database-stop", "stop-database", environment),),
            ports=tuple(self.ports.values()),
            temporary=temporary,
            secrets=(*self.logins.values(), *self.keys.values(), *erps.secret_words(self.folder / SECRETS)),
        )

    def _line_part(self, erp: str, environment: dict[str, str]) -> Part:
        line, control = self.ports[f"{erp}_line"], self.ports[f"{erp}_line_control"]
        command = (
            sys.executable,
            "-m",
            "sandbox.fault_proxy",
            LINES[erp].protocol,
            *map(str, (line, self.ports[LINES[erp].server], control)),
        )
        return Part(name=f"{erp}-line", command=command, environment=environment, ready=Ready(port=control))

    def _step(self, name: str, verb: str, environment: dict[str, str], *, after: tuple[str, ...] = ()) -> Part:
        command = (sys.executable, "-m", "sandbox.steps", verb, str(self.folder))
        return Part(name=name, command=command, environment=environment, after=after, patience_seconds=180)

    def save(self) -> None:
        """Keep the site's facts in its folder, for its owner's eyes only."""
        write_private(self.folder / SITE_FILE, json.dumps(asdict(self), default=str, indent=2))
        (self.folder / "airflow").mkdir(exist_ok=True)
        write_private(self.folder / "airflow" / airflow_parts.PASSWORDS_FILE, json.dumps(dict(self.logins)))
        self.public_key.write_text(pem_of(private_key_of(self.keys[EVIDENCE_KEY]).public_key()))

    @property
    def public_key(self) -> Path:
        """The file with the key that this site's evidence is verified with."""
        return self.folder / PUBLIC_KEY_FILE

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


def new_site(
    folder: Path, progress: Progress, *, airflow: bool, faulty_lines: bool = False, own_config: bool = False, durable: bool = True
) -> Site:
    """Lay out a site from the golden cluster, in the place of whatever was in that folder before.

    `own_config`: with a copy of the configuration, to be changed while the site runs.
    """
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
    names = ["database", *erps.PORTS, "airflow", *(f"{erp}_{end}" for erp in LINES for end in ("line", "line_control"))]
    site = Site(
        folder=folder,
        ports=dict(zip(names, free_ports(len(names)), strict=True)),
        logins={login: secrets.token_urlsafe(12) for login in ROLES},
        keys={**airflow_parts.new_keys(), EVIDENCE_KEY: new_key()},
        has_airflow=airflow,
        has_faulty_lines=faulty_lines,
        config=Path(shutil.copytree(CHECKOUT / "config", folder / "config")) if own_config else CHECKOUT / "config",
        durable=durable,
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
def running_site(
    name: str, progress: Progress, *, airflow: bool, faulty_lines: bool = False, own_config: bool = False, durable: bool = True
) -> Iterator[Site]:
    """A site of its own for the length of a block; nothing of it is left afterwards, however the block ends."""
    site = new_site(
        SANDBOX / name if durable else for_tests(name),
        progress,
        airflow=airflow,
        faulty_lines=faulty_lines,
        own_config=own_config,
        durable=durable,
    )
    launched = start(site, progress, temporary=True)
    try:
        yield site
    finally:
        launched.stop()
