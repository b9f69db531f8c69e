"""Keys and passwords of the sandbox's Tryton: made when it is built, kept beside it, never in the repository."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

ROLES = {"control": "hybrid_control", "candidate": "hybrid_candidate", "run_off": "hybrid_run_off"}
"""The product's roles and their logins."""
BOOKKEEPER = "bookkeeper"
ADMINISTRATOR = "admin"
CUSTODIAN = "hybrid_custodian"
"""Who takes the right to post away and gives it back; it holds none itself."""


@dataclass(frozen=True, slots=True)
class CompanySecrets:
    """What opens one database."""

    keys: dict[str, str] = field(default_factory=lambda: {role: secrets.token_hex(32) for role in ROLES})
    """REST keys by role."""
    passwords: dict[str, str] = field(
        default_factory=lambda: {login: secrets.token_urlsafe(24) for login in (ADMINISTRATOR, BOOKKEEPER, CUSTODIAN)}
    )
    """Passwords of people and of the custodian by login."""


def load(file: Path) -> dict[str, CompanySecrets]:
    """By database; empty if nothing has been built."""
    if not file.exists():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    return {database: CompanySecrets(row["keys"], row["passwords"]) for database, row in content.items()}


def save(file: Path, found: dict[str, CompanySecrets]) -> None:
    """Readable by the owner alone, from its first byte on."""
    content = {database: {"keys": each.keys, "passwords": each.passwords} for database, each in found.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)
