"""LedgerSMB's SQL files, out of the Debian package."""

from __future__ import annotations

from pathlib import Path

from sandbox.debian import Package, unpacked

VERSION = "1.6.33"
PACKAGE = Package("ledgersmb", f"{VERSION}+ds-2.1", "3ee14f6a20877d033b9e8a6c90d9d964b1cfd8ac9b3cef959ec247d53d2e2946")


def fetch(work: Path) -> Path:
    """The folder of LedgerSMB's SQL files; only they are wanted.

    Raises:
        PackageUnavailableError: The package cannot be had.
    """
    return unpacked([PACKAGE], work) / "usr" / "share" / "ledgersmb" / "sql"
