"""Tryton's own virtual environment, from the hash-locked requirements beside this file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True, slots=True)
class Installation:
    """Where Tryton's programs are."""

    environment: Path

    @property
    def python(self) -> Path:
        """The interpreter that can import Tryton."""
        return self.environment / "bin" / "python"

    @property
    def admin(self) -> Path:
        """The program that activates modules."""
        return self.environment / "bin" / "trytond-admin"

    @property
    def gunicorn(self) -> Path:
        """The web server that runs Tryton."""
        return self.environment / "bin" / "gunicorn"


def install(work: Path) -> Installation:
    """Install Tryton under `work`, or find what an earlier run installed from the same requirements.

    Raises:
        RuntimeError: uv is missing or refused, with its own words.
    """
    found = Installation(work / "tryton-venv")
    stamp = found.environment / "installed-requirements"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return found
    uv = _uv()
    _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(found.environment))
    _run(uv, "pip", "install", "--quiet", "--python", str(found.python), "--require-hashes", "-r", str(REQUIREMENTS))
    stamp.write_text(wanted, encoding="utf-8")
    return found


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise RuntimeError("Tryton cannot be installed: uv is neither in this virtual environment nor on the path. Run `make setup` first.")
    return found


def _run(*command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"Tryton was not installed: `{command[1]}` ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
