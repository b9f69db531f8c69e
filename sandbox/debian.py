"""Debian packages: downloaded by apt, compared with the content that is known to work, and unpacked; never installed."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class PackageUnavailableError(RuntimeError):
    """A Debian package cannot be had on this machine."""


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package of Debian 12."""

    name: str
    version: str
    sha256: str

    def found(self, work: Path) -> Path | None:
        """Its file, where apt or a person has put it."""
        return next(work.glob(f"{self.name}_{self.version}_*.deb"), None)


def unpacked(packages: Sequence[Package], work: Path) -> Path:
    """The folder with all files of these packages; they are downloaded on first use and kept in `work`. The first one names the folder.

    Installing them would start services, and needs an administrator.

    Raises:
        PackageUnavailableError: There is no apt, no network, or another version or content than the one that is known to work.
    """
    folder = work / f"{packages[0].name}-{packages[0].version}"
    complete = folder / ".complete"
    if not complete.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for package in packages:
            _run(["dpkg", "-x", str(_known(package, work)), str(folder)], package, work)
        complete.touch()
    return folder


def _known(package: Package, work: Path) -> Path:
    file = package.found(work) or _downloaded(package, work)
    if hashlib.sha256(file.read_bytes()).hexdigest() != package.sha256:
        raise PackageUnavailableError(f"{file} is not the package that is known to work: its SHA-256 is another. Delete it and run again.")
    return file


def _downloaded(package: Package, work: Path) -> Path:
    command = ["apt-get", "download", "-q", package.name]
    try:
        _run(command, package, work)
    except PackageUnavailableError:
        _run(["apt-get", "update", "-q"], package, work)  # a fresh machine knows no packages yet
        _run(command, package, work)
    if (file := package.found(work)) is None:
        offered = ", ".join(path.name for path in work.glob(f"{package.name}_*.deb")) or "nothing"
        raise PackageUnavailableError(
            f"Debian offers {offered}, the sandbox needs {package.name} {package.version} (Debian 12). {_by_hand(package, work)}"
        )
    return file


def _by_hand(package: Package, work: Path) -> str:
    return f"Put {package.name}_{package.version}_*.deb into {work} and run again."


def _run(command: list[str], package: Package, work: Path) -> None:
    try:
        done = subprocess.run(command, cwd=work, check=False, capture_output=True, text=True, timeout=180)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackageUnavailableError(f"{command[0]} cannot be run here ({error}). {_by_hand(package, work)}") from error
    if done.returncode:
        told = done.stderr.strip() or done.stdout.strip()
        raise PackageUnavailableError(f"{' '.join(command)} failed: {told} Check the network. {_by_hand(package, work)}")
