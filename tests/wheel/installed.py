"""A clean environment: an Airflow from the package index, our wheel in it, a store, and nothing of this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hybrid_erp.operations.evidence.keys import new_key
from sandbox.airflow_parts import LIVENESS
from sandbox.places import CHECKOUT
from sandbox.site import plain_environment
from sandbox.store_setup import DUTIES, evidence_connections, login_of
from tests.builders import CONFIG, the_settings
from tests.stores import Store

HERE: Final = Path(__file__).parent
UV: Final = str(Path(sys.executable).with_name("uv"))
SECONDS_MAX: Final = 240


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(CHECKOUT)], check=True, timeout=SECONDS_MAX)
    (wheel,) = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True, slots=True)
class Installed:
    """A wheel in an environment of its own."""

    folder: Path
    wheel: Path
    lock: Path

    def install(self) -> None:
        """Make the environment: what the lock says, then the wheel alone."""
        self.uv("venv", "--quiet", "--python", sys.executable, str(self.environment))
        self.uv("pip", "sync", "--quiet", "--python", str(self.python), str(self.lock))
        self.uv("pip", "install", "--quiet", "--no-deps", "--python", str(self.python), str(self.wheel))
        self.home.mkdir()

    @property
    def environment(self) -> Path:
        return self.folder / "environment"

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def home(self) -> Path:
        """Airflow's home, and where every program is started."""
        return self.folder / "home"

    @property
    def dags(self) -> Path:
        """Where Airflow looks for DAG files."""
        return self.folder / "dags"

    def uv(self, *arguments: str) -> str:
        done = subprocess.run([UV, *arguments], check=False, capture_output=True, text=True, timeout=SECONDS_MAX)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def run(self, program: str, *arguments: str, expect: int = 0, terms: Mapping[str, str] = MappingProxyType({})) -> str:
        """What a program of the environment writes to its standard output."""
        command = [str(self.environment / "bin" / program), *arguments]
        done = subprocess.run(
            command, cwd=self.home, env=self.variables() | dict(terms), check=False, capture_output=True, text=True, timeout=SECONDS_MAX
        )
        assert done.returncode == expect, f"{' '.join(command)}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + (done.stderr if expect else "")

    def variables(self) -> dict[str, str]:
        """Airflow's settings as docs/operations.md names them, and no search path."""
        settings = {"CORE__LOAD_EXAMPLES": "False", "CORE__DAGS_FOLDER": str(self.dags), **LIVENESS}
        kept = {name: value for name, value in plain_environment().items() if name != "VIRTUAL_ENV"}
        return {
            **kept,
            "PATH": f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.home),
            "HYBRID_ERP_CONFIG": str(CONFIG),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        }

    def seen(self, what: str, which: str, **terms: str) -> dict[str, Any]:
        """What `inside.py` finds."""
        found: dict[str, Any] = json.loads(self.run("python", str(HERE / "inside.py"), what, which, terms=terms).splitlines()[-1])
        return found


def connections(store: Store, heads: Path) -> dict[str, str]:
    """Every Connection that the shipped configuration needs; nothing of the check asks an ERP. `heads`: where the audit trail's go."""
    of_store = {
        f"hybrid_erp_{duty}": {"host": "127.0.0.1", "port": store.cluster.port, "login": login_of(duty), "schema": store.database}
        for duty in DUTIES
    }
    companies = [company.connection for erp in the_settings().erps.values() for company in erp.companies.values()]
    of_erps: dict[str, dict[str, Any]] = {
        f"{company}{role}": {"host": "erp.invalid"} for company in companies for role in ("", "_candidate", "_run_off", "_custodian")
    }
    return {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps({"conn_type": "postgres", **content})
        for name, content in {**of_store, **of_erps, **evidence_connections(new_key(), heads)}.items()
    }
