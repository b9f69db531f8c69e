"""What the configuration says of a load."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.posting import Posting
from hybrid_erp.operations.load.terms import LoadTerms
from hybrid_erp.settings import Settings
from hybrid_erp.wiring.configuration import settings


def load_terms(configured: Settings, region: str, legal_entity: str, check: Callable[[dict[str, Any]], Posting]) -> LoadTerms:
    """The terms of one legal entity's load.

    Raises:
        ConfigurationError: The region has no plan in order, no such legal entity, or an ERP that is not configured in order.
    """
    plan, moving = configured.plan(region), configured.regions[region]
    if legal_entity not in moving.legal_entities:
        raise ConfigurationError(
            f"{legal_entity} is no legal entity of region {region}; it has {', '.join(sorted(moving.legal_entities))}."
        )
    for erp in (moving.legacy, moving.cloud):
        if erp not in configured.erps:
            raise ConfigurationError(f"The ERP {erp} of region {region} is not configured in order.")
    accounts = configured.chart.accounts
    return LoadTerms(
        region=region,
        legal_entity=legal_entity,
        legacy=moving.legacy,
        cloud=moving.cloud,
        functional_currency=moving.legal_entities[legal_entity].functional_currency,
        clearing_account=plan.clearing_account,
        retained_earnings_account=plan.load.retained_earnings_account,
        fiscal_year_starts_in=plan.load.fiscal_year_starts_in,
        result_accounts=frozenset(number for number, account in accounts.items() if account.type in {"revenue", "expense"}),
        subledger_of={number: account.control for number, account in accounts.items() if account.control},
        not_kept=configured.erps[moving.cloud].not_kept,
        firm=configured.firm,
        cloud_mapping=configured.mappings[moving.cloud],
        posting_of=check,
    )


def terms_of(region: str, legal_entity: str) -> LoadTerms:
    """The terms of one legal entity's load, by the configuration of this process. Raises ConfigurationError as `load_terms`."""
    return load_terms(settings(), region, legal_entity, partial(posting_of, settings().firm))
