"""LedgerSMB's SQL files out of the Debian package: downloaded and unpacked, never installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

VERSION = "1.6.33"


class PackageUnavailableError(RuntimeError):
    """The Debian package cannot be had on this machine."""


def fetch(work: Path) -> Path:
    """The folder of LedgerSMB's SQL files; downloads the package on first use and keeps it in `work`.

    Installing it would start services and ask for a database of its own; only its SQL is wanted.

    Raises:
        PackageUnavailableError: There is no apt, no network, or another version than the one that is known to work.
    """
    unpacked = work / f"ledgersmb-{VERSION}"
    sql_files = unpacked / "usr" / "share" / "ledgersmb" / "sql"
    if not (sql_files / "Pg-database.sql").exists():
        unpacked.mkdir(parents=True, exist_ok=True)
        package = next(work.glob(f"ledgersmb_{VERSION}*.deb"), None) or _download(work)
        _run(["dpkg", "-x", str(package), str(unpacked)], work)
    return sql_files


def _download(work: Path) -> Path:
    try:
        _run(["apt-get", "download", "-q", "ledgersmb"], work)
    except PackageUnavailableError:
        _run(["apt-get", "update", "-q"], work)  # a fresh machine knows no packages yet
        _run(["apt-get", "download", "-q", "ledgersmb"], work)
    found = next(work.glob(f"ledgersmb_{VERSION}*.deb"), None)
    if found is None:
        names = ", ".join(path.name for path in work.glob("ledgersmb_*.deb")) or "nothing"
        raise PackageUnavailableError(
            f"Debian offers {names}, the sandbox needs LedgerSMB {VERSION} (Debian 12). Put its .deb into {work} and run again."
        )
    return found


def _run(command: list[str], work: Path) -> None:
    try:
        done = subprocess.run(command, cwd=work, check=False, capture_output=True, text=True, timeout=180)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackageUnavailableError(
            f"{command[0]} cannot be run here ({error}); the legacy ERP comes as a Debian package. "
            f"Put ledgersmb_{VERSION}*.deb into {work} and run again."
        ) from error
    if done.returncode:
        raise PackageUnavailableError(
            f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()} "
            f"Check the network, or put ledgersmb_{VERSION}*.deb into {work} and run again."
        )
