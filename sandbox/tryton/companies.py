"""The legal entities that have a database in Tryton, from the same configuration that the product reads."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from sandbox.tryton.chart import PER_US_DOLLAR

CONFIG = Path(__file__).parents[2] / "config"


@dataclass(frozen=True, slots=True)
class Company:
    """One legal entity and its database."""

    legal_entity: str
    database: str
    connection: str
    name: str
    functional_currency: str
    currencies: tuple[str, ...]
    taxes: dict[str, dict[str, str]]
    """Tax code to its name and rate."""

    @property
    def rates(self) -> dict[str, str]:
        """Units of each currency for one unit of the functional currency."""
        base = Decimal(PER_US_DOLLAR[self.functional_currency])
        return {code: str((Decimal(PER_US_DOLLAR[code]) / base).quantize(Decimal("0.000001"))) for code in self.currencies}


def companies(config: Path = CONFIG) -> list[Company]:
    """Every company of an ERP whose dialect is `tryton`."""
    chart = _read(config / "accounts.yaml")
    entities: dict[str, Any] = {}
    for file in sorted((config / "regions").glob("*.yaml")):
        entities |= _read(file)["legal_entities"]
    found = []
    for erp in _read(config / "erps.yaml")["erps"].values():
        if erp["dialect"] != "tryton":
            continue
        for code, company in erp["companies"].items():
            entity = entities[code]
            taxes = {
                name: {"name": tax["name"], "rate": str(tax["rate"])}
                for name, tax in chart["tax_codes"].items()
                if tax["country"] == entity["country"]
            }
            found.append(
                Company(
                    legal_entity=code,
                    database=company["database"],
                    connection=company["connection"],
                    name=company["company"],
                    functional_currency=entity["functional_currency"],
                    currencies=tuple(entity["currencies"]),
                    taxes=taxes,
                )
            )
    return found


def payment_terms(config: Path = CONFIG) -> dict[str, int]:
    """Name and days of each payment term."""
    return {name: int(term["days"]) for name, term in _read(config / "accounts.yaml")["payment_terms"].items()}


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
