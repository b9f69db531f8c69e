"""The golden cluster: every database built and seeded once, stopped, and copied for each site.

It is kept under a name that holds the hash of all it was built from. A build happens in a folder of its own and gets that name only
when it is complete, so that no broken or interrupted build is ever used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox import airflow_parts, erps
from sandbox.launch import Progress, is_guarded, launched, remove
from sandbox.locks import at_once_or_not, exclusive, shared
from sandbox.places import CHECKOUT, SANDBOX, WORK
from sandbox.plan import Part, Plan
from sandbox.ports import free_ports
from sandbox.postgres import Cluster

SECRETS = "secrets"
BUILD_MINUTES_MAX = 30

# Whatever can change what the golden cluster holds.
INPUTS = (
    "sandbox/requirements.txt",
    "sandbox/postgres.py",
    "sandbox/golden.py",
    "sandbox/erps.py",
    "sandbox/debian.py",
    "sandbox/ledgersmb/**/*",
    "sandbox/tryton/**/*",
    "sandbox/firm*/**/*",
    "sandbox/firm*.py",
    "config/*.yaml",
    "config/regions/*",
    "config/mappings/**/*",
    "config/packs/*/indexes.sql",
)


@dataclass(frozen=True, slots=True)
class Golden:
    """A complete build: a stopped cluster, and the secrets that were set in it."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data directory to copy."""
        return self.folder / "database"

    @property
    def secrets(self) -> Path:
        """The folder with the keys and passwords that were set while it was built."""
        return self.folder / SECRETS


def fingerprint() -> str:
    """The hash of all inputs: names and contents."""
    digest = hashlib.sha256()
    files = {path for pattern in INPUTS for path in CHECKOUT.glob(pattern) if path.is_file() and "__pycache__" not in path.parts}
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(CHECKOUT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


@contextmanager
def golden_cluster(progress: Progress) -> Iterator[Golden]:
    """The golden cluster for the sources as they are now, built if need be, kept from removal for the length of the block.

    Raises:
        StartError: The build failed; the message says where and why.
    """
    golden = Golden(SANDBOX / f"golden-{fingerprint()}")
    with shared(_lock_of(golden.folder)):
        if not golden.folder.exists():
            with exclusive(SANDBOX / "building.lock", progress, "another program that builds databases"):
                if not golden.folder.exists():
                    _build(golden, progress)
        yield golden


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _build(golden: Golden, progress: Progress) -> None:
    """Build under supervision, so that an interrupted build leaves nothing running either."""
    started = time.monotonic()
    progress("building the databases of both ERPs; this happens once, until their sources change")
    unfinished = golden.folder.with_name(f"building-{golden.folder.name}-{os.getpid()}")
    remove(unfinished)
    build = Part(
        name="build",
        command=(sys.executable, "-m", "sandbox.golden", str(unfinished)),
        environment=dict(os.environ) | {"PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT}", "PYTHONUNBUFFERED": "1"},
        patience_seconds=BUILD_MINUTES_MAX * 60,
        relayed=True,
    )
    with launched(Plan(folder=unfinished, parts=(build,)), progress):
        pass
    unfinished.rename(golden.folder)
    _remove_outdated(golden)
    progress(f"databases built ({time.monotonic() - started:.0f} s)")


def _remove_outdated(golden: Golden) -> None:
    """Delete builds from other sources, unless somebody is copying them, and what interrupted builds left."""
    for folder in SANDBOX.glob("golden-*/"):
        if folder == golden.folder:
            continue
        with at_once_or_not(_lock_of(folder)) as unused:
            if unused:
                shutil.rmtree(folder, ignore_errors=True)
                _lock_of(folder).unlink()
    remove_abandoned("building-golden-*-*/")


def remove_abandoned(pattern: str) -> None:
    """Delete folders of programs that are gone; their names end in the number of the program that made them."""
    for folder in SANDBOX.glob(pattern):
        if not psutil.pid_exists(int(folder.name.rpartition("-")[2])) and not is_guarded(folder):
            remove(folder)


def build(folder: Path) -> None:
    """Fill a new cluster: each ERP and Airflow's own tables at the same time, then stop it for copying."""
    cluster = Cluster(folder / "database", free_ports(1)[0])
    cluster.start()
    secrets = folder / SECRETS
    secrets.mkdir(mode=0o700)
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(_migrate_airflow, cluster, folder)]
        for name, builder in erps.builders().items():
            work = WORK / name
            work.mkdir(parents=True, exist_ok=True)
            jobs.append(pool.submit(builder, cluster, work, secrets, _tell))
        done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
        for job in done:
            job.result()
    _drop_spare_log(cluster)
    cluster.stop()


def _drop_spare_log(cluster: Cluster) -> None:
    """Let the server use up and delete the transaction log that it keeps ready: each site copies what is there."""
    with cluster.admin() as connection:
        connection.execute("ALTER SYSTEM SET min_wal_size = '32MB'")
        connection.execute("ALTER SYSTEM SET max_wal_size = '32MB'")
        connection.execute("SELECT pg_reload_conf()")
        time.sleep(1)  # until every process of the server has read it
        for _ in range(len(connection.execute("SELECT pg_ls_waldir()").fetchall())):
            connection.execute("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()")
        connection.execute("CHECKPOINT")
        connection.execute("ALTER SYSTEM RESET ALL")


def _tell(line: str) -> None:
    print(line, flush=True)


def _migrate_airflow(cluster: Cluster, folder: Path) -> None:
    started = time.monotonic()
    cluster.create_database(airflow_parts.DATABASE)
    environment = dict(os.environ) | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_parts.sqlalchemy_url(cluster),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    airflow = Path(sys.executable).parent / "airflow"
    done = subprocess.run([airflow, "db", "migrate"], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"`airflow db migrate` ended with {done.returncode}:\n{done.stderr[-3000:]}")
    _tell(f"Airflow: tables made ({time.monotonic() - started:.0f} s)")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
