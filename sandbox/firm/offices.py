"""The firm's legal entities, from the configuration that the product reads."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hybrid_erp.settings import Settings


@dataclass(frozen=True, slots=True)
class Office:
    """One legal entity of the firm."""

    code: str
    place: int
    """Its place among the firm's legal entities, from 1: number ranges begin with it."""
    region: str
    country: str
    currency: str
    """Its functional currency."""
    currencies: tuple[str, ...]
    tax_code: str | None
    tax_rate: Decimal

    @property
    def foreign_currencies(self) -> tuple[str, ...]:
        """What it trades in beside its functional currency."""
        return tuple(currency for currency in self.currencies if currency != self.currency)


def offices_of(settings: Settings) -> tuple[Office, ...]:
    """Every configured legal entity, by region and code."""
    found: list[Office] = []
    for name, region in sorted(settings.regions.items()):
        for code, entity in region.legal_entities.items():
            taxes = [(code, tax.rate) for code, tax in settings.chart.tax_codes.items() if tax.country == entity.country]
            tax_code, tax_rate = taxes[0] if taxes else (None, Decimal(0))
            currencies = tuple(entity.currencies)
            terms = (name, entity.country, entity.functional_currency, currencies, tax_code, tax_rate)
            found.append(Office(code, len(found) + 1, *terms))
    return tuple(found)


def common_currency(one: Office, other: Office) -> str | None:
    """What both trade in: the other's functional currency if possible; None if there is nothing."""
    return next(
        (
            currency
            for currency in (other.currency, one.currency, *other.currencies)
            if {currency} <= set(one.currencies) & set(other.currencies)
        ),
        None,
    )
