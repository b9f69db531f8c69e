"""Which modules of Tryton could make a copy loud."""

from __future__ import annotations

import pytest

from hybrid_erp.adapters.erps.tryton.quietness import loud_module


@pytest.mark.parametrize(
    "name",
    [
        "account_dunning",
        "account_dunning_email",
        "account_payment",
        "account_payment_sepa",
        "account_invoice_edocument",
        "edocument_uncefact",
        "edocument_peppol",
        "notification_email",
        "account_es_sii",
    ],
)
def test_a_module_that_duns_pays_or_sends_is_loud_and_says_what_it_does(name: str) -> None:
    found = loud_module(name)

    assert found is not None
    assert found.name == name
    assert found.what


@pytest.mark.parametrize("name", ["account", "account_invoice", "analytic_invoice", "bank", "ir", "party", "project_revenue", "timesheet"])
def test_what_the_facade_itself_needs_is_quiet(name: str) -> None:
    assert loud_module(name) is None
