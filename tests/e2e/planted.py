"""Secrets that are found nowhere else: one in every place where the product takes one; and the search for them afterwards."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from sandbox.erps import secret_words
from sandbox.golden import SECRETS
from sandbox.site import Site

#: An upstream system of this test alone: with a webhook that nobody answers, and an identity provider that is not there.
SOURCE = "erp-desk"
WEBHOOK = "outcomes_erp_desk"
ISSUER = "https://login.example.com/realms/firm"
NOBODY_PORT = 9  # of this machine: nothing listens there
#: A company whose Connection can be exchanged for one with a wrong key.
COMPANY = ("tryton-apac", "AU01")
WRONG = "tryton_au01_wrong"


def planted(name: str) -> str:
    """The secret of a place, the same in every process."""
    return f"planted{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def webhook_secret() -> str:
    """One of Standard Webhooks."""
    return f"whsec_{base64.b64encode(planted(WEBHOOK).encode()).decode()}"


@dataclass(frozen=True, slots=True)
class PlantedSite(Site):
    """A site whose every Connection has a password, also where the sandbox needs none: its PostgreSQL trusts the loopback."""

    def connections(self) -> dict[str, dict[str, object]]:
        """As the site's, and those that fail."""
        found = Site.connections(self)
        found = {name: {**content, "password": content.get("password") or planted(name)} for name, content in found.items()}
        wrong = {**found["tryton_au01"], "password": planted(WRONG)}
        webhook = {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": NOBODY_PORT, "password": webhook_secret()}
        return {**found, WRONG: wrong, WEBHOOK: webhook}


def plant(config: Path) -> None:
    """Give the source its webhook and its identity provider."""
    sources = yaml.safe_load((config / "sources.yaml").read_text())
    sources["sources"][SOURCE] |= {
        "webhook_connection": WEBHOOK,
        "oauth": {
            "issuer": ISSUER,
            "audience": "hybrid-erp",
            "jwks_url": f"https://127.0.0.1:{NOBODY_PORT}/certs",
            "client_id": SOURCE,
        },
    }
    (config / "sources.yaml").write_text(yaml.safe_dump(sources))


def take_the_wrong_key(config: Path, connection: str) -> None:
    """Let the company be reached by another Connection."""
    erps = yaml.safe_load((config / "erps.yaml").read_text())
    erp, legal_entity = COMPANY
    erps["erps"][erp]["companies"][legal_entity]["connection"] = connection
    (config / "erps.yaml").write_text(yaml.safe_dump(erps))


def secrets_of(site: Site) -> dict[str, str]:
    """Every secret that a site knows, by where it is taken."""
    of_connections = {name: str(content["password"]) for name, content in site.connections().items()}
    of_erps = {f"an ERP's secret {number}": word for number, word in enumerate(secret_words(site.folder / SECRETS))}
    of_people = {f"login {name}": word for name, word in site.logins.items()}
    of_airflow = {f"key {name}": word for name, word in site.keys.items()}
    return {**of_erps, **of_connections, **of_people, **of_airflow}


@dataclass(frozen=True)
class Search:
    """Looks for secrets, also where they are written as a URL or as base64 would, or as the bytes of a column."""

    secrets: Mapping[str, str]

    def in_text(self, where: str, text: str) -> Iterator[str]:
        """One line for each secret that is there."""
        for name, secret in self.secrets.items():
            if any(form in text for form in _forms(secret)):
                yield f"{where} holds the secret of {name}"

    def in_files(self, folder: Path) -> Iterator[str]:
        """In all files of a folder."""
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            yield from self.in_text(str(file), file.read_text(errors="replace"))

    def in_database(self, dsn: str) -> Iterator[str]:
        """In every row of every table."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            for schema, table in connection.execute(TABLES).fetchall():
                statement = sql.SQL("SELECT each::text FROM {} AS each").format(sql.Identifier(schema, table))
                yield from self.in_rows(f"the table {table}", connection.execute(statement))

    def in_rows(self, where: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
        """In a table's rows: all at once, since most hold nothing."""
        yield from self.in_text(where, "\n".join(text for (text,) in rows))


TABLES = """
    SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""


def _forms(secret: str) -> set[str]:
    content = secret.encode()
    return {secret, base64.b64encode(content).decode().rstrip("="), content.hex()}
